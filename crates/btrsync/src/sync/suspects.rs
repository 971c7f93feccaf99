//! Subvolumes of the destination whose received UUID does not say what they hold.
//!
//! The hazard is that they pass for copies: one that was made writable keeps its received UUID, and snapshots
//! of it carry that on. They are left out of matching, and told, so that somebody can put them right.

use std::collections::HashSet;

use uuid::Uuid;

use crate::btrfs::{Forest, Problem, Subvolume};
use crate::receive::is_unfinished;

/// Finds those that claim to be copies of what the source shows.
pub(super) fn suspects(src: &Forest, dst: &Forest) -> Vec<(Subvolume, Problem)> {
    let names = |vol: &Subvolume| [vol.uuid, vol.received_uuid];
    let known: HashSet<Uuid> = src.iter().flat_map(names).flatten().collect();
    let claims = |vol: &Subvolume| vol.received_uuid.is_some_and(|uuid| known.contains(&uuid));
    let all = dst.everything().map(|(vol, _)| vol);
    let claiming = all.filter(|vol| claims(vol) && !is_unfinished(&vol.name));
    claiming.filter_map(|vol| Some((vol.clone(), problem(vol)?))).collect()
}

/// Why the received UUID of a subvolume does not say what it holds.
pub(super) fn problem(vol: &Subvolume) -> Option<Problem> {
    match (vol.read_only, vol.ambiguous) {
        (false, _) => Some(Problem::Writable),
        (_, Some(true)) => Some(Problem::Ambiguous),
        _ => vol.is_changed_since_received().then_some(Problem::Changed),
    }
}
