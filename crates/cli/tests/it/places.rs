//! The ways to name a place: relative, through symbolic links, with and without a slash, missing.

use std::os::unix::fs::symlink;
use std::path::Path;

use btrsync_testutil::{LoopFs, btrfs, require_btrfs};

use crate::support::{Ended, Pair, arrived, btrsync, run, snapshot, subvolume};

/// Runs in a directory, checks that just this was planned, and that it arrived in `backup`.
#[track_caller]
fn sync_from(pair: &Pair, cwd: &Path, source: &Path, dest: &Path, plan: &[&str]) {
    let ended =
        Ended::of(btrsync().current_dir(cwd).args(["-y", "--json", "--"]).args([source, dest]))
            .exits(0);
    assert_eq!(ended.plan(), plan, "{} to {}", source.display(), dest.display());
    for copy in plan.iter().map(|line| Path::new(line.split(' ').next().unwrap())) {
        let received = pair.backup().join(copy.file_name().unwrap());
        arrived(&pair.src.path().join(copy), &received);
        btrfs::delete(&received);
    }
}

#[test]
fn relative_and_symbolic_places_are_found() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let (src, snaps, backup) = (pair.src.path(), pair.snaps(), pair.backup());
    symlink(&snaps, src.join("link")).unwrap();
    symlink("snaps/1", src.join("link-1")).unwrap();
    symlink("backup", pair.dst.path().join("link")).unwrap();
    let all = &["snaps/1 full", "snaps/2 incremental"];
    let dst = |name: &str| pair.dst.path().join(name);
    for (cwd, source, dest) in [
        (&*snaps, Path::new("."), backup.clone()),
        (&*snaps, Path::new("./"), backup.clone()),
        (src, Path::new("snaps"), backup.clone()),
        (src, Path::new("./origin/../snaps/"), dst("link")),
        (src, Path::new("link"), dst("link/")),
        (src, Path::new("link/"), dst("backup/../backup")),
        (&*backup, &*snaps, ".".into()),
        (pair.dst.path(), &*snaps, "backup/".into()),
    ] {
        sync_from(&pair, cwd, source, &dest, all);
    }
    for one in ["snaps/1", "./snaps/1", "link-1", "origin/../link/1"] {
        sync_from(&pair, src, Path::new(one), &backup, &["snaps/1 full"]);
    }
    sync_from(&pair, &snaps.join("1"), Path::new("."), &backup, &["snaps/1 full"]);
}

#[test]
fn a_file_url_is_a_path() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let urls =
        [pair.snaps().join(""), pair.backup()].map(|path| format!("file://{}", path.display()));
    run(["-y", &urls[0], &urls[1]]).exits(0);
    arrived(&pair.snaps().join("1"), &pair.backup().join("1"));
}

#[test]
fn a_slash_means_what_is_below_and_not_the_subvolume_itself() {
    require_btrfs!();
    let pair = Pair::new();
    let work = subvolume(&pair.src.path().join("work"));
    snapshot(&pair.origin(), &work.join("inside"));
    snapshot(&work, &pair.snaps().join("work"));
    let dest = pair.backup();
    for (source, plan) in
        [(work.join(""), &["inside full"][..]), (pair.snaps().join("work"), &["snaps/work full"])]
    {
        let ended =
            run(["-n".as_ref(), "--json".as_ref(), source.as_os_str(), dest.as_os_str()]).exits(0);
        assert_eq!(ended.plan(), plan, "{}", source.display());
    }
    // A read-only subvolume with a slash has nothing below.
    let source = pair.snaps().join("work/");
    run(["-n".as_ref(), source.as_os_str(), dest.as_os_str()]).exits(0).says(&["Nothing to do"]);
}

#[test]
fn a_destination_may_be_deep_in_nested_subvolumes_and_is_created_on_demand() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let inner = subvolume(&subvolume(&pair.dst.path().join("outer")).join("inner"));
    let deep = inner.join("x/y/z");
    let source = pair.snaps().join("1");
    let args = |option: &str| [option.into(), source.clone().into_os_string(), deep.clone().into()];
    run(args("-y")).exits(1).complains(&["does not exist", "what next: create it, or give -c"]);
    assert!(!inner.join("x").exists());
    run(args("-nc")).exits(0);
    assert!(!inner.join("x").exists(), "telling creates nothing");
    run(args("-yc")).exits(0);
    arrived(&source, &deep.join("1"));
    // The parent is found although it is in another subvolume than the new directory.
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/2 incremental"]);
    arrived(&pair.snaps().join("2"), &pair.backup().join("2"));
}

#[test]
fn the_top_of_a_filesystem_is_a_place_too() {
    require_btrfs!();
    let (src, dst) = (LoopFs::new(), LoopFs::new());
    let snap = snapshot(&src.path().join("origin"), &src.path().join("snap"));
    for source in [src.path().join(""), src.path().to_path_buf()] {
        let ended =
            run(["-n".as_ref(), "--json".as_ref(), source.as_os_str(), dst.path().as_os_str()]);
        if source.as_os_str().as_encoded_bytes().ends_with(b"/") {
            assert_eq!(ended.exits(0).plan(), ["snap full"]);
        } else {
            ended.exits(1).complains(&[]);
        }
    }
    run(["-y".as_ref(), src.path().join("").as_os_str(), dst.path().as_os_str()]).exits(0);
    arrived(&snap, &dst.path().join("snap"));
}
