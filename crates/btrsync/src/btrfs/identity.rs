//! Whether an equal at the destination can serve as the parent of an incremental transfer.
//!
//! The hazard is silent corruption: the stream names its parent by UUID alone, and a receiver applies
//! it to whatever carries that UUID. A snapshot that was made writable, changed and made read-only
//! again keeps its UUID; only the transaction ids tell, and they are compared here.

use super::Subvolume;

/// Why what the destination holds is not used as a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// It does not carry the UUID by which the stream would name it.
    Identity,
    /// It was received at another generation: one of the two has been changed since.
    Generation,
    /// One of the two was changed after it was received, or is a snapshot of what was received.
    Changed,
    /// Other subvolumes of the destination that may hold other data carry the same UUID; a receiver could
    /// take one of those.
    Ambiguous,
    /// The copy is writable.
    Writable,
    /// The copy is not among the subvolumes that the destination's root shows.
    Hidden,
    /// It is writable at the source.
    SourceWritable,
    /// It is not among the subvolumes that the source's root shows.
    SourceHidden,
    /// It was changed after the two went different ways.
    Branch,
}

/// Judges `there`, an equal of `here` on the receiving side, as a parent.
///
/// # Errors
///
/// The problem that forbids it.
pub fn usable_parent(here: &Subvolume, there: &Subvolume) -> Result<(), Problem> {
    if !carries_stream_uuid(here, there) {
        return Err(Problem::Identity);
    }
    if there.ambiguous == Some(true) {
        return Err(Problem::Ambiguous);
    }
    if here.uuid != there.uuid && (is_changed(here) || is_changed(there)) {
        return Err(Problem::Changed);
    }
    if here.uuid != there.uuid && !generation_fits(here, there) {
        return Err(Problem::Generation);
    }
    Ok(())
}

/// Whether a subvolume no longer is what its received UUID says.
fn is_changed(vol: &Subvolume) -> bool {
    vol.received_uuid.is_some() && (vol.is_received_elsewhere() || vol.is_changed_since_received())
}

/// Whether a receiver finds `there` when a stream names `here`.
fn carries_stream_uuid(here: &Subvolume, there: &Subvolume) -> bool {
    let named = here.stream_uuid();
    named.is_some() && (there.received_uuid == named || there.uuid == named)
}

/// Whether the transaction ids show that the two hold the same data.
fn generation_fits(here: &Subvolume, there: &Subvolume) -> bool {
    copied(here, there) || copied(there, here) || same_copy(here, there)
}

/// Whether `copy` was received from `origin` as that is now.
fn copied(origin: &Subvolume, copy: &Subvolume) -> bool {
    if copy.received_uuid.is_none() || copy.received_uuid != origin.stream_uuid() {
        return false;
    }
    match (origin.ctransid, copy.stransid) {
        (Some(now), Some(then)) => {
            now == then || (is_first_hand(origin, copy) && untouched(origin))
        }
        _ => true,
    }
}

/// Whether `origin` is the very subvolume that the UUID of `copy` names, and not a copy itself.
fn is_first_hand(origin: &Subvolume, copy: &Subvolume) -> bool {
    copy.received_uuid == origin.uuid
}

/// Whether nothing was ever changed in a snapshot. Then every copy of it is the same, also one that
/// came by way of a third filesystem and so carries a transaction id of that.
fn untouched(vol: &Subvolume) -> bool {
    matches!((vol.ctransid, vol.otransid), (Some(changed), Some(created)) if changed <= created)
}

/// Whether both were received from the same state of the same subvolume.
fn same_copy(here: &Subvolume, there: &Subvolume) -> bool {
    here.received_uuid.is_some()
        && here.received_uuid == there.received_uuid
        && (here.stransid.is_none() || there.stransid.is_none() || here.stransid == there.stransid)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// A snapshot: uuid, created and changed in a transaction; received from (uuid, transaction).
    fn vol(uuid: u128, created: u64, changed: u64, received: Option<(u128, u64)>) -> Subvolume {
        Subvolume {
            uuid: Some(Uuid::from_u128(uuid)),
            received_uuid: received.map(|(from, _)| Uuid::from_u128(from)),
            stransid: received.map(|(_, transid)| transid),
            otransid: Some(created),
            ctransid: Some(changed),
            read_only: true,
            ..Subvolume::default()
        }
    }

    #[test]
    fn a_fresh_copy_fits_both_ways() {
        let (a, b) = (vol(1, 5, 7, None), vol(2, 20, 22, Some((1, 7))));
        assert_eq!(usable_parent(&a, &b), Ok(()));
        assert_eq!(usable_parent(&b, &a), Ok(()));
    }

    #[test]
    fn a_source_changed_since_does_not_fit() {
        let (a, b) = (vol(1, 5, 9, None), vol(2, 20, 22, Some((1, 7))));
        assert_eq!(usable_parent(&a, &b), Err(Problem::Generation));
        assert_eq!(usable_parent(&b, &a), Err(Problem::Generation));
    }

    #[test]
    fn a_round_trip_over_a_third_filesystem_fits() {
        // B received A at 7; C received B, which had reached transaction 22, under A's UUID.
        let (a, b) = (vol(1, 7, 7, None), vol(2, 20, 22, Some((1, 7))));
        let c = vol(3, 30, 31, Some((1, 22)));
        for (here, there) in [(&a, &c), (&c, &a), (&b, &c), (&c, &b)] {
            assert_eq!(usable_parent(here, there), Ok(()));
        }
    }

    #[test]
    fn what_was_received_under_another_uuid_is_not_found_by_a_receiver() {
        // Received from A, then itself noted as received from elsewhere: the stream names that.
        let (a, b) = (vol(1, 5, 7, Some((9, 3))), vol(2, 20, 22, Some((1, 7))));
        assert_eq!(usable_parent(&a, &b), Err(Problem::Identity));
    }

    #[test]
    fn two_copies_of_one_state_fit_and_of_two_states_do_not() {
        let (b, c) = (vol(2, 20, 22, Some((1, 7))), vol(3, 30, 31, Some((1, 7))));
        assert_eq!(usable_parent(&b, &c), Ok(()));
        assert_eq!(usable_parent(&b, &vol(3, 30, 31, Some((1, 8)))), Err(Problem::Generation));
    }

    #[test]
    fn a_side_that_does_not_tell_its_transactions_is_believed() {
        let (mut a, b) = (vol(1, 5, 9, None), vol(2, 20, 22, Some((1, 7))));
        a.ctransid = None;
        assert_eq!(usable_parent(&a, &b), Ok(()));
    }
}
