//! Receives streams through the `btrfs receive` of the other side.
//!
//! That program marks a subvolume as complete before it is on disk and under the name that the stream
//! gives, and leaves it there when it fails. So the name in the stream is changed to a staging name, and
//! the script around the program writes all to disk, asks us whether what it got is what was sent, and
//! only then renames; whatever ends it before, it deletes the staging subvolume. What `btrfs receive`
//! does wrong inside of a subvolume stays wrong.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use btrsync_stream::{
    Command, CommandKind, Frame, FrameReader, Header, RewriteError, Timespec, Version,
    rewrite_subvolume_name,
};
use uuid::Uuid;

use super::super::error::RootError;
use super::script::Script;
use super::session::{Lines, Session};
use super::{CommandError, Receiving, text};
use crate::receive::{Begin, Identity, ReceiveError, Received, StreamMeta, staging_name};
use crate::{Cancel, Flow};

/// Receives one stream into `$1`, under the staging name `$2`, and gives it the name `$3` when told to.
///
/// `btrfs filesystem sync` succeeds where data could not be written; `sync -f` says so, where it is known and
/// allowed.
const RECEIVE: &str = r#"
p=$1/$2; f=$1/$3
if t -e "$f" || t -L "$f"; then printf 'taken\0'; exit 1; fi
printf 'free\0'
clean() { $S btrfs subvolume delete "$p" >/dev/null 2>&1; }
trap clean EXIT; trap 'exit 1' HUP INT TERM
r btrfs receive -e "$1" >&2
e=$(LC_ALL=C sync -f "$1" 2>&1) || case $e in *'error syncing'*) printf '%s\n' "$e" >&2; exit 1;; esac
r btrfs filesystem sync "$1" >&2
r btrfs subvolume show "$p"; printf '\0'
IFS= read -r answer; test "$answer" = publish || exit 1
if t -e "$f" || t -L "$f"; then printf 'taken\0'; exit 1; fi
mv -nT -- "$p" "$f" 2>/dev/null || r mv -nT -- "$p" "$f"
if t -e "$p"; then printf 'taken\0'; exit 1; fi
trap - EXIT
r btrfs filesystem sync "$1" >&2
printf 'published\0'
"#;

/// Prints the access and modification times of a directory.
const TIMES: &str = r#"r stat -c '%.9X %.9Y' -- "$1""#;

/// Receives all streams of a flow; each subvolume is published as soon as it is complete.
pub(super) fn receive(
    into: &Receiving,
    flow: Flow,
    meta: &StreamMeta,
) -> Result<Vec<Received>, RootError> {
    let cancel = flow.cancel().clone();
    let mut frames = FrameReader::new(flow);
    let mut receiver = Receiver { into, cancel: &cancel, meta, current: None, done: Vec::new() };
    while let Some(frame) = frames.next_frame().map_err(ReceiveError::from)? {
        receiver.take(&frame)?;
    }
    receiver.end()
}

struct Receiver<'a> {
    into: &'a Receiving,
    cancel: &'a Cancel,
    meta: &'a StreamMeta,
    current: Option<Current>,
    done: Vec<Received>,
}

/// A subvolume on its way.
struct Current {
    session: Session,
    answers: Lines,
    name: OsString,
    identity: Identity,
    /// The times of the root directory, which `btrfs receive` would leave changed.
    times: Option<(Timespec, Timespec)>,
}

