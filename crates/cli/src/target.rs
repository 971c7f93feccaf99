//! The DESTINATION argument, and where streams go instead if they are to be dumped.

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use btrsync::sync::root::{BtrfsRoot, DumpRoot, DumpTarget, RootError, RootOptions};
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
    /// Whether streams are written instead of subvolumes; a name that is taken is no obstacle then.
    pub(crate) dumps: bool,
}

impl Target {
    /// Finds the root of the destination; a directory that is missing must be wanted.
    pub(crate) async fn find(args: &Args) -> Result<Self, Failure> {
        let place = location::parse(&args.destination);
        let factory = place.factory()?;
        let create_recvpath = args.create_destpath || args.replicate_dirs;
        let argument = PathBuf::from(place.rest);
        if !create_recvpath {
            exists("destination", &argument)?;
        }
        let options = RootOptions { create_recvpath, ..RootOptions::default() };
        let (root, path) = factory.get_root(&argument, &options).await?;
        match dump(args, create_recvpath)? {
            None => Ok(Self { root, path, argument, dumps: false }),
            Some((target, path)) => {
                let root = Arc::new(DumpRoot::new(Some(root), target, args.output_pipe.clone()));
                Ok(Self { root, path, argument, dumps: true })
            }
        }
    }
}

/// Where streams are to be written, and the directory for that, if the arguments ask for it.
fn dump(args: &Args, create: bool) -> Result<Option<(DumpTarget, PathBuf)>, Failure> {
    if let Some(directory) = &args.output_dir {
        let directory = PathBuf::from(directory);
        if !create {
            exists("directory", &directory)?;
        }
        let target = DumpTarget::Directory {
            path: PathBuf::new(),
            extension: args.output_ext.clone(),
            create,
        };
        return Ok(Some((target, directory)));
    }
    if !args.streams_to_stdout() {
        return Ok(None);
    }
    if args.json {
        return Err(Failure::usage("--json and -O without -o both want standard output")
            .hint("give -o DIR, or leave --json out"));
    }
    let stdout = std::io::stdout().as_fd().try_clone_to_owned();
    let stdout = stdout.map_err(|error| {
        Failure::new(format!("cannot write to standard output: {error}"), "give -o DIR")
    })?;
    Ok(Some((DumpTarget::Stream(stdout.into()), PathBuf::from("-"))))
}

/// Makes sure that a directory is there; `role` is what it is for the user.
fn exists(role: &str, path: &Path) -> Result<(), Failure> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(RootError::NotADirectory { path: path.to_path_buf() }.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let message = format!("the {role} {} does not exist", escaped(path));
            Err(Failure::new(message, "create it, or give -c; is its filesystem mounted?"))
        }
        Err(source) => Err(RootError::Open { path: path.to_path_buf(), source }.into()),
    }
}
