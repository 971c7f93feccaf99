//! What one side tells of a subvolume.
//!
//! A root that reads the kernel knows every field; one that reads the text of a program does not,
//! and then says `None`: never a zero that could be taken for a transaction.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use btrsync_kernel as kernel;
use uuid::Uuid;

/// A subvolume as one side lists it.
///
/// Transaction ids are those of the filesystem that it is on, and mean nothing elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subvolume {
    /// The id, unique on its side.
    pub id: u64,
    /// The id of the subvolume that holds its directory entry.
    pub parent_id: Option<u64>,
    /// The path, relative to the root that listed it; bytes, not text. Empty for the root itself.
    pub path: PathBuf,
    /// The name of its directory entry.
    pub name: OsString,
    /// The UUID.
    pub uuid: Option<Uuid>,
    /// The UUID of the subvolume that it is a snapshot of.
    pub parent_uuid: Option<Uuid>,
    /// Where it was received: the UUID that the stream gave of its source.
    pub received_uuid: Option<Uuid>,
    /// The last transaction that changed the tree.
    pub generation: Option<u64>,
    /// The last transaction that changed a file or directory in it.
    pub ctransid: Option<u64>,
    /// The transaction that created it.
    pub otransid: Option<u64>,
    /// Where it was received: the `ctransid` of its source, as the stream told it.
    pub stransid: Option<u64>,
    /// Where it was received: the transaction in which that was completed.
    pub rtransid: Option<u64>,
    /// The time of its creation.
    pub otime: Option<SystemTime>,
    /// Whether it is read-only.
    pub read_only: bool,
    /// Whether another subvolume of its filesystem that may hold other data carries its UUID or received
    /// UUID.
    pub ambiguous: Option<bool>,
}

impl Subvolume {
    /// Makes the value from the kernel's record, whose path is that from the top level.
    pub fn from_kernel(vol: kernel::Subvolume) -> Self {
        let kernel::Subvolume { info, name, path } = vol;
        let received = |transid| info.received_uuid.map(|_| transid);
        Self {
            id: info.id,
            parent_id: info.parent_id,
            path,
            name,
            uuid: info.uuid,
            parent_uuid: info.parent_uuid,
            received_uuid: info.received_uuid,
            generation: Some(info.generation),
            ctransid: Some(info.ctransid),
            otransid: Some(info.otransid),
            stransid: received(info.stransid),
            rtransid: received(info.rtransid),
            otime: info.otime.to_system_time(),
            read_only: info.read_only,
            ambiguous: None,
        }
    }

    /// Makes the path one from a directory of the filesystem, if it leads through that.
    pub(crate) fn shorten(&mut self, prefix: &Path) {
        if !prefix.as_os_str().is_empty()
            && let Ok(below) = self.path.strip_prefix(prefix)
        {
            self.path = below.to_path_buf();
        }
    }

    /// Returns the directory that holds it, relative to the root; empty where it is the root.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Returns whether its received UUID is not its own: a snapshot of a received subvolume carries that
    /// of its origin, whatever was changed there in between.
    pub fn is_received_elsewhere(&self) -> bool {
        matches!((self.otransid, self.rtransid), (Some(made), Some(received)) if made > received)
    }

    /// Returns whether it was changed since it was received.
    pub fn is_changed_since_received(&self) -> bool {
        matches!((self.ctransid, self.rtransid),
            (Some(changed), Some(received)) if is_after_receive(changed, received))
    }

    /// Returns the UUID under which a send stream names it: that of its origin if it was received.
    pub fn stream_uuid(&self) -> Option<Uuid> {
        self.received_uuid.or(self.uuid)
    }
}

/// Whether a change in transaction `changed` is later than a receive that was completed in `received`.
///
/// `btrfs receive` leaves data to be written after it has marked the subvolume as complete; up to two
/// transactions later were seen, and count as part of the receive.
pub(crate) fn is_after_receive(changed: u64, received: u64) -> bool {
    const LATE: u64 = 2;
    changed > received.saturating_add(LATE)
}
