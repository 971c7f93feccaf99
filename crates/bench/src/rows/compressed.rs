//! A compressed snapshot, sent in full to a filesystem that compresses.
//!
//! The hazard is a contestant that leaves the data uncompressed and is done the sooner: the result must not
//! take much more room than the source.

use super::full::{Cache, Full};
use super::peers::{BTRFS, BTRFS_V2, ours, send_receive};
use super::{Found, Goal, Row, contest, goals};
use crate::contest::Failed;
use crate::options::Options;
use crate::scene::text_files;

const FILES: usize = 64;
const ROOM: f64 = 1.25;
const GOALS: [[Goal; 2]; 2] = [goals(BTRFS, 0.28, 0.35), goals(BTRFS_V2, 0.90, 0.70)];

pub(super) const ROW: Row = Row {
    name: "compressed",
    about: "1 GiB of text in full, zstd on both sides, nothing of the source cached",
    minutes: 2.5,
    goals: GOALS.as_flattened(),
    run,
};

fn run(options: &Options) -> Result<Found, Failed> {
    let mib = options.size(16, 1);
    let mut scene =
        Full::new(Cache::Cold, "compress=zstd", |origin| text_files(origin, FILES, mib));
    scene.room = Some(ROOM);
    let peers = [(BTRFS, ""), (BTRFS_V2, "--proto 2 --compressed-data")];
    let peers = peers.map(|(name, options)| Ok(send_receive(name, options)));
    contest(options, &mut scene, [Ok(ours(options))].into_iter().chain(peers).collect())
}
