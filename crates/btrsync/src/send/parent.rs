//! Chooses the parent where only clone sources are given. A stream from another parent would be as
//! right, but scripts compare streams, so the choice is that of `btrfs send`.

use btrsync_kernel as kernel;

use super::error::SendError;
use super::source::Source;

/// Returns the best parent among the clone sources.
pub(super) fn choose<'a>(source: &Source, clones: &'a [Source]) -> Result<&'a Source, SendError> {
    let infos: Vec<&kernel::Info> = clones.iter().map(|clone| &clone.info).collect();
    let best = origin(source)?.and_then(|origin| nearest(&origin, &infos));
    let best = best.and_then(|at| clones.get(at));
    best.ok_or_else(|| SendError::NoParent { path: source.path.clone() })
}

/// Looks up what a subvolume is a snapshot of.
fn origin(source: &Source) -> Result<Option<kernel::Info>, SendError> {
    let Some(uuid) = source.info.parent_uuid else { return Ok(None) };
    let look = |error| SendError::Look { path: source.path.clone(), source: error };
    let ids = kernel::lookup_uuid(&source.dir, uuid).map_err(look)?;
    let Some(id) = ids.first() else { return Ok(None) };
    Ok(kernel::find(&source.dir, *id).map_err(look)?.map(|found| found.info))
}

/// Which of the clone sources is the origin itself, or else the snapshot of it that is nearest to its
/// present state; the first of several.
fn nearest(origin: &kernel::Info, clones: &[&kernel::Info]) -> Option<usize> {
    if let Some(at) = clones.iter().position(|clone| clone.id == origin.id) {
        return Some(at);
    }
    let siblings = clones.iter().enumerate();
    let siblings = siblings
        .filter(|(_, clone)| clone.parent_uuid.is_some() && clone.parent_uuid == origin.uuid);
    siblings.min_by_key(|(_, clone)| clone.ctransid.abs_diff(origin.ctransid)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn info(id: u64, parent: Option<u64>, ctransid: u64) -> kernel::Info {
        let uuid = |id: u64| Uuid::from_u128(id.into());
        let time = kernel::Timestamp::default();
        kernel::Info {
            id,
            uuid: Some(uuid(id)),
            parent_uuid: parent.map(uuid),
            ctransid,
            parent_id: Some(5),
            directory: 256,
            generation: ctransid,
            otransid: ctransid,
            stransid: 0,
            rtransid: 0,
            received_uuid: None,
            ctime: time,
            otime: time,
            stime: time,
            rtime: time,
            read_only: true,
        }
    }

    /// The id that is chosen among clone sources, given as (id, parent, ctransid).
    fn chosen(origin: u64, clones: &[(u64, Option<u64>, u64)]) -> Option<u64> {
        let clones: Vec<_> = clones.iter().map(|(id, up, at)| info(*id, *up, *at)).collect();
        let clones: Vec<_> = clones.iter().collect();
        nearest(&info(1, None, origin), &clones).map(|at| clones[at].id)
    }

    #[test]
    fn the_origin_comes_first_and_then_its_nearest_snapshot() {
        assert_eq!(chosen(50, &[(2, Some(1), 49), (1, None, 50)]), Some(1));
        assert_eq!(chosen(50, &[(2, Some(1), 10), (3, Some(1), 40), (4, Some(1), 20)]), Some(3));
        assert_eq!(chosen(50, &[(2, Some(1), 40), (3, Some(1), 60)]), Some(2), "the first");
        assert_eq!(chosen(50, &[(2, Some(1), 10), (3, Some(1), 52)]), Some(3), "a later one");
    }

    #[test]
    fn strangers_are_no_parents() {
        assert_eq!(chosen(50, &[]), None);
        assert_eq!(chosen(50, &[(7, None, 50), (8, Some(7), 50)]), None);
    }
}
