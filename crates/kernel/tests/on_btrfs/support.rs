//! What all themes share: opening directories, running `btrfs`, and judging errors.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use btrsync_kernel::{Error, Result, Subvolume, list};
use btrsync_testutil::command::{output, program};
use rustix::io::Errno;

/// Opens a directory or a file for reading.
#[track_caller]
pub(crate) fn open(path: &Path) -> File {
    File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Turns bytes into a name.
pub(crate) fn name(bytes: &(impl AsRef<[u8]> + ?Sized)) -> &OsStr {
    OsStr::from_bytes(bytes.as_ref())
}

/// Runs `btrfs` with some words and a path, and returns what it printed.
#[track_caller]
pub(crate) fn run_btrfs(words: &[&str], path: &Path) -> Vec<u8> {
    output(program("btrfs").args(words).arg(path)).unwrap()
}

/// Does as [`run_btrfs`], for text without foreign names in it.
#[track_caller]
pub(crate) fn btrfs_text(words: &[&str], path: &Path) -> String {
    String::from_utf8(run_btrfs(words, path)).unwrap()
}

/// Lists the subvolumes but for the top level, which `btrfs subvolume list` leaves out too.
#[track_caller]
pub(crate) fn list_below(top: &Path) -> Vec<Subvolume> {
    let mut all = list(open(top)).unwrap();
    assert_eq!(all.remove(0).path, Path::new(""), "the top level comes first");
    all
}

/// Asserts that a call failed with this errno, and that the message names the call and the errno.
#[track_caller]
pub(crate) fn assert_fails<T: Debug>(result: Result<T>, operation: &str, errno: Errno) {
    let error = result.expect_err("the call cannot succeed");
    assert!(matches!(error, Error::Call { .. }), "{error:?}");
    assert_eq!(error.operation().to_string(), operation);
    assert_eq!(error.raw_os_error(), Some(errno.raw_os_error()), "{error}");
    let text = std::io::Error::from(errno).to_string();
    assert_eq!(error.to_string(), format!("{operation}: {text}"));
}
