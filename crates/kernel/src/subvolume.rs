//! The values that describe a subvolume, free of kernel types.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

/// The id of the top-level subvolume of every btrfs filesystem.
pub const TOP_LEVEL: u64 = 5;

/// The smallest id of a subvolume that a user has made.
pub const FIRST_SUBVOLUME: u64 = 256;

/// A point in time since the epoch, as btrfs stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: u64,
    /// Nanoseconds within the second.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// Returns the time as the system clock's type, or `None` where that cannot hold it.
    pub fn to_system_time(self) -> Option<SystemTime> {
        let whole = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.seconds))?;
        whole.checked_add(Duration::from_nanos(self.nanoseconds.into()))
    }
}

/// What btrfs records of a subvolume. Transaction ids are those of the filesystem it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The id of the subvolume, unique in its filesystem and never used again.
    pub id: u64,
    /// The id of the subvolume that holds its directory entry; `None` for the top level.
    pub parent_id: Option<u64>,
    /// The inode of the directory that holds its entry, in the subvolume `parent_id`.
    pub directory: u64,
    /// The last transaction that changed the tree.
    pub generation: u64,
    /// The last transaction that changed a file or directory in it.
    pub ctransid: u64,
    /// The transaction that created it.
    pub otransid: u64,
    /// Where it was received: the `ctransid` that the stream gave of its source; else 0.
    pub stransid: u64,
    /// Where it was received: the transaction in which that was completed; else 0.
    pub rtransid: u64,
    /// Its UUID; `None` for a top level made by btrfs-progs before 4.16.
    pub uuid: Option<Uuid>,
    /// The UUID of the subvolume that it is a snapshot of.
    pub parent_uuid: Option<Uuid>,
    /// Where it was received: the UUID that the stream gave of its source.
    pub received_uuid: Option<Uuid>,
    /// The time of the last change of a file or directory in it.
    pub ctime: Timestamp,
    /// The time of its creation.
    pub otime: Timestamp,
    /// The time at which it was sent, as the receiver noted it.
    pub stime: Timestamp,
    /// The time at which it was received.
    pub rtime: Timestamp,
    /// Whether it is read-only.
    pub read_only: bool,
}

/// A subvolume and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subvolume {
    /// What btrfs records of it.
    pub info: Info,
    /// The name of its directory entry; empty for the top level.
    pub name: OsString,
    /// Its path from the top level, bytes as they are on disk; empty for the top level itself.
    pub path: PathBuf,
}

impl Subvolume {
    /// Puts a record and a path together, of which the last part is the name.
    pub fn new(info: Info, path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default().to_os_string();
        Self { info, name, path }
    }
}
