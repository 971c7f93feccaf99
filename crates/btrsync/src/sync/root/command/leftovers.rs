//! What interrupted runs have left on the other side, found in its listing and removed by its `btrfs`.
//!
//! There a directory is locked by a script that lives as long as the root, so while somebody is asked
//! what to do it is only looked whether the lock could be had.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::place::Place;
use super::script::Script;
use super::{Shared, list, lock};
use crate::sync::root::Leftover;
use crate::sync::root::error::RootError;

/// Prints those of the directories that are locked; without `flock` none is.
const BUSY: &str =
    r#"for d; do $S flock -n "$d" true 2>/dev/null; test $? = 1 && printf '%s\0' "$d"; done"#;

/// Prints `gone` where no subvolume is at `$2` in `$1`, else deletes it; 256 is the inode of a subvolume.
const DELETE: &str = r#"
i=$(stat -c %i -- "$1/$2" 2>/dev/null) || i=$($S stat -c %i -- "$1/$2" 2>/dev/null)
if test "$i" = 256 && ! t -L "$1/$2"; then r btrfs subvolume delete "$1/$2" >&2; else printf gone; fi
"#;

impl Shared {
    pub(super) fn find_leftovers(&self, path: &Path) -> Result<Vec<Leftover>, RootError> {
        let mut found = self.unfinished(path)?;
        found.sort_by(|one, other| one.path.cmp(&other.path));
        let dirs: BTreeSet<PathBuf> =
            found.iter().map(|left| self.directory_of(&left.path)).collect();
        let busy = self.shell.ask(&Script::new(BUSY).args(&dirs))?;
        match busy.split(|c| *c == 0).find(|dir| !dir.is_empty()) {
            None => Ok(found),
            Some(dir) => {
                let path = self.shell.shown(&super::place::path(dir));
                Err(RootError::Locked { path, pid: None, holder: self.shell.holder() })
            }
        }
    }

    /// All below `path` that have such a name.
    fn unfinished(&self, path: &Path) -> Result<Vec<Leftover>, RootError> {
        Ok(unfinished(&list::list(&self.shell, &self.path)?, path))
    }

    pub(super) fn remove_leftover(&self, left: &Leftover) -> Result<(), RootError> {
        let dir = self.directory_of(&left.path);
        let vanished =
            || RootError::Vanished { path: self.shell.shown(&self.path.join(&left.path)) };
        let place = Place::ask(&self.shell, &dir)?;
        self.is_real(&place, &place.existing, &dir)?;
        lock(&self.locks).lock(&self.shell, &dir)?;
        // Asked again behind the lock: it must still be the one that was listed.
        let same = |now: &Leftover| now.path == left.path && now.subvolume == left.subvolume;
        let above = left.path.parent().unwrap_or(Path::new(""));
        if !self.unfinished(above)?.iter().any(same) {
            return Err(vanished());
        }
        let name = left.path.file_name().unwrap_or_default();
        let answer = self.shell.ask(&Script::new(DELETE).arg(&dir).arg(name))?;
        if answer.is_empty() { Ok(()) } else { Err(vanished()) }
    }
}

/// Those of a listing that have such a name, at or below `path`.
pub(super) fn unfinished(listing: &list::Listing, path: &Path) -> Vec<Leftover> {
    let root = listing.vols.iter().find(|vol| vol.id == listing.root);
    let prefix = root.map(|root| root.path.clone()).unwrap_or_default();
    let leftover = |vol: &crate::btrfs::Subvolume| {
        let below = vol.path.strip_prefix(&prefix).ok()?;
        let below = Some(below).filter(|below| below.starts_with(path))?;
        Leftover::of_subvolume(vol, below.into())
    };
    listing.vols.iter().filter_map(leftover).collect()
}
