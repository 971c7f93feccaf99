//! Receiving bytes, and making streams with the `btrfs` program.

use std::ffi::OsString;
use std::path::Path;

use btrsync::ReceiveError;
use btrsync::receive::{Directory, ReceiveOptions, Received, StreamMeta, Unwatched, receive};
use btrsync_testutil::command::{output, program};

/// Receives a stream; returns the names of what was received.
pub(crate) fn take_with(
    bytes: &[u8],
    into: &Path,
    options: ReceiveOptions,
) -> Result<Vec<OsString>, ReceiveError> {
    Ok(received(bytes, into, options)?.into_iter().map(|one| one.name).collect())
}

/// Receives a stream.
pub(crate) fn received(
    bytes: &[u8],
    into: &Path,
    options: ReceiveOptions,
) -> Result<Vec<Received>, ReceiveError> {
    let into = Directory::open(into)?;
    receive(bytes, &into, &StreamMeta::default(), options, &mut Unwatched)
}

pub(crate) fn take(bytes: &[u8], into: &Path) -> Result<Vec<OsString>, ReceiveError> {
    take_with(bytes, into, ReceiveOptions::default())
}

/// Demands that a stream is refused with words in the error, and that nothing is left of it.
#[track_caller]
pub(crate) fn refused(bytes: &[u8], into: &Path, words: &str) -> ReceiveError {
    let before = names(into);
    let error = take(bytes, into).expect_err("a stream that must be refused");
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(names(into), before, "{error}");
    error
}

/// Receives a stream of one subvolume, which must succeed.
#[track_caller]
pub(crate) fn accepted(bytes: &[u8], into: &Path) {
    take(bytes, into).unwrap_or_else(|error| panic!("{error}"));
}

/// The names in a directory, in order.
pub(crate) fn names(dir: &Path) -> Vec<OsString> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// The stream of `btrfs send` with more arguments.
#[track_caller]
pub(crate) fn send(snapshot: &Path, parent: Option<&Path>, args: &[&str]) -> Vec<u8> {
    let mut command = program("btrfs");
    command.args(["send", "-q"]).args(args);
    if let Some(parent) = parent {
        command.arg("-p").arg(parent);
    }
    output(command.arg(snapshot)).unwrap_or_else(|error| panic!("{error}"))
}

/// How a snapshot is sent: plain, with the commands of version 2, and compressed.
pub(crate) const FORMS: [&[&str]; 3] =
    [&[], &["--proto", "2"], &["--proto", "2", "--compressed-data"]];
