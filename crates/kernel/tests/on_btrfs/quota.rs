//! What quotas tell, beside `btrfs qgroup show`.

use std::collections::BTreeMap;
use std::path::Path;

use btrsync_kernel::{Usage, list, usages};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs};

use crate::support::{open, run_btrfs};

/// The answer of `btrfs qgroup show`.
fn shown(at: &Path) -> BTreeMap<u64, Usage> {
    let text = String::from_utf8(run_btrfs(&["qgroup", "show", "--raw", "--sync"], at)).unwrap();
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let id = words.first()?.strip_prefix("0/")?.parse().ok()?;
        let number = |at: usize| words[at].parse().ok();
        Some((id, Usage { referenced: number(1)?, exclusive: number(2)? }))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn what_quotas_count_is_told_and_where_there_are_none_nothing() {
    require_btrfs!();
    let fs = LoopFs::new();
    let vol = fs.path().join("vol");
    btrfs::create_subvolume(&vol);
    std::fs::write(vol.join("shared"), vec![1; 3 << 20]).unwrap();
    btrfs::snapshot_rw(&vol, &fs.path().join("snap"));
    std::fs::write(vol.join("own"), vec![2; 1 << 20]).unwrap();
    let top = open(fs.path());
    assert_eq!(usages(&top).unwrap(), None);
    run_btrfs(&["quota", "enable"], fs.path());
    run_btrfs(&["quota", "rescan", "-w"], fs.path());
    let expected = shown(fs.path());
    let found = usages(&top).unwrap().unwrap();
    assert_eq!(found, expected);
    let id = |name: &str| {
        let all = list(&top).unwrap();
        all.iter().find(|vol| vol.path.as_os_str() == name).unwrap().info.id
    };
    let (vol, snap) = (found[&id("vol")], found[&id("snap")]);
    assert!(vol.referenced >= 4 << 20 && (1 << 20..2 << 20).contains(&vol.exclusive), "{vol:?}");
    assert!((3 << 20..4 << 20).contains(&snap.referenced) && snap.exclusive < 1 << 20, "{snap:?}");
    run_btrfs(&["quota", "disable"], fs.path());
    assert_eq!(usages(&top).unwrap(), None);
}
