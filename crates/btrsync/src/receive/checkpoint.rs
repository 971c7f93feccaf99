//! A checkpoint: a snapshot of the staging subvolume, with a record of how much of which stream is in it.
//!
//! What a killed run leaves in its staging subvolume is no state that the stream ever passed through. A
//! snapshot is one, and durable when it is made; and as the record is in an extended attribute of its
//! root, no crash can part the two. The attribute is one that only root can set, so nobody else can
//! make up a checkpoint, and a stream that sets it gets no checkpoints.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{Timespec, Timestamps, XattrFlags, fgetxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;
use uuid::Uuid;

use super::prefix::Prefix;
use super::root::Root;
use super::source::Named;
use super::stage::Identity;

/// Where the record is.
pub(super) const ATTRIBUTE: &str = "trusted.btrsync.checkpoint";

/// The form of the record; another one is not read.
const FORM: &[u8] = b"btrsync 1\n";

/// No record is longer; the name in it has 255 bytes at most.
const MOST: usize = 1024;

/// Which stream it is that is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) identity: Identity,
    pub(crate) parent: Option<Named>,
    /// The version of the stream.
    pub(crate) version: u32,
}

/// What the record says.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    pub(crate) origin: Origin,
    /// The name that the subvolume is to get.
    pub(crate) name: OsString,
    pub(crate) prefix: Prefix,
    pub(super) root: Root,
}

impl Checkpoint {
    /// Notes it in the root directory of a staging subvolume.
    pub(super) fn note(&self, dir: &File) -> rustix::io::Result<()> {
        fsetxattr(dir, ATTRIBUTE, &self.encode(), XattrFlags::empty())
    }

    /// Reads the record in the root directory of a checkpoint; `None` where there is none to be used.
    pub(super) fn read(dir: &File) -> Option<Self> {
        let mut record = [0; MOST];
        let length = fgetxattr(dir, ATTRIBUTE, &mut record[..]).ok()?;
        Self::decode(record.get(..length)?)
    }

    fn encode(&self) -> Vec<u8> {
        let Self { origin: Origin { identity, parent, version }, name, prefix, root } = self;
        let mut to = FORM.to_vec();
        for named in
            [Some((identity.uuid, identity.ctransid)), parent.map(|p| (p.uuid, p.ctransid))]
        {
            let (uuid, ctransid) = named.unwrap_or((Uuid::nil(), 0));
            to.push(named.is_some().into());
            to.extend(uuid.as_bytes());
            to.extend(ctransid.to_le_bytes());
        }
        to.extend(version.to_le_bytes());
        to.extend(prefix.bytes.to_le_bytes());
        to.extend(prefix.hash);
        let (uid, gid) = root.owner.unwrap_or_default();
        to.push(root.owner.is_some().into());
        [uid, gid, root.mode].iter().for_each(|number| to.extend(number.to_le_bytes()));
        to.push(root.times.is_some().into());
        let times = root.times.as_ref().map_or([0; 4], numbers);
        times.iter().for_each(|number| to.extend(number.to_le_bytes()));
        to.extend(name.as_bytes());
        to
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let mut from = Reader(record.strip_prefix(FORM)?);
        let mut named = || {
            let (is, uuid, ctransid) = (from.flag()?, from.take()?, from.number()?);
            Some(is.then_some((Uuid::from_bytes(uuid), ctransid)))
        };
        let ((uuid, ctransid), parent) = (named()??, named()?);
        let origin = Origin {
            identity: Identity { uuid, ctransid },
            parent: parent.map(|(uuid, ctransid)| Named { uuid, ctransid }),
            version: u32::from_le_bytes(from.take()?),
        };
        let prefix = Prefix { bytes: from.number()?, hash: from.take()? };
        let has_owner = from.flag()?;
        let mut small = || from.take().map(u32::from_le_bytes);
        let (owner, mode) = ((small()?, small()?), small()?);
        let has_times = from.flag()?;
        let mut number = || from.number().map(u64::cast_signed);
        let times = timestamps([number()?, number()?, number()?, number()?]);
        let root = Root::kept(has_owner.then_some(owner), mode, has_times.then_some(times));
        Some(Self { origin, name: OsString::from_vec(from.0.to_vec()), prefix, root })
    }
}

/// Takes the record away.
pub(super) fn forget(dir: &File) -> rustix::io::Result<()> {
    match fremovexattr(dir, ATTRIBUTE) {
        Err(Errno::NODATA) => Ok(()),
        other => other,
    }
}

/// Whether the place of the record is taken.
pub(super) fn is_taken(dir: &File) -> bool {
    fgetxattr(dir, ATTRIBUTE, &mut [0; 0][..]) != Err(Errno::NODATA)
}

fn numbers(times: &Timestamps) -> [i64; 4] {
    let (a, m) = (times.last_access, times.last_modification);
    [a.tv_sec, a.tv_nsec as _, m.tv_sec, m.tv_nsec as _]
}

fn timestamps([a_sec, a_nsec, m_sec, m_nsec]: [i64; 4]) -> Timestamps {
    let time = |tv_sec, nsec: i64| Timespec { tv_sec, tv_nsec: nsec as _ };
    Timestamps { last_access: time(a_sec, a_nsec), last_modification: time(m_sec, m_nsec) }
}

/// Reads the fields of a record, as long as there are any.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn flag(&mut self) -> Option<bool> {
        self.take().map(|[flag]: [u8; 1]| flag != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let named = |n| Named { uuid: Uuid::from_u128(n), ctransid: n as u64 };
        Checkpoint {
            origin: Origin {
                identity: Identity { uuid: Uuid::from_u128(7), ctransid: 9 },
                parent: Some(named(3)),
                version: 2,
            },
            name: OsString::from_vec(b"caf\xe9\n".to_vec()),
            prefix: Prefix { bytes: 1 << 40, hash: [5; 32] },
            root: Root::kept(Some((1, 2)), 0o7755, Some(timestamps([-1, 999, 1 << 40, 0]))),
        }
    }

    #[test]
    fn a_record_says_what_was_noted() {
        let all = checkpoint();
        let mut none = checkpoint();
        none.origin.parent = None;
        none.root = Root::kept(None, 0, None);
        for checkpoint in [all, none] {
            let record = checkpoint.encode();
            let read = Checkpoint::decode(&record).unwrap();
            assert_eq!((read.origin, &read.name), (checkpoint.origin, &checkpoint.name));
            assert_eq!((read.prefix, read.encode()), (checkpoint.prefix, record));
        }
    }

    #[test]
    fn what_is_cut_off_or_of_another_form_is_no_record() {
        let record = checkpoint().encode();
        let whole = record.len() - checkpoint().name.len();
        (0..whole).for_each(|end| assert!(Checkpoint::decode(&record[..end]).is_none(), "{end}"));
        assert!(Checkpoint::decode(&[b"btrsync 2\n", &record[10..]].concat()).is_none());
    }
}
