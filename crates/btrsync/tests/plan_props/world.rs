//! Random forests and destinations. UUIDs come from few numbers, so that they collide.

use std::collections::HashSet;

use btrsync::btrfs::Subvolume;
use proptest::prelude::*;
use uuid::Uuid;

/// Two sides, and what the hooks say.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) source: Vec<Subvolume>,
    pub(super) dest: Vec<Subvolume>,
    pub(super) skipped: HashSet<u64>,
    pub(super) refused: HashSet<u64>,
    pub(super) transfer_existing: bool,
}

const FIRST: u64 = 256;
const MOST: usize = 24;

fn number(range: std::ops::Range<u128>) -> impl Strategy<Value = Option<Uuid>> {
    proptest::option::weighted(0.8, range.prop_map(Uuid::from_u128))
}

fn transid() -> impl Strategy<Value = Option<u64>> {
    proptest::option::weighted(0.9, 5u64..8)
}

prop_compose! {
    /// A subvolume without id and UUID.
    fn described()(
        parent_uuid in number(0..30),
        received_uuid in proptest::option::weighted(0.3, (0u128..40).prop_map(Uuid::from_u128)),
        transids in (transid(), transid(), transid()),
        directory in 0..3,
        read_only in proptest::bool::weighted(0.8),
    ) -> Subvolume {
        let (otransid, ctransid, stransid) = transids;
        Subvolume {
            parent_uuid,
            received_uuid,
            otransid,
            ctransid,
            stransid: received_uuid.and(stransid),
            path: format!("d{directory}").into(),
            read_only,
            ..Subvolume::default()
        }
    }
}

/// One side: ids in any order, mostly a UUID of one's own, sometimes that of another or none.
fn side() -> impl Strategy<Value = Vec<Subvolume>> {
    let uuids = proptest::collection::vec((described(), number(0..40), 0..10), 0..MOST);
    let numbered = uuids.prop_map(|vols| {
        let vols = (FIRST..).zip(vols).map(|(id, (vol, other, lot))| {
            let own = Some(Uuid::from_u128(u128::from(id - FIRST)));
            let uuid = if lot > 1 { own } else { other };
            let name = id.to_string();
            Subvolume { id, uuid, path: vol.path.join(&name), name: name.into(), ..vol }
        });
        vols.collect::<Vec<_>>()
    });
    numbered.prop_shuffle()
}

/// What a receiver makes of a volume.
pub(super) fn received(vol: &Subvolume, id: u64) -> Subvolume {
    Subvolume {
        id,
        uuid: Some(Uuid::from_u128(1000 + u128::from(id))),
        received_uuid: vol.stream_uuid(),
        stransid: vol.ctransid,
        read_only: true,
        ..Subvolume::default()
    }
}

/// A destination: copies of some of the source, and others that only look like it.
fn dest(source: &[Subvolume]) -> impl Strategy<Value = Vec<Subvolume>> + use<> {
    let copies = proptest::sample::subsequence(source.to_vec(), 0..=source.len());
    (copies, side(), 0..3).prop_map(|(copies, mut others, kind)| {
        let first = FIRST + MOST as u64;
        let copies = (first..).zip(copies.iter().filter(|vol| vol.read_only));
        let copies = copies.map(|(id, vol)| received(vol, id)).collect();
        match kind {
            0 => others,
            1 => copies,
            _ => {
                others.extend(copies);
                others
            }
        }
    })
}

fn some_ids() -> impl Strategy<Value = HashSet<u64>> {
    proptest::collection::hash_set(FIRST..FIRST + MOST as u64, 0..MOST / 3)
}

pub(super) fn world() -> impl Strategy<Value = World> {
    let sides = side().prop_flat_map(|source| (dest(&source), Just(source)));
    (sides, some_ids(), some_ids(), proptest::bool::weighted(0.2)).prop_map(
        |((dest, source), skipped, refused, transfer_existing)| World {
            source,
            dest,
            skipped,
            refused,
            transfer_existing,
        },
    )
}
