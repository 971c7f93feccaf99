//! The programs that take part, and what each is told.
//!
//! The hazard is a duty that is not the same: `btrfs receive` says that it is done before the data is on disk,
//! so a `sync -f` of the destination belongs to it, and to all else that does not end with one.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use btrsync_testutil::command::program;
use btrsync_testutil::require::tool_missing;

use crate::contest::{Contestant, Scene};
use crate::options::Options;
use crate::rows::OURS;

/// `btrfs send | btrfs receive` with a stream of version 1.
pub(crate) const BTRFS: &str = "btrfs";
/// The same with `--proto 2 --compressed-data`.
pub(crate) const BTRFS_V2: &str = "btrfs v2";

/// Prepares btrsync: it asks nothing, and tells only what fails.
pub(crate) fn btrsync(path: &Path, args: &[&OsStr]) -> Command {
    let mut command = program(path.to_str().expect("the path of btrsync is text"));
    command.arg("-yq").args(args);
    command
}

/// Prepares a script with its arguments; it ends with the first command that fails, in pipelines too.
pub(crate) fn bash(script: &str, args: &[&OsStr]) -> Command {
    let mut command = program("bash");
    command.args(["-c", &format!("set -eo pipefail\n{script}"), "bash"]).args(args);
    command
}

/// A scene in which one snapshot is to be sent into one directory.
pub(crate) trait OneSnapshot: Scene {
    /// Returns both.
    fn ends<'a>(&'a self, stage: &'a Self::Stage) -> (std::path::PathBuf, &'a Path);
}

/// Ours, on one snapshot.
pub(crate) fn ours<S: OneSnapshot>(options: &Options) -> Contestant<S> {
    let path = options.program.clone();
    Contestant::new(OURS, move |scene: &S, stage| {
        let (snapshot, dest) = scene.ends(stage);
        btrsync(&path, &[snapshot.as_ref(), dest.as_ref()])
    })
}

/// `btrfs send | btrfs receive`, on one snapshot; `options` are those of the first.
pub(crate) fn send_receive<S: OneSnapshot>(name: &str, options: &'static str) -> Contestant<S> {
    let script =
        format!("btrfs send -q {options} \"$1\" | btrfs receive -q \"$2\"; sync -f \"$2\"");
    let command = move |scene: &S, stage: &S::Stage| {
        let (snapshot, dest) = scene.ends(stage);
        bash(&script, &[snapshot.as_ref(), dest.as_ref()])
    };
    Contestant::new(name, command).without_root_mtime()
}

/// Returns what to tell where a program is not there, and is the package's of its name.
pub(crate) fn installed(name: &str) -> Result<(), String> {
    match tool_missing(name) {
        None => Ok(()),
        Some(missing) => Err(format!("{missing} and takes no part: apt-get install {name}")),
    }
}

/// Returns the Python btrsync, or what to tell where there is none.
pub(crate) fn python(options: &Options) -> Result<&Path, String> {
    let missing = "the Python btrsync is not there and takes no part: pip install btrsync==0.3, --python PATH";
    options.python.as_deref().ok_or_else(|| missing.to_owned())
}
