//! Names of what is not complete yet.
//!
//! Each is new: whoever outlives its killed run and goes by paths, as `btrfs receive` does, must not
//! find the work of the next run under the name that it knows. And each is known again by its form, so
//! that what dead runs leave can be removed, and nothing else.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

const PREFIX: &[u8] = b".btrsync-";

/// Makes a name for a part of `uuid` on its way, of the form that [`Unfinished::of`] knows.
pub(crate) fn name(uuid: Uuid, kind: Unfinished) -> OsString {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos() as u64);
    let id = format!("{:016x}{now:016x}", uuid.as_u64_pair().1);
    OsString::from_vec([PREFIX, id.as_bytes(), kind.suffix().as_bytes()].concat())
}

/// Returns whether a name that [`name`] has made is one for a part of `uuid`.
pub(crate) fn is_of(name: &OsStr, uuid: Uuid) -> bool {
    let id = format!("{:016x}", uuid.as_u64_pair().1);
    name.as_bytes().strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with(id.as_bytes()))
}

fn is_name(name: &OsStr, suffix: &str) -> bool {
    let rest = name.as_bytes().strip_prefix(PREFIX);
    let id = rest.and_then(|rest| rest.strip_suffix(suffix.as_bytes()));
    id.is_some_and(|id| id.len() == 32 && id.iter().all(u8::is_ascii_hexdigit))
}

/// What a thing with such a name is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// The subvolume that a stream is received into.
    Staging,
    /// The snapshot of one that a rerun can continue from.
    Checkpoint,
    /// The file that a stream is dumped to.
    Dump,
    /// The file that a plain stream is dumped to, which a rerun can continue.
    Stream,
}

impl Unfinished {
    const ALL: [Self; 4] = [Self::Staging, Self::Checkpoint, Self::Dump, Self::Stream];

    /// Those that are files.
    pub(crate) const FILES: [Self; 2] = [Self::Dump, Self::Stream];

    /// Returns what a name is that of; nothing for one that has none of the forms, in all its bytes.
    pub fn of(name: &OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| is_name(name, kind.suffix()))
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Staging => ".partial",
            Self::Checkpoint => ".checkpoint",
            Self::Dump => ".dump",
            Self::Stream => ".stream",
        }
    }

    /// Returns whether it is a subvolume, and not a file.
    pub fn is_subvolume(self) -> bool {
        !Self::FILES.contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_name_tells_what_it_is_for() {
        for kind in Unfinished::ALL {
            let name = name(Uuid::from_u128(7), kind);
            assert_eq!(Unfinished::of(&name), Some(kind));
            let text = name.to_str().unwrap();
            for other in [&text[1..], &text[..text.len() - 1], &text.replace('7', "g")] {
                assert_eq!(Unfinished::of(OsStr::new(other)), None, "{other}");
            }
        }
        for other in [".btrsync-.partial", ".btrsync-0.partial", "day", ".btrsync-", ".partial"] {
            assert_eq!(Unfinished::of(OsStr::new(other)), None, "{other}");
        }
    }
}
