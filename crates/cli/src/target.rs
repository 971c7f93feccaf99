//! The DESTINATION argument, and where streams go instead if they are to be dumped.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use btrsync::sync::root::local::Local;
use btrsync::sync::root::{
    BtrfsRoot, DumpRoot, DumpTarget, Kind, RootError, RootFactory, RootOptions,
};
use btrsync::text::escaped;

use crate::advice::Failure;
use crate::args::Args;
use crate::places::{Place, Places, Side};

/// Where the subvolumes go.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) root: Arc<dyn BtrfsRoot>,
    /// The directory, relative to the root.
    pub(crate) path: PathBuf,
    /// The place that the user named.
    pub(crate) place: Place,
    /// Whether streams are written instead of subvolumes; a name that is taken is no obstacle then.
    pub(crate) dumps: bool,
}

impl Target {
    /// Finds the root of the destination; a directory that is missing must be wanted.
    pub(crate) async fn find(places: &Places<'_>, args: &Args) -> Result<Self, Failure> {
        let place = places.find(&args.ends.destination, Side::Destination).await?;
        let create_recvpath = args.create_destpath || args.replicate_dirs;
        if !(create_recvpath && place.look.kind == Kind::Missing) {
            is_there("destination", &place.shown(), place.look.kind)?;
        }
        let checkpoints = args.resume.checkpoints();
        let form = args.travel.form();
        let options = RootOptions { create_recvpath, checkpoints, form, ..RootOptions::default() };
        let (root, path) = place.factory.get_root(&place.path, &options).await?;
        match dump(args, create_recvpath).await? {
            None => Ok(Self { root, path, place, dumps: false }),
            Some((target, path)) => {
                let root = Arc::new(DumpRoot::new(Some(root), target, args.output_pipe.clone()));
                Ok(Self { root, path, place, dumps: true })
            }
        }
    }

    /// Finds the root of a destination that is there, to see all that it has: also what can be written.
    pub(crate) async fn existing(
        places: &Places<'_>,
        destination: &OsStr,
    ) -> Result<Self, Failure> {
        let place = places.find(destination, Side::Destination).await?;
        is_there("destination", &place.shown(), place.look.kind)?;
        let options = RootOptions { readonly: false, ..RootOptions::default() };
        let (root, path) = place.factory.get_root(&place.path, &options).await?;
        Ok(Self { root, path, place, dumps: false })
    }
}

/// Where streams are to be written, and the directory for that, if the arguments ask for it.
async fn dump(args: &Args, create: bool) -> Result<Option<(DumpTarget, PathBuf)>, Failure> {
    if let Some(directory) = &args.output_dir {
        let directory = PathBuf::from(directory);
        if !create {
            is_there("directory", &directory, Local.look(&directory).await?.kind)?;
        }
        let target = DumpTarget::Directory {
            path: PathBuf::new(),
            extension: args.output_ext.clone(),
            create,
            checkpoints: args.resume.checkpoints(),
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
fn is_there(role: &str, path: &Path, kind: Kind) -> Result<(), Failure> {
    match kind {
        Kind::Directory | Kind::Subvolume => Ok(()),
        Kind::Missing => {
            let message = format!("the {role} {} does not exist", escaped(path));
            Err(Failure::new(message, "create it, or give -c; is its filesystem mounted?"))
        }
        _ => Err(RootError::NotADirectory { path: path.to_path_buf() }.into()),
    }
}
