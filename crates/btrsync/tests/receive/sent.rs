//! Streams of the kernel: what arrives is what was sent.

use std::fs;
use std::path::Path;

use btrsync::receive::ReceiveOptions;
use btrsync_testutil::{
    Compare, LoopFs, assert_identical, btrfs, mutate_zoo, populate_zoo, require_btrfs,
};

use crate::support::{FORMS, accepted, send, take_with};

/// A zoo, changed from snapshot to snapshot.
pub(crate) fn zoo(fs: &LoopFs, rounds: u32) -> Vec<String> {
    let origin = fs.path().join("origin");
    btrfs::create_subvolume(&origin);
    populate_zoo(&origin);
    (0..=rounds)
        .map(|round| {
            if round > 0 {
                mutate_zoo(&origin, round);
            }
            let name = format!("snap-{round}");
            btrfs::snapshot_ro(&origin, &fs.path().join(&name));
            name
        })
        .collect()
}

/// Everything, access times too: nothing reads the files before they are compared.
pub(crate) fn identical(source: &Path, dest: &Path) {
    Compare::default().atime(true).assert_identical(source, dest);
}

#[test]
fn a_chain_of_zoos_in_every_form() {
    require_btrfs!();
    let from = LoopFs::new();
    let snaps = zoo(&from, 5);
    for form in FORMS {
        let to = LoopFs::new();
        let mut parent = None;
        for name in &snaps {
            let snap = from.path().join(name);
            accepted(&send(&snap, parent.as_deref(), form), to.path());
            identical(&snap, &to.path().join(name));
            parent = Some(snap);
        }
    }
}

#[test]
fn what_was_received_says_from_where() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    zoo(&from, 0);
    let (here, there) = (from.path().join("snap-0"), to.path().join("snap-0"));
    accepted(&send(&here, None, &[]), to.path());
    let (sent, received) = (btrfs::show(&here), btrfs::show(&there));
    assert_eq!(received.get("Received UUID"), sent.get("UUID"));
    assert!(received.is_read_only());
    let transids = |show: &btrfs::Show| {
        (show.get("Receive transid").to_owned(), show.get("Generation").to_owned())
    };
    let (at, generation) = transids(&received);
    let late: u64 = generation.parse::<u64>().unwrap() - at.parse::<u64>().unwrap();
    assert!(late <= 1, "written to after it was complete: {at}, {generation}");
}

/// Each compression, as it is and decompressed by us, also to a filesystem that holds no such data.
#[test]
fn compressed_data_in_all_ways() {
    require_btrfs!();
    for kind in ["zlib", "zstd", "lzo"] {
        let mount = format!("compress-force={kind}");
        let from = LoopFs::builder().mount_options(&mount).build();
        let snaps = zoo(&from, 2);
        for (options, target) in [
            (ReceiveOptions::default(), ""),
            (ReceiveOptions { force_decompress: true, ..ReceiveOptions::default() }, ""),
            (ReceiveOptions::default(), "nodatacow"),
            (ReceiveOptions::default(), "nodatasum"),
        ] {
            let to = LoopFs::builder().mount_options(target).build();
            let mut parent = None;
            for name in &snaps {
                let snap = from.path().join(name);
                let bytes = send(&snap, parent.as_deref(), FORMS[2]);
                take_with(&bytes, to.path(), options)
                    .unwrap_or_else(|error| panic!("{kind} to '{target}': {error}"));
                assert_identical(&snap, &to.path().join(name));
                parent = Some(snap);
            }
        }
    }
}

/// What cannot be seen in the content: compressed extents stay compressed.
#[test]
fn compressed_extents_arrive_compressed() {
    require_btrfs!();
    for kind in ["zlib", "zstd", "lzo"] {
        let mount = format!("compress-force={kind}");
        let (from, to) = (LoopFs::builder().mount_options(&mount).build(), LoopFs::new());
        let origin = from.path().join("origin");
        btrfs::create_subvolume(&origin);
        fs::write(origin.join("zeros"), vec![7; 8 << 20]).unwrap();
        btrfs::snapshot_ro(&origin, &from.path().join("one"));
        let bytes = send(&from.path().join("one"), None, FORMS[2]);
        assert!(bytes.len() < 1 << 20);
        let before = used(to.path());
        accepted(&bytes, to.path());
        assert!(used(to.path()) - before < 2 << 20, "{kind}: it takes its whole size");
        assert_identical(&from.path().join("one"), &to.path().join("one"));
    }
}

fn used(path: &Path) -> u64 {
    let stat = rustix::fs::statvfs(path).unwrap();
    (stat.f_blocks - stat.f_bfree) * stat.f_frsize
}
