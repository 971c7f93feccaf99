//! One entry of a directory, and its one encoding.
//!
//! The hazard is two different entries with one encoding: their digests would be the same. So every
//! field has a fixed size or its length before it, and what is decoded encodes to the same bytes. An
//! encoding may come from another machine; no length in it is believed.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::FileType;

use super::digest::Digest;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Directory,
    File,
    Symlink,
    Fifo,
    Socket,
    CharacterDevice,
    BlockDevice,
}

const KINDS: [(Kind, FileType, &str); 7] = [
    (Kind::Directory, FileType::Directory, "directory"),
    (Kind::File, FileType::RegularFile, "file"),
    (Kind::Symlink, FileType::Symlink, "symbolic link"),
    (Kind::Fifo, FileType::Fifo, "fifo"),
    (Kind::Socket, FileType::Socket, "socket"),
    (Kind::CharacterDevice, FileType::CharacterDevice, "character device"),
    (Kind::BlockDevice, FileType::BlockDevice, "block device"),
];

impl Kind {
    /// Returns the kind that a type of the kernel is; none for a type that no tree holds.
    pub(super) fn of(wanted: FileType) -> Option<Self> {
        KINDS.iter().find(|(_, file_type, _)| *file_type == wanted).map(|(kind, ..)| *kind)
    }

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        KINDS[self as usize].2
    }
}

/// An extended attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Xattr {
    /// The name, with its namespace.
    pub name: OsString,
    /// The digest of the value.
    pub value: Digest,
}

/// An entry of a directory with all that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name; empty for the root of a tree.
    pub name: OsString,
    /// The type.
    pub kind: Kind,
    /// The twelve bits of the mode.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The modification time in seconds and nanoseconds since 1970.
    pub mtime: (i64, u32),
    /// The size of a file in bytes; else 0.
    pub size: u64,
    /// The number of a device, major and minor; else 0.
    pub device: (u32, u32),
    /// How many names it has; 1 for a directory.
    pub links: u32,
    /// The digest of the path of the first of its names, where this is another.
    pub first: Option<Digest>,
    /// The extended attributes in the order of their names.
    pub xattrs: Vec<Xattr>,
    /// The digest of the content of a file, the target of a symbolic link, the entries of a directory.
    pub body: Digest,
    /// The digest of where a file has data, where holes count.
    pub layout: Option<Digest>,
    /// Where its side keeps the entries of a directory; means nothing elsewhere, and does not count.
    pub place: u64,
}

impl Entry {
    /// Returns the digest of all that counts.
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        Digest::of(&bytes)
    }

    /// Appends the encoding of all that counts.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        put_bytes(to, self.name.as_bytes());
        to.push(self.kind as u8);
        [self.mode, self.uid, self.gid, self.mtime.1].iter().for_each(|field| put_u32(to, *field));
        to.extend(self.mtime.0.to_le_bytes());
        to.extend(self.size.to_le_bytes());
        [self.device.0, self.device.1, self.links].iter().for_each(|field| put_u32(to, *field));
        put_option(to, self.first);
        put_u32(to, self.xattrs.len() as u32);
        for xattr in &self.xattrs {
            put_bytes(to, xattr.name.as_bytes());
            to.extend(xattr.value.0);
        }
        to.extend(self.body.0);
        put_option(to, self.layout);
    }

    /// Decodes an entry at the beginning of `from`, and leaves what follows it there.
    ///
    /// # Errors
    ///
    /// [`BadEntry`] where that is none.
    pub(super) fn decode(from: &mut &[u8]) -> Result<Self, BadEntry> {
        let name = take_name(from)?;
        let kind = KINDS.get(usize::from(take::<1>(from)?[0])).ok_or(BadEntry)?.0;
        let [mode, uid, gid, nanos] = take_u32s(from)?;
        let mtime = (i64::from_le_bytes(take(from)?), nanos);
        let size = u64::from_le_bytes(take(from)?);
        let [major, minor, links] = take_u32s(from)?;
        let first = take_option(from)?;
        let [count] = take_u32s(from)?;
        // Nothing is reserved for the count; each attribute takes bytes that must be there.
        let xattrs = (0..count).map(|_| take_xattr(from)).collect::<Result<_, _>>()?;
        let (body, layout, device) = (Digest(take(from)?), take_option(from)?, (major, minor));
        #[rustfmt::skip]
        let entry = Self {
            name, kind, mode, uid, gid, mtime, size, device, links, first, xattrs, body, layout, place: 0,
        };
        Ok(entry)
    }
}

