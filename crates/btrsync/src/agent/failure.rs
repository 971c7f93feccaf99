//! Failures of the other side, as they are told here.
//!
//! A run must end with the same words, the same advice and the same exit code wherever a failure was. So
//! what has a variant of its own becomes that again, with the machine named before the path; the rest is
//! the text that was written there, and of what sort it is.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::value::Bytes;
use crate::receive::{ApplyError, ReceiveError, SourceError};
use crate::sync::root::{Holder, RootError};
use crate::text::escaped;
use crate::verify::VerifyError;

/// A failure on the other side that has no words of its own here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", on(.host))]
pub struct There {
    /// The machine; empty for this one.
    pub host: String,
    /// What failed, on what, and why. Escaped.
    pub message: String,
    /// Of what sort it is.
    pub sort: Sort,
    /// The errno at the bottom, if there is one.
    pub errno: Option<i32>,
    /// Whether it only follows from a failure at the other end of the flow.
    pub follows: bool,
    /// Whether data could not be cloned; without clone sources it may work.
    pub of_clone: bool,
}

fn on(host: &str) -> String {
    if host.is_empty() { String::new() } else { format!("{host}: ") }
}

/// Of what sort a failure is: what there is to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Sort {
    Open,
    NotADirectory,
    NotBtrfs,
    NoSubvolume,
    Vanished,
    Replaced,
    Changed,
    Writable,
    CreateDirectory,
    OtherMount,
    ReadOnly,
    Locked,
    Lock,
    Exists,
    /// A stream does not begin like one that was received in part.
    OtherPrefix,
    Cancelled,
    /// A stream that is damaged or breaks off.
    Stream,
    /// A stream that is not what was announced.
    Untrusted,
    /// What a stream builds on is not there.
    NoParent,
    /// It is outside of the directory that is received into.
    ParentOutside,
    /// Something else stands in its place.
    ParentHidden,
    /// It is in another state.
    ParentDiffers,
    /// The kernel could not send.
    Send,
    /// What was left cannot be removed.
    Remove,
    /// Something is mounted in what is to be digested.
    Mounted,
    /// There is no room for digests.
    Spool,
    /// The process lacks something.
    System,
    /// The other side has no way to do that.
    Unsupported,
    /// The key that was used may not do that.
    NotAllowed,
    #[serde(other)]
    Other,
}

/// A failure on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    sort: Sort,
    message: String,
    #[serde(default)]
    path: Bytes,
    #[serde(default)]
    errno: Option<i32>,
    #[serde(default)]
    pid: Option<i32>,
    /// How much the run that holds a lock has heard.
    #[serde(default)]
    heard: Option<u64>,
    #[serde(default)]
    follows: bool,
    #[serde(default)]
    of_clone: bool,
}

/// Takes a failure of ours for one of `host`.
pub(crate) fn told_by(host: &str, error: &RootError) -> RootError {
    Failure::from(error).into_error(host)
}

/// How much of a message is told.
const LONGEST: usize = 16 * 1024;

impl Failure {
    /// A failure without an error of ours behind it.
    pub(crate) fn new(sort: Sort, message: impl Into<String>) -> Self {
        let (path, errno, pid, heard, follows, of_clone) = Default::default();
        Self { sort, message: message.into(), path, errno, pid, heard, follows, of_clone }
    }

