//! Single subvolumes by id and by UUID.

use std::collections::BTreeMap;

use btrsync_kernel::{
    FIRST_SUBVOLUME, TOP_LEVEL, find, list, lookup_received_uuid, lookup_uuid, path_of,
};
use btrsync_testutil::require_btrfs;
use uuid::Uuid;

use crate::hard_tree;
use crate::support::open;

#[test]
fn each_subvolume_is_found_by_its_id() {
    require_btrfs!();
    let tree = hard_tree::build();
    let top = open(tree.fs.path());
    for subvolume in list(&top).unwrap() {
        let id = subvolume.info.id;
        assert_eq!(path_of(&top, id).unwrap().as_ref(), Some(&subvolume.path));
        assert_eq!(find(&top, id).unwrap(), Some(subvolume));
    }
}

#[test]
fn an_id_that_no_subvolume_has_finds_none() {
    require_btrfs!();
    let tree = hard_tree::build();
    let top = open(tree.fs.path());
    let last = list(&top).unwrap().last().unwrap().info.id;
    // The two that were made last are deleted; one of them still waits for the cleaner.
    let deleted = last + 1..=last + 2;
    // The kernel's own trees count up from 1 and down from the largest number.
    let others = (0..FIRST_SUBVOLUME).filter(|id| *id != TOP_LEVEL).chain(last + 3..last + 5);
    for id in others.chain(u64::MAX - 300..=u64::MAX).chain(deleted) {
        assert_eq!(find(&top, id).unwrap(), None, "{id}");
        assert_eq!(path_of(&top, id).unwrap(), None, "{id}");
    }
}

#[test]
fn each_subvolume_is_found_by_its_uuid() {
    require_btrfs!();
    let tree = hard_tree::build();
    let top = open(tree.fs.path());
    let mut received = BTreeMap::<Uuid, Vec<u64>>::new();
    for info in list(&top).unwrap().into_iter().map(|subvolume| subvolume.info) {
        assert_eq!(lookup_uuid(&top, info.uuid.unwrap()).unwrap(), [info.id]);
        assert_eq!(lookup_received_uuid(&top, info.uuid.unwrap()).unwrap(), []);
        if let Some(uuid) = info.received_uuid {
            received.entry(uuid).or_default().push(info.id);
        }
    }
    for (uuid, ids) in &received {
        assert_eq!(lookup_received_uuid(&top, *uuid).unwrap(), *ids);
        assert_eq!(lookup_uuid(&top, *uuid).unwrap(), []);
    }
    assert!(received.values().any(|ids| ids.len() > 1), "{received:?}");
}

#[test]
fn a_uuid_that_no_subvolume_has_finds_none() {
    require_btrfs!();
    let tree = hard_tree::build();
    let top = open(tree.fs.path());
    for uuid in [Uuid::nil(), Uuid::max(), Uuid::from_u128(1)] {
        assert_eq!(lookup_uuid(&top, uuid).unwrap(), []);
        assert_eq!(lookup_received_uuid(&top, uuid).unwrap(), []);
    }
}