impl Receiver<'_> {
    fn take(&mut self, frame: &Frame<'_>) -> Result<(), RootError> {
        match frame.kind() {
            CommandKind::Subvol | CommandKind::Snapshot => {
                self.finish(frame)?;
                self.begin(frame)
            }
            CommandKind::End => self.finish(frame),
            _ => self.pass(frame),
        }
    }

    /// Starts the next subvolume of the flow.
    fn begin(&mut self, frame: &Frame<'_>) -> Result<(), RootError> {
        let Begin { name, identity, parent } =
            Begin::of(&Command::decode(frame).map_err(ReceiveError::from)?)?;
        self.meta.expect(self.done.len(), identity.uuid)?;
        let times = parent.and_then(|parent| self.times_of_parent(parent.uuid));
        // Whatever deletes that of a dead run, when it learns of that, deletes none but its own.
        let staging = staging_name(Uuid::new_v4());
        let script = Script::new(RECEIVE).arg(&self.into.path).arg(&staging).arg(&name);
        let shell = &self.into.shell;
        let (mut session, output) = shell.link.start(&script, shell.sudo, self.cancel)?;
        let mut answers = Lines::new(output, self.cancel);
        if answers.answer(&mut session)? == b"taken" {
            return Err(self.exists(&name));
        }
        let header = Header { version: frame.version() }.encode();
        session.write(&header)?;
        let renamed = rewrite_subvolume_name(frame, staging.as_bytes());
        session.write(&renamed.map_err(|error| self.unwritable(error))?)?;
        self.current = Some(Current { session, answers, name, identity, times });
        Ok(())
    }

    /// A stream says nothing of a root directory that has not changed; then its times are its parent's.
    fn times_of_parent(&self, parent: Uuid) -> Option<(Timespec, Timespec)> {
        let path = self.into.path_of(parent)?;
        // A `stat` that knows no fractions costs the time of one directory, not the transfer.
        self.into.shell.ask(&Script::new(TIMES).arg(path)).ok().and_then(|answer| times(&answer))
    }

    fn pass(&mut self, frame: &Frame<'_>) -> Result<(), RootError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if frame.kind() == CommandKind::Utimes
            && let Command::Utimes { path: b"", atime, mtime, .. } =
                Command::decode(frame).map_err(ReceiveError::from)?
        {
            current.times = Some((atime, mtime));
        }
        Ok(current.session.write(frame.raw())?)
    }

    /// Completes the subvolume whose stream has ended, if there is one: with the END that a stream of
    /// several subvolumes has only after the last.
    fn finish(&mut self, at: &Frame<'_>) -> Result<(), RootError> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let end = end(at, current.times).map_err(|error| self.unwritable(error.into()))?;
        current.session.write(&end)?;
        current.session.flush()?;
        let done = Received { name: current.name.clone(), uuid: current.identity.uuid, resumed: 0 };
        self.publish(current)?;
        self.into.holds(&done);
        self.done.push(done);
        Ok(())
    }

    /// Judges what has arrived, and lets it have its name.
    fn publish(&self, mut current: Current) -> Result<(), RootError> {
        let identity = current.identity;
        let shown = current.answers.answer(&mut current.session)?;
        let shown = text::shown(&shown)
            .map_err(|error| self.into.shell.garbled("btrfs subvolume show", &error.to_string()))?;
        let what = if shown.received_uuid != Some(identity.uuid) {
            "its received UUID is another"
        } else if shown.stransid.is_some_and(|stransid| stransid != identity.ctransid) {
            "its generation is another"
        } else if !shown.read_only {
            "it is writable"
        } else {
            current.session.write(b"publish\n")?;
            current.session.flush()?;
            return self.published(current);
        };
        let path = self.into.shown.join(&current.name);
        Err(CommandError::OtherData { path, what }.into())
    }

    fn published(&self, mut current: Current) -> Result<(), RootError> {
        match current.answers.answer(&mut current.session)?.as_slice() {
            b"published" => Ok(current.session.finish()?),
            _ => {
                // It ends with an error, when it has deleted the staging subvolume.
                let _ = current.session.finish();
                Err(self.exists(&current.name))
            }
        }
    }

    fn exists(&self, name: &OsStr) -> RootError {
        ReceiveError::Exists { path: self.into.shown.join(name) }.into()
    }

    /// A command of ours that cannot be put into the stream; the names and times in it are short.
    fn unwritable(&self, error: RewriteError) -> RootError {
        match error {
            RewriteError::Decode(error) => ReceiveError::from(error).into(),
            other => {
                let (host, source) =
                    (self.into.shell.link.host().into(), std::io::Error::other(other));
                CommandError::Talk { host, source }.into()
            }
        }
    }

    fn end(self) -> Result<Vec<Received>, RootError> {
        self.meta.complete(self.done.len())?;
        Ok(self.done)
    }
}

/// The end of a stream, and before it what puts the times of the root directory right.
fn end(
    at: &Frame<'_>,
    times: Option<(Timespec, Timespec)>,
) -> Result<Vec<u8>, btrsync_stream::EncodeError> {
    let mut bytes = Vec::new();
    if let Some((atime, mtime)) = times {
        let otime = (at.version() != Version::V1).then_some(mtime);
        let times = Command::Utimes { path: b"", atime, mtime, ctime: mtime, otime };
        times.encode(at.version(), &mut bytes)?;
    }
    Command::End.encode(at.version(), &mut bytes)?;
    Ok(bytes)
}

/// Reads two times in seconds with nine digits behind the point.
fn times(answer: &[u8]) -> Option<(Timespec, Timespec)> {
    let (atime, mtime) = std::str::from_utf8(answer).ok()?.trim().split_once(' ')?;
    Some((time(atime)?, time(mtime)?))
}

fn time(text: &str) -> Option<Timespec> {
    let (seconds, nanoseconds) = text.split_once('.')?;
    let sec: i64 = seconds.parse().ok()?;
    let nsec: u32 = nanoseconds.parse().ok().filter(|_| nanoseconds.len() == 9)?;
    // `stat` writes what is before the epoch with a minus before all of it.
    match seconds.starts_with('-') && nsec > 0 {
        true => Some(Timespec { sec: sec - 1, nsec: 1_000_000_000 - nsec }),
        false => Some(Timespec { sec, nsec }),
    }
}

/// Whether a name below `path` is that of a staging subvolume, as `find -print0` prints it.
pub(super) fn leftover(path: &Path, found: &[u8]) -> Option<OsString> {
    let name = Path::new(OsStr::from_bytes(found)).file_name()?;
    crate::receive::is_staging_name(name).then(|| path.join(name).into_os_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond_also_before_the_epoch() {
        let both = times(b"1700000000.000000001 -1.500000000\n").unwrap();
        assert_eq!((both.0.sec, both.0.nsec), (1_700_000_000, 1));
        assert_eq!((both.1.sec, both.1.nsec), (-2, 500_000_000));
        assert!(times(b"1 2\n").is_none() && times(b"1.5 2.5\n").is_none());
    }

    #[test]
    fn only_staging_names_are_leftovers() {
        let name = staging_name(Uuid::from_u128(7));
        let found = [b"/d/", name.as_bytes()].concat();
        assert_eq!(leftover(Path::new("/d"), &found), Some(Path::new("/d").join(&name).into()));
        assert_eq!(leftover(Path::new("/d"), b"/d/.btrsync-x.partial"), None);
    }
}