    pub(crate) fn sort(&self) -> Sort {
        self.sort
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Takes the failure of `host`, which is empty for this machine.
    pub(crate) fn into_error(self, host: &str) -> RootError {
        let message = self.message;
        let path = shown(host, &self.path.into_path());
        let source = match self.errno {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::other(escaped(&message).to_string()),
        };
        match self.sort {
            Sort::Open => RootError::Open { path, source },
            Sort::NotADirectory => RootError::NotADirectory { path },
            Sort::NotBtrfs => RootError::NotBtrfs { path },
            Sort::NoSubvolume => RootError::NoSubvolume { path },
            Sort::Vanished => RootError::Vanished { path },
            Sort::Replaced => RootError::Replaced { path },
            Sort::Changed => RootError::Changed { path },
            Sort::Writable => RootError::Writable { path },
            Sort::CreateDirectory => RootError::CreateDirectory { path, source },
            Sort::OtherMount => RootError::OtherMount { path },
            Sort::ReadOnly => RootError::ReadOnly { path, what: what_of(&message) },
            Sort::Locked => {
                let holder = self.heard.map_or(Holder::Here, Holder::Hears);
                RootError::Locked { path, pid: self.pid, holder }
            }
            Sort::Lock => RootError::Lock { path, source },
            Sort::Exists => ReceiveError::Exists { path }.into(),
            Sort::OtherPrefix => RootError::OtherPrefix { path },
            Sort::Cancelled => RootError::Cancelled,
            sort => RootError::There(There {
                host: host.to_owned(),
                message: printable(&message),
                sort,
                errno: self.errno,
                follows: self.follows,
                of_clone: self.of_clone,
            }),
        }
    }
}

/// Text of the other side, which has escaped it already if it is one of ours.
fn printable(message: &str) -> String {
    let message: String = message.chars().take(LONGEST).collect();
    message.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A path of another machine in a message of this one.
fn shown(host: &str, path: &Path) -> PathBuf {
    if host.is_empty() {
        return path.to_path_buf();
    }
    let mut shown = std::ffi::OsString::from(format!("{host}:"));
    shown.push(path);
    shown.into()
}

const READ_ONLY: [&str; 2] = ["the filesystem", "the subvolume that holds it"];

fn what_of(message: &str) -> &'static str {
    READ_ONLY.into_iter().find(|what| *what == message).unwrap_or("it")
}

impl From<&RootError> for Failure {
    fn from(error: &RootError) -> Self {
        let (sort, path) = sort_of(error);
        let message = match error {
            RootError::ReadOnly { what, .. } => (*what).to_owned(),
            RootError::Open { source, .. }
            | RootError::CreateDirectory { source, .. }
            | RootError::Lock { source, .. } => source.to_string(),
            error => error.to_string(),
        };
        Self {
            sort,
            message: message.chars().take(LONGEST).collect(),
            path: path.map(Bytes::of).unwrap_or_default(),
            errno: error.raw_os_error(),
            pid: if let RootError::Locked { pid, .. } = error { *pid } else { None },
            heard: match error {
                RootError::Locked { holder: Holder::Hears(bytes), .. } => Some(*bytes),
                _ => None,
            },
            follows: error.is_consequence(),
            of_clone: match error {
                RootError::Receive(error) => error.is_of_clone(),
                RootError::CloneSource { .. } => true,
                _ => false,
            },
        }
    }
}

fn sort_of(error: &RootError) -> (Sort, Option<&Path>) {
    let sort = match error {
        RootError::Open { path, .. } => return (Sort::Open, Some(path)),
        RootError::NotADirectory { path } => return (Sort::NotADirectory, Some(path)),
        RootError::NotBtrfs { path } => return (Sort::NotBtrfs, Some(path)),
        RootError::NoSubvolume { path } => return (Sort::NoSubvolume, Some(path)),
        RootError::Vanished { path } => return (Sort::Vanished, Some(path)),
        RootError::Replaced { path } => return (Sort::Replaced, Some(path)),
        RootError::Changed { path } => return (Sort::Changed, Some(path)),
        RootError::Writable { path } => return (Sort::Writable, Some(path)),
        RootError::CreateDirectory { path, .. } => return (Sort::CreateDirectory, Some(path)),
        RootError::OtherMount { path } => return (Sort::OtherMount, Some(path)),
        RootError::ReadOnly { path, .. } => return (Sort::ReadOnly, Some(path)),
        RootError::Locked { path, .. } => return (Sort::Locked, Some(path)),
        RootError::Lock { path, .. } => return (Sort::Lock, Some(path)),
        RootError::Receive(ReceiveError::Exists { path }) => return (Sort::Exists, Some(path)),
        RootError::OtherPrefix { path } => return (Sort::OtherPrefix, Some(path)),
        error if error.is_other_prefix() => Sort::OtherPrefix,
        error if error.is_cancelled() => Sort::Cancelled,
        RootError::Receive(error) => of_receive(error),
        RootError::Verify(VerifyError::Mounted { .. }) => Sort::Mounted,
        RootError::Verify(VerifyError::Spool { .. }) => Sort::Spool,
        RootError::Send { .. } => Sort::Send,
        RootError::Remove { .. } => Sort::Remove,
        RootError::System { .. } => Sort::System,
        RootError::Unsupported { .. } => Sort::Unsupported,
        RootError::There(there) => there.sort,
        _ => Sort::Other,
    };
    (sort, None)
}

fn of_receive(error: &ReceiveError) -> Sort {
    match error {
        ReceiveError::Stream(_) => Sort::Stream,
        ReceiveError::BadName { .. }
        | ReceiveError::OtherVolume { .. }
        | ReceiveError::OneTooMany { .. } => Sort::Untrusted,
        ReceiveError::Parent(error)
        | ReceiveError::Apply { source: ApplyError::Source(error), .. } => of_source(error),
        _ => Sort::Other,
    }
}

fn of_source(error: &SourceError) -> Sort {
    match error {
        SourceError::Unknown { .. } => Sort::NoParent,
        SourceError::Outside { .. } => Sort::ParentOutside,
        SourceError::Hidden { .. } => Sort::ParentHidden,
        SourceError::Writable { .. }
        | SourceError::Generation { .. }
        | SourceError::Changed { .. } => Sort::ParentDiffers,
        _ => Sort::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(error: &RootError, host: &str) -> RootError {
        told_by(host, error)
    }

    #[test]
    fn what_has_a_variant_becomes_it_again_and_names_the_machine() {
        let source = io::Error::from_raw_os_error(2);
        let error = RootError::Open { path: "/x".into(), source };
        let there = carried(&error, "far").to_string();
        assert_eq!(there, "cannot open far:/x: No such file or directory (os error 2)");
        let holder = Holder::Hears(9);
        let error = RootError::Locked { path: "/x".into(), pid: Some(7), holder };
        let there = carried(&error, "far");
        assert_eq!(there.to_string(), "another run is using far:/x (process 7)");
        assert!(matches!(there, RootError::Locked { holder: Holder::Hears(9), .. }));
        let error = RootError::ReadOnly { path: "/x".into(), what: "the filesystem" };
        assert_eq!(carried(&error, "").to_string(), error.to_string());
        assert!(carried(&RootError::Cancelled, "far").is_cancelled());
    }

    #[test]
    fn the_rest_keeps_its_text_and_what_follows_from_another_failure_still_does() {
        let cut = RootError::Receive(ReceiveError::TooFew { received: 0, announced: 1 });
        let there = carried(&cut, "far");
        assert!(there.is_consequence());
        assert_eq!(there.to_string(), format!("far: {cut}"));
    }

    #[test]
    fn what_would_drive_a_terminal_does_not() {
        let failure = Failure::new(Sort::Other, "a\x1b[2J");
        assert!(!failure.into_error("far").to_string().contains('\x1b'));
    }
}
