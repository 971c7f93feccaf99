//! What is known of a machine, and of a place on it, before anything is sent there.
//!
//! The hazard is an examination that changes what it looks at, or that fails where it should tell. So
//! whatever is not known is just that, with the reason, and it is only ever read: no lock is taken, nothing
//! is written, and the table of locks says who holds one.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::command::Version;
use super::contract::Kind;

/// The problem of a btrsync that does not know the question.
pub const OLDER: &str = "the btrsync there is older, and does not tell about its machine";

/// What is known of a machine and a place on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The machine.
    pub machine: Machine,
    /// The place, if one was asked for and could be looked at.
    pub site: Option<Site>,
    /// Why not.
    pub problem: Option<String>,
    /// Whether a btrsync does the work there, on its own or over a connection; else btrfs-progs do.
    #[serde(skip)]
    pub native: bool,
    /// The version of the program and of the protocol, where another btrsync has told this.
    #[serde(skip)]
    pub agent: Option<(String, String)>,
    /// Why btrfs-progs do the work there, where another btrsync could.
    #[serde(skip)]
    pub why: Option<String>,
    /// All that the other side allows, where that is not everything.
    #[serde(skip)]
    pub allowed: Option<Vec<String>>,
}

/// What is known of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// The version of its kernel; empty where that is not told.
    pub kernel: String,
    /// The kind of its processor.
    pub processor: String,
    /// Whether the kernel knows btrfs now.
    pub btrfs: bool,
    /// The youngest version of a send stream that its kernel makes.
    pub send_version: Option<u32>,
    /// Whether the kernel can wall a receiver in (Landlock).
    pub landlock: Option<bool>,
    /// Its btrfs-progs.
    pub progs: Option<Progs>,
    /// Whether there is a `flock` program.
    pub flock: bool,
    /// The user who works there.
    pub user: Option<u32>,
    /// What that user may do, one bit for each capability of Linux.
    pub capabilities: Option<u64>,
    /// Why sudo, which was to be used, cannot be.
    pub sudo: Option<String>,
}

/// btrfs-progs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progs {
    /// The version.
    pub version: String,
    /// Why what it prints cannot be used.
    pub problem: Option<String>,
}

/// What is known of a place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Site {
    /// What exists of the path, without links.
    #[serde(with = "bytes")]
    pub path: PathBuf,
    /// The rest.
    #[serde(with = "bytes")]
    pub missing: PathBuf,
    /// What stands there; of what exists where there is a rest.
    pub kind: Kind,
    /// The kind of filesystem.
    pub filesystem: String,
    /// Where that is mounted; empty where it is not told.
    #[serde(with = "bytes")]
    pub mount: PathBuf,
    /// How.
    pub options: Vec<String>,
    /// Whether the filesystem or its mount is read-only.
    pub read_only: bool,
    /// Whether the mount shows the whole subvolume.
    pub subvolume: bool,
    /// Whether that is read-only, where it is known.
    pub subvolume_read_only: Option<bool>,
    /// Whether the user may write there.
    pub writable: bool,
    /// What is free for data, and how large the filesystem is, in bytes.
    pub free: Option<(u64, u64)>,
    /// The room for metadata.
    pub metadata: Option<Metadata>,
    /// How many subvolumes of interrupted runs there are at or below the place.
    pub left: Option<usize>,
    /// Whether only those were seen that the user can reach.
    pub reached_only: bool,
    /// Why the subvolumes cannot be listed.
    pub unlisted: Option<String>,
    /// The process that has a lock on the place.
    pub locked: Option<i32>,
}

/// Room for metadata, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// What is in use.
    pub used: u64,
    /// What is set aside for metadata.
    pub total: u64,
    /// What is set aside for nothing, where that is known.
    pub unallocated: Option<u64>,
}

impl Facts {
    /// Leaves what whoever is fenced in may know: whether it can work, and not what else is there.
    pub(crate) fn harmless(self) -> Self {
        let Machine { btrfs, send_version, landlock, .. } = self.machine;
        let machine = Machine { btrfs, send_version, landlock, ..Machine::default() };
        let site = self.site.map(|site| Site {
            mount: PathBuf::new(),
            options: Vec::new(),
            metadata: None,
            unlisted: site.unlisted.map(|_| "the kernel does not let it".to_owned()),
            locked: site.locked.map(|_| 0),
            ..site
        });
        Self { machine, site, ..Self::default() }
    }
}

