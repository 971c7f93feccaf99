//! A batch whose volumes do not fit into one message of the protocol.

use btrsync::sync::{BtrSync, SyncOptions, Transfer};
use btrsync_testutil::{LoopFs, assert_identical, btrfs, require_btrfs};

use crate::support::entries;

/// Together with their paths more than a message may have.
const VOLUMES: usize = 330;

#[tokio::test]
async fn it_goes_in_several_flows() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let plug = crate::plug::agent().await;
    let deep = (0..13).fold(from.path().to_path_buf(), |path, _| path.join("d".repeat(250)));
    std::fs::create_dir_all(&deep).unwrap();
    let name = |number: usize| format!("snap-{number:03}");
    // Without a relation, for what builds on another cannot go with it.
    for volume in (0..VOLUMES).map(|number| deep.join(name(number))) {
        btrfs::create_subvolume(&volume);
        btrfs::set_ro(&volume, true);
    }
    let sync = BtrSync::new(plug.root(from.path()).await, plug.root(to.path()).await);
    let options = SyncOptions { batch: true, ..SyncOptions::default() };
    let plan = sync.plan(&options).await.unwrap();
    let flows: Vec<usize> = plan.steps().map(|step| step.vols.len()).collect();
    assert!((2..10).contains(&flows.len()) && flows.iter().sum::<usize>() == VOLUMES, "{flows:?}");
    let outcome = sync.run(&plan, &Transfer::new(""), &options).await;
    assert!(outcome.is_success());
    assert_eq!(entries(to.path()).len(), VOLUMES);
    assert_identical(&deep.join(name(7)), &to.path().join(name(7)));
}