/// Bytes that are not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the list of entries is damaged")]
pub struct BadEntry;

/// The longest name of an entry or an attribute, in bytes.
const NAME_MAX: usize = 255;

fn put_u32(to: &mut Vec<u8>, field: u32) {
    to.extend(field.to_le_bytes());
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(to, bytes.len() as u32);
    to.extend(bytes);
}

fn put_option(to: &mut Vec<u8>, digest: Option<Digest>) {
    to.push(digest.is_some().into());
    to.extend(digest.iter().flat_map(|digest| digest.0));
}

pub(super) fn take<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], BadEntry> {
    let (taken, rest) = from.split_first_chunk().ok_or(BadEntry)?;
    *from = rest;
    Ok(*taken)
}

fn take_u32s<const N: usize>(from: &mut &[u8]) -> Result<[u32; N], BadEntry> {
    let mut fields = [0; N];
    for field in &mut fields {
        *field = u32::from_le_bytes(take(from)?);
    }
    Ok(fields)
}

fn take_name(from: &mut &[u8]) -> Result<OsString, BadEntry> {
    let [length] = take_u32s(from)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= NAME_MAX);
    let (name, rest) = length.and_then(|at| from.split_at_checked(at)).ok_or(BadEntry)?;
    *from = rest;
    Ok(OsString::from_vec(name.to_vec()))
}

fn take_xattr(from: &mut &[u8]) -> Result<Xattr, BadEntry> {
    Ok(Xattr { name: take_name(from)?, value: Digest(take(from)?) })
}

fn take_option(from: &mut &[u8]) -> Result<Option<Digest>, BadEntry> {
    match take(from)? {
        [0] => Ok(None),
        [1] => Ok(Some(Digest(take(from)?))),
        _ => Err(BadEntry),
    }
}

/// Whether a name can be that of an entry: one that leads nowhere else.
pub(super) fn is_entry_name(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    !matches!(bytes, b"" | b"." | b"..") && !bytes.iter().any(|byte| matches!(byte, b'/' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            name: "name".into(),
            kind: Kind::File,
            mode: 0o644,
            uid: 1,
            gid: 2,
            mtime: (-3, 4),
            size: 5,
            device: (6, 7),
            links: 8,
            first: Some(Digest([9; 32])),
            xattrs: vec![Xattr { name: "user.x".into(), value: Digest([10; 32]) }],
            body: Digest([11; 32]),
            layout: None,
            place: 0,
        }
    }

    #[test]
    fn an_entry_comes_back_and_leaves_what_follows() {
        let mut bytes = Vec::new();
        entry().encode(&mut bytes);
        bytes.extend(b"rest");
        let mut from = &bytes[..];
        assert_eq!(Entry::decode(&mut from), Ok(entry()));
        assert_eq!(from, b"rest");
    }

    #[test]
    fn every_field_counts_but_for_the_place() {
        let changes: [fn(&mut Entry); 17] = [
            |e| e.name = "other".into(),
            |e| e.kind = Kind::Fifo,
            |e| e.mode = 0,
            |e| e.uid = 0,
            |e| e.gid = 0,
            |e| e.mtime.0 = 0,
            |e| e.mtime.1 = 0,
            |e| e.size = 0,
            |e| e.device.0 = 0,
            |e| e.device.1 = 0,
            |e| e.links = 0,
            |e| e.first = None,
            |e| e.xattrs[0].name = "user.y".into(),
            |e| e.xattrs[0].value = Digest::default(),
            |e| e.xattrs.clear(),
            |e| e.body = Digest::default(),
            |e| e.layout = Some(Digest::default()),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut other = entry();
            change(&mut other);
            assert_ne!(other.digest(), entry().digest(), "change {number}");
        }
        assert_eq!(Entry { place: 7, ..entry() }.digest(), entry().digest());
    }

    #[test]
    fn what_is_cut_or_claims_too_much_is_no_entry() {
        let mut bytes = Vec::new();
        entry().encode(&mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(Entry::decode(&mut &bytes[..length]), Err(BadEntry), "{length}");
        }
        bytes[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Entry::decode(&mut &bytes[..]), Err(BadEntry));
    }

    #[test]
    fn only_what_stays_in_its_directory_is_a_name() {
        for name in ["", ".", "..", "a/b", "a\0"] {
            assert!(!is_entry_name(OsStr::new(name)), "{name:?}");
        }
        assert!(is_entry_name(OsStr::new("...")));
    }
}
