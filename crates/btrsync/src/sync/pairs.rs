//! Which subvolumes of the destination are copies of those of the source.

use futures_util::future::try_join;

use super::root::RootError;
use super::run::{BtrSync, SyncOptions};
use crate::btrfs::Subvolume;

/// A subvolume of the source, and what the destination has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The subvolume.
    pub vol: Subvolume,
    /// Its COW parent at the source; what an incremental stream of a file builds on.
    pub parent: Option<Subvolume>,
    /// Its copies, by UUID and received UUID; none where the destination has none.
    pub copies: Vec<Subvolume>,
}

impl BtrSync {
    /// Lists both sides and returns the read-only subvolumes of the source that are targets, with their
    /// copies.
    ///
    /// A snapshot of a copy carries the same UUID, whatever was changed in between; so does a copy that
    /// was made writable. Both count as copies only where there is no better one.
    ///
    /// # Errors
    ///
    /// Where one side cannot be listed.
    pub async fn pairs(&self, options: &SyncOptions) -> Result<Vec<Pair>, RootError> {
        let (src, dst) = self.roots();
        let (src, dst) = try_join(src.list(), dst.list()).await?;
        let (diff, hooks) = (self.diff(&src, &dst), self.hooks_of(options));
        let copies = |vol: &Subvolume| {
            best(diff.equals(vol).iter().filter_map(|id| dst.get(*id)).cloned().collect())
        };
        let targets = src.iter().filter(|vol| vol.read_only && hooks.call_target(vol));
        let pair = |vol: &Subvolume| Pair {
            vol: vol.clone(),
            parent: src.parent(vol).cloned(),
            copies: copies(vol),
        };
        Ok(targets.map(pair).collect())
    }
}

/// Keeps the copies that are as good as any.
fn best(copies: Vec<Subvolume>) -> Vec<Subvolume> {
    let rank = |vol: &Subvolume| (!vol.read_only, vol.is_received_elsewhere());
    let best = copies.iter().map(rank).min();
    copies.into_iter().filter(|vol| Some(rank(vol)) == best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vol(id: u64, read_only: bool, made: u64, received: u64) -> Subvolume {
        let (otransid, rtransid) = (Some(made), Some(received));
        Subvolume { id, read_only, otransid, rtransid, ..Subvolume::default() }
    }

    #[test]
    fn snapshots_of_a_copy_and_writable_ones_count_where_there_is_no_other() {
        let (copy, again) = (vol(1, true, 5, 6), vol(2, true, 7, 8));
        let (snapshot, writable) = (vol(3, true, 9, 6), vol(4, false, 5, 6));
        let ids = |vols: &[&Subvolume]| -> Vec<u64> {
            best(vols.iter().copied().cloned().collect()).iter().map(|vol| vol.id).collect()
        };
        assert_eq!(ids(&[&writable, &snapshot, &copy, &again]), [1, 2]);
        assert_eq!(ids(&[&writable, &snapshot]), [3]);
        assert_eq!(ids(&[&writable]), [4]);
        assert_eq!(ids(&[]), [0; 0]);
    }
}
