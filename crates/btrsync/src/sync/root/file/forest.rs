//! The subvolumes of a stream file as a forest.
//!
//! A parent that is not in the file itself stands in the forest too, as a writable subvolume: it can
//! be found at the destination and serve as the parent, but it is never sent.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use uuid::Uuid;

use super::scan::Section;
use crate::btrfs::{Forest, Subvolume};

/// Makes the forest; ids count the subvolumes, parents before their children.
pub(super) fn forest(sections: &[Section]) -> Forest {
    let mut known: HashMap<Uuid, u64> = HashMap::new();
    let mut vols = Vec::new();
    for section in sections {
        if let Some((uuid, ctransid)) = section.parent.filter(|(uuid, _)| !known.contains_key(uuid))
        {
            known.insert(uuid, ctransid);
            vols.push(vol(&vols, OsString::from(uuid.to_string()), uuid, ctransid));
        }
        if !known.contains_key(&section.uuid) {
            let mut vol = vol(&vols, section.name.clone(), section.uuid, section.ctransid);
            vol.parent_uuid = section.parent.map(|(uuid, _)| uuid);
            // What a stream says that it is an increment of is its ancestor, unchanged.
            vol.otransid = vol.parent_uuid.and_then(|uuid| known.get(&uuid)).copied();
            vol.read_only = true;
            vols.push(vol);
            known.insert(section.uuid, section.ctransid);
        }
    }
    Forest::new(vols, |_| true)
}

fn vol(before: &[Subvolume], name: OsString, uuid: Uuid, ctransid: u64) -> Subvolume {
    Subvolume {
        id: before.len() as u64 + 1,
        path: PathBuf::from(&name),
        name,
        uuid: Some(uuid),
        ctransid: Some(ctransid),
        ..Subvolume::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, uuid: u128, parent: Option<u128>) -> Section {
        let parent = parent.map(|parent| (Uuid::from_u128(parent), 7));
        Section {
            name: name.into(),
            uuid: Uuid::from_u128(uuid),
            ctransid: 8,
            parent,
            bytes: 0,
            data: 0,
        }
    }

    #[test]
    fn parents_in_the_file_and_outside_are_found() {
        let forest =
            forest(&[section("b", 2, Some(1)), section("c", 3, Some(2)), section("d", 4, None)]);
        let parent = |name: &str| {
            let vol = forest.iter().find(|vol| vol.name == name).unwrap();
            forest.parent(vol).map(|parent| (parent.uuid.unwrap().as_u128(), parent.read_only))
        };
        assert_eq!(parent("b"), Some((1, false)), "outside, and never sent");
        assert_eq!(parent("c"), Some((2, true)));
        assert_eq!(parent("d"), None);
    }
}