impl Machine {
    /// Takes apart what the kernel says of the process (`/proc/self/status`).
    pub(super) fn with_status(self, status: &[u8]) -> Self {
        let text = String::from_utf8_lossy(status);
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let user = field("Uid:").and_then(|ids| ids.split_whitespace().nth(1)?.parse().ok());
        let bits = field("CapEff:").and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        Self { user, capabilities: bits, ..self }
    }

    /// Reads the list of filesystems that the kernel knows.
    pub(super) fn knows_btrfs(filesystems: &[u8]) -> bool {
        let mut lines = filesystems.split(|c| *c == b'\n');
        lines.any(|line| line.split(|c| *c == b'\t').next_back() == Some(b"btrfs"))
    }
}

impl Progs {
    /// Reads what `btrfs --version` prints; nothing where that is not it.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let version = Version::parse(text).ok()?;
        let problem = version.check().err().map(|error| error.to_string());
        Some(Self { version: version.to_string(), problem })
    }
}

/// The processes that `/proc/locks` has for an inode of a device. It names inodes without their subvolume, so
/// some of them can hold another one.
pub(super) fn lockers(table: &[u8], device: &str, inode: u64) -> Vec<i32> {
    let (table, file) = (String::from_utf8_lossy(table), format!("{device}:{inode}"));
    let holder = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, at, ..] = fields[..] else { return None };
        if at == file { pid.parse().ok() } else { None }
    };
    table.lines().filter_map(holder).collect()
}

/// A path, as the bytes that it is.
mod bytes {
    use super::*;
    use crate::agent::Bytes;

    pub(super) fn serialize<S: Serializer>(path: &Path, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_bytes(path.as_os_str().as_bytes())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(OsString::from_vec(Bytes::deserialize(from)?.0).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_who_and_what_he_may() {
        let status = b"Name:\tx\nUid:\t1000\t47110\t0\t0\nCapEff:\t0000000000200003\n";
        let machine = Machine::default().with_status(status);
        assert_eq!((machine.user, machine.capabilities), (Some(47_110), Some(0x20_0003)));
        assert_eq!(Machine::default().with_status(b"Uid:\nCapEff: x"), Machine::default());
    }

    #[test]
    fn only_btrfs_itself_is_btrfs() {
        assert!(Machine::knows_btrfs(b"nodev\tproc\n\text4\n\tbtrfs\n"));
        assert!(!Machine::knows_btrfs(b"nodev\tproc\n\tbtrfs2\n") && !Machine::knows_btrfs(b""));
    }

    #[test]
    fn versions_that_print_too_little_are_a_problem_and_garbage_is_none() {
        let problem = |text: &[u8]| Progs::read(text).unwrap().problem.is_some();
        assert!(problem(b"btrfs-progs v6.1\n") && problem(b"btrfs-progs v6.9.1\n"));
        assert!(!problem(b"btrfs-progs v6.2\n"));
        assert_eq!(Progs::read(b""), None);
    }

    #[test]
    fn locks_are_found_by_device_and_inode() {
        let table = b"1: FLOCK  ADVISORY  WRITE 7 00:1e:256 0 EOF\n\
            2: POSIX  ADVISORY  WRITE 8 00:1e:256 0 EOF\n3: FLOCK ADVISORY WRITE 9 00:1e:2256 0 EOF\n\
            4: -> FLOCK ADVISORY WRITE 10 00:1e:256 0 EOF\n5: FLOCK ADVISORY READ 11 00:1e:256 0 EOF\n";
        assert_eq!(lockers(table, "00:1e", 256), [7, 11]);
        assert_eq!(lockers(b"\xff\n1: FLOCK", "00:1e", 256), []);
    }

    #[test]
    fn what_a_fenced_one_is_told_names_nothing_else() {
        let site =
            Site { mount: "/srv".into(), locked: Some(7), writable: true, ..Site::default() };
        let machine =
            Machine { kernel: "6.1".into(), btrfs: true, user: Some(0), ..<_>::default() };
        let facts = Facts { machine, site: Some(site), ..Facts::default() }.harmless();
        let site = facts.site.unwrap();
        assert_eq!((site.mount, site.locked, site.writable), (PathBuf::new(), Some(0), true));
        assert_eq!((facts.machine.kernel.as_str(), facts.machine.user), ("", None));
        assert!(facts.machine.btrfs);
    }
}
