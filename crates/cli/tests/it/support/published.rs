//! What stands under the final names of a destination.

use std::ffi::OsString;
use std::fs;

use btrsync_testutil::btrfs;

use super::{Pair, arrived};

/// Deletes everything at the destination.
#[track_caller]
pub(crate) fn clear(pair: &Pair) {
    names(pair).iter().for_each(|name| btrfs::delete(&pair.backup().join(name)));
}

/// Whatever has its final name is what it says.
#[track_caller]
pub(crate) fn published_are_complete(pair: &Pair) {
    for name in names(pair) {
        if !name.as_encoded_bytes().starts_with(b".btrsync-") {
            arrived(&pair.snaps().join(&name), &pair.backup().join(&name));
        }
    }
}

#[track_caller]
fn names(pair: &Pair) -> Vec<OsString> {
    fs::read_dir(pair.backup()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}
