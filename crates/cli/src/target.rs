//! The DESTINATION argument.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use btrsync::sync::root::{BtrfsRoot, RootError, RootOptions};
use btrsync::text::escaped;

use crate::advice::Failure;
use crate::args::Args;
use crate::location;

/// Where the subvolumes go.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) root: Arc<dyn BtrfsRoot>,
    /// The directory, relative to the root.
    pub(crate) path: PathBuf,
    /// The path that the user gave.
    pub(crate) argument: PathBuf,
}

impl Target {
    /// Finds the root of the destination; a directory that is missing must be wanted.
    pub(crate) async fn find(args: &Args) -> Result<Self, Failure> {
        let place = location::parse(&args.destination);
        let factory = place.factory()?;
        let create_recvpath = args.create_destpath || args.replicate_dirs;
        let argument = PathBuf::from(place.rest);
        if !create_recvpath {
            exists(&argument)?;
        }
        let options = RootOptions { create_recvpath, ..RootOptions::default() };
        let (root, path) = factory.get_root(&argument, &options).await?;
        Ok(Self { root, path, argument })
    }
}

fn exists(path: &Path) -> Result<(), Failure> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(RootError::NotADirectory { path: path.to_path_buf() }.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let message = format!("the destination {} does not exist", escaped(path));
            Err(Failure::new(message, "create it, or give -c; is its filesystem mounted?"))
        }
        Err(source) => Err(RootError::Open { path: path.to_path_buf(), source }.into()),
    }
}
