//! What interrupted runs have left, and how that is told from everything else.
//!
//! Removing is the one thing here that cannot be undone. So a name alone condemns nothing: it must have
//! the whole form of those that this program makes, what has it must be of the kind that such a name is
//! for, nobody may be at work in its directory, and what is removed must be what was listed.

use std::path::PathBuf;
use std::time::SystemTime;

use uuid::Uuid;

use crate::Unfinished;
use crate::btrfs::Subvolume;

/// Something that an interrupted run has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its path, relative to the root.
    pub path: PathBuf,
    /// What it is a part of.
    pub kind: Unfinished,
    /// When it was made, or a file last written to, where that is known.
    pub made: Option<SystemTime>,
    /// Its size, where that is known without reading all of it: that of files.
    pub bytes: Option<u64>,
    /// Which subvolume it is, if it is one.
    pub(crate) subvolume: Option<(u64, Option<Uuid>)>,
}

impl Leftover {
    /// Takes a subvolume for one, if it has such a name.
    pub(super) fn of_subvolume(vol: &Subvolume, path: PathBuf) -> Option<Self> {
        let kind = Unfinished::of(&vol.name).filter(|kind| kind.is_subvolume())?;
        let subvolume = Some((vol.id, vol.uuid));
        Some(Self { path, kind, made: None, bytes: None, subvolume })
    }
}
