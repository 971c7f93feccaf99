//! Lists the subvolumes of the other side from what btrfs-progs prints.

use std::collections::HashSet;
use std::path::Path;

use super::super::error::RootError;
use super::Shell;
use super::script::Script;
use super::text::{self, Listed, TextError};
use crate::btrfs::Subvolume;

/// Prints four texts and the version, each but the last with a NUL behind it, which no name can hold.
const LIST: &str = r#"
r btrfs --version || exit; printf '\0'
r btrfs inspect-internal rootid "$1"; printf '\0'
r btrfs subvolume list -a -p -c -u -q -R "$1"; printf '\0'
r btrfs subvolume list -t -a -p -c -u -q -R "$1"; printf '\0'
r btrfs subvolume list -r -a -p -c -u -q -R "$1"
"#;

/// How often a listing is asked for that changed while it was printed.
const ATTEMPTS: usize = 5;

/// All subvolumes of a filesystem.
#[derive(Debug)]
pub(super) struct Listing {
    /// The id of the subvolume that was asked for.
    pub(super) root: u64,
    /// All but the top level, each with its path from there.
    pub(super) vols: Vec<Subvolume>,
}

/// Lists the filesystem of the subvolume at `path`.
pub(super) fn list(shell: &Shell, path: &Path) -> Result<Listing, RootError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let answer = shell.ask(&Script::new(LIST).arg(path))?;
        match read(&answer) {
            Ok(listing) => return Ok(listing),
            Err(TextError::Changed { .. }) if attempts < ATTEMPTS => {}
            Err(error) => {
                return Err(shell.garbled("btrfs subvolume list", &error.to_string()).into());
            }
        }
    }
}

fn read(answer: &[u8]) -> Result<Listing, TextError> {
    let mut texts = answer.split(|c| *c == 0);
    let mut next = || texts.next().unwrap_or_default();
    text::Version::parse(next())?.check()?;
    let root = text::root_id(next())?;
    let listed = text::listing(next(), next(), root)?;
    let read_only = text::read_only(next(), &listed, root)?;
    let vols = listed.into_iter().map(|one| subvolume(one, &read_only)).collect();
    Ok(Listing { root, vols })
}

fn subvolume(listed: Listed, read_only: &HashSet<u64>) -> Subvolume {
    // What changed a file has also changed the tree, so a tree as old as its subvolume tells both.
    let untouched = listed.generation == listed.otransid;
    Subvolume {
        id: listed.id,
        parent_id: Some(listed.parent_id),
        name: listed.path.file_name().unwrap_or_default().to_os_string(),
        path: listed.path,
        uuid: listed.uuid,
        parent_uuid: listed.parent_uuid,
        received_uuid: listed.received_uuid,
        generation: Some(listed.generation),
        ctransid: untouched.then_some(listed.otransid),
        otransid: Some(listed.otransid),
        read_only: read_only.contains(&listed.id),
        ..Subvolume::default()
    }
}
