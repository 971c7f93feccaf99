//! How two entries of one name differ.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::digest::Digest;
use super::entry::{Entry, Kind};
use crate::text::escaped;

/// A difference between a subvolume and its copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The path from the root of the subvolume; empty for the root itself.
    pub path: PathBuf,
    /// What differs there.
    pub what: What,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", escaped(&self.path), self.what)
    }
}

/// What differs; where two values are given, that of the source comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// The copy lacks the entry, and what is below it.
    Missing,
    /// The copy has an entry that the source lacks.
    Extra,
    /// The types.
    Kind(Kind, Kind),
    /// The sizes in bytes.
    Size(u64, u64),
    /// The content of a file.
    Content,
    /// The target of a symbolic link.
    Target,
    /// The numbers of a device, major and minor.
    Device((u32, u32), (u32, u32)),
    /// The modes.
    Mode(u32, u32),
    /// The owners.
    Owner(u32, u32),
    /// The groups.
    Group(u32, u32),
    /// The modification times in seconds and nanoseconds since 1970.
    Modified((i64, u32), (i64, u32)),
    /// An extended attribute that the copy lacks.
    XattrMissing(OsString),
    /// An extended attribute that the source lacks.
    XattrExtra(OsString),
    /// The value of an extended attribute.
    Xattr(OsString),
    /// How many names the file has, or which other names are hard links of it.
    Links(u32, u32),
    /// Where a file has holes.
    Layout,
}

impl What {
    /// Returns a word for the kind of difference, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Kind(..) => "type",
            Self::Size(..) => "size",
            Self::Content => "content",
            Self::Target => "target",
            Self::Device(..) => "device",
            Self::Mode(..) => "mode",
            Self::Owner(..) => "owner",
            Self::Group(..) => "group",
            Self::Modified(..) => "mtime",
            Self::XattrMissing(_) | Self::XattrExtra(_) | Self::Xattr(_) => "xattr",
            Self::Links(..) => "links",
            Self::Layout => "holes",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        match self {
            Self::Missing => f.write_str("missing at the destination"),
            Self::Extra => f.write_str("only at the destination"),
            Self::Kind(a, b) => two(f, word, &a.word(), &b.word()),
            Self::Size(a, b) => two(f, word, a, b),
            Self::Mode(a, b) => write!(f, "mode {a:04o} at the source, {b:04o} at the destination"),
            Self::Owner(a, b) | Self::Group(a, b) => two(f, word, a, b),
            Self::Device((a, b), (c, d)) => two(f, word, &format!("{a}:{b}"), &format!("{c}:{d}")),
            Self::Modified((a, b), (c, d)) => {
                two(f, word, &format!("{a}.{b:09}"), &format!("{c}.{d:09}"))
            }
            Self::XattrMissing(name) => {
                write!(f, "attribute {} missing at the destination", escaped(name))
            }
            Self::XattrExtra(name) => {
                write!(f, "attribute {} only at the destination", escaped(name))
            }
            Self::Xattr(name) => write!(f, "value of the attribute {} differs", escaped(name)),
            Self::Links(a, b) if a == b => f.write_str("hard link of another file"),
            Self::Links(a, b) => {
                write!(f, "{a} hard links at the source, {b} at the destination")
            }
            Self::Content | Self::Target | Self::Layout => write!(f, "{word} differs"),
        }
    }
}

fn two(
    f: &mut fmt::Formatter<'_>,
    word: &str,
    source: &dyn fmt::Display,
    copy: &dyn fmt::Display,
) -> fmt::Result {
    write!(f, "{word} {source} at the source, {copy} at the destination")
}

/// Returns how the copy of an entry differs from it, but for what is in a directory.
pub(super) fn differences(source: &Entry, copy: &Entry) -> Vec<What> {
    if source.kind != copy.kind {
        return vec![What::Kind(source.kind, copy.kind)];
    }
    let mut found = Vec::new();
    let mut check = |differs: bool, what: What| found.extend(differs.then_some(what));
    check(source.size != copy.size, What::Size(source.size, copy.size));
    if source.kind != Kind::Directory && source.size == copy.size {
        check(source.body != copy.body, inside(source.kind));
        check(source.layout != copy.layout, What::Layout);
    }
    check(source.device != copy.device, What::Device(source.device, copy.device));
    check(source.mode != copy.mode, What::Mode(source.mode, copy.mode));
    check(source.uid != copy.uid, What::Owner(source.uid, copy.uid));
    check(source.gid != copy.gid, What::Group(source.gid, copy.gid));
    check(source.mtime != copy.mtime, What::Modified(source.mtime, copy.mtime));
    let links = |entry: &Entry| (entry.links, entry.first);
    check(links(source) != links(copy), What::Links(source.links, copy.links));
    found.extend(xattrs(source, copy));
    found
}

fn inside(kind: Kind) -> What {
    if kind == Kind::Symlink { What::Target } else { What::Content }
}

fn xattrs(source: &Entry, copy: &Entry) -> Vec<What> {
    let all = |entry: &'_ Entry| -> BTreeMap<OsString, Digest> {
        entry.xattrs.iter().map(|xattr| (xattr.name.clone(), xattr.value)).collect()
    };
    let (a, b) = (all(source), all(copy));
    let owned = OsStr::to_os_string;
    let of_source = a.iter().filter_map(|(name, value)| match b.get(name) {
        None => Some(What::XattrMissing(owned(name))),
        Some(other) if other != value => Some(What::Xattr(owned(name))),
        Some(_) => None,
    });
    let extra = b.keys().filter(|name| !a.contains_key(*name));
    of_source.chain(extra.map(|name| What::XattrExtra(owned(name)))).collect()
}
