//! What works without any rights, and what says that it needs some.
//!
//! The credentials of Linux belong to a thread, so each test gives up those of one thread only.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread;

use btrsync_kernel::{
    Error, SendOptions, create, delete, find, fs_info, info, is_btrfs, is_read_only, is_subvolume,
    items, list, list_reachable, lookup_received_uuid, lookup_uuid, path_of, place, send,
    set_read_only, snapshot, sync,
};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs};
use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use uuid::Uuid;

use crate::support::{assert_fails, list_below, open};

const NOBODY: u32 = 65534;

/// Runs a function as nobody, without capabilities or groups.
fn as_nobody(run: impl FnOnce() + Send) {
    let drop_rights = || {
        set_thread_groups(&[]).unwrap();
        let (gid, uid) = (Gid::from_raw(NOBODY), Uid::from_raw(NOBODY));
        set_thread_res_gid(gid, gid, gid).unwrap();
        set_thread_res_uid(uid, uid, uid).unwrap();
    };
    let body = || {
        drop_rights();
        assert_eq!(
            fs::read("/etc/shadow").unwrap_err().kind(),
            std::io::ErrorKind::PermissionDenied
        );
        run();
    };
    thread::scope(|scope| scope.spawn(body).join().unwrap());
}

fn filesystem() -> LoopFs {
    let fs = LoopFs::new();
    btrfs::create_subvolume(&fs.path().join("origin"));
    btrfs::snapshot_ro(&fs.path().join("origin"), &fs.path().join("snapshot"));
    btrfs::sync(fs.path());
    fs
}

#[test]
fn searching_and_sending_need_the_capability() {
    require_btrfs!();
    let fs = filesystem();
    let (top, snapshot) = (open(fs.path()), open(&fs.path().join("snapshot")));
    let sink = std::io::pipe().unwrap().1;
    as_nobody(|| {
        let search = "BTRFS_IOC_TREE_SEARCH_V2";
        assert_fails(list(&top), search, Errno::PERM);
        assert_fails(find(&top, 256), search, Errno::PERM);
        assert_fails(path_of(&top, 256), search, Errno::PERM);
        assert_fails(lookup_uuid(&top, Uuid::max()), search, Errno::PERM);
        assert_fails(lookup_received_uuid(&top, Uuid::max()), search, Errno::PERM);
        let none: Result<(), Error> = items(&top, |_, _| Ok(()));
        assert_fails(none, search, Errno::PERM);
        assert_fails(place(&top, 256), search, Errno::PERM);
        let sent = send(&snapshot, &sink, &SendOptions::default());
        assert_fails(sent, "BTRFS_IOC_SEND", Errno::PERM);
    });
}

#[test]
fn asking_about_one_subvolume_needs_nothing() {
    require_btrfs!();
    let fs = filesystem();
    let top = open(fs.path());
    for subvolume in list_below(fs.path()) {
        let root = open(&fs.path().join(&subvolume.path));
        as_nobody(|| {
            assert_eq!(info(&root).unwrap(), subvolume.info);
            assert_eq!(is_read_only(&root).unwrap(), subvolume.info.read_only);
            assert!(is_subvolume(&root).unwrap() && is_btrfs(&root).unwrap());
        });
    }
    let expected = fs_info(&top).unwrap();
    as_nobody(|| {
        assert_eq!(fs_info(&top).unwrap(), expected);
        sync(&top).unwrap();
    });
}

#[test]
fn changing_what_belongs_to_another_is_refused() {
    require_btrfs!();
    let fs = filesystem();
    let (top, origin) = (open(fs.path()), open(&fs.path().join("origin")));
    as_nobody(|| {
        let new = "new".as_ref();
        assert_fails(create(&top, new), "BTRFS_IOC_SUBVOL_CREATE", Errno::ACCESS);
        assert_fails(snapshot(&origin, &top, new, true), "BTRFS_IOC_SNAP_CREATE_V2", Errno::PERM);
        assert_fails(set_read_only(&origin, true), "BTRFS_IOC_SUBVOL_SETFLAGS", Errno::PERM);
        assert_fails(delete(&top, "origin".as_ref()), "BTRFS_IOC_SNAP_DESTROY", Errno::PERM);
    });
}

#[test]
fn ones_own_subvolumes_are_made_and_deleted_without_rights() {
    require_btrfs!();
    let fs = LoopFs::builder().mount_options("user_subvol_rm_allowed").build();
    fs::set_permissions(fs.path(), Permissions::from_mode(0o777)).unwrap();
    let top = open(fs.path());
    let made = || {
        create(&top, "own".as_ref()).unwrap();
        let own = rustix::fs::openat(&top, "own", rustix::fs::OFlags::RDONLY, 0.into()).unwrap();
        snapshot(&own, &top, "copy".as_ref(), false).unwrap();
        set_read_only(&own, true).unwrap();
        set_read_only(&own, false).unwrap();
        delete(&top, "own".as_ref()).unwrap();
        delete(&top, "copy".as_ref()).unwrap();
    };
    as_nobody(made);
    assert!(list_below(fs.path()).is_empty());
}

#[test]
fn what_can_be_reached_is_listed_without_rights_and_nothing_else() {
    require_btrfs!();
    let fs = filesystem();
    let at = |path: &str| fs.path().join(path);
    for path in ["origin/nested", "origin/nested/deeper", "closed"] {
        btrfs::create_subvolume(&at(path));
    }
    for path in ["dir", "secret", "dir/a\nb"] {
        fs::create_dir(at(path)).unwrap();
    }
    for path in ["dir/a\nb/inside", "secret/hidden"] {
        btrfs::create_subvolume(&at(path));
    }
    for path in ["closed", "secret"] {
        fs::set_permissions(at(path), Permissions::from_mode(0o700)).unwrap();
    }
    btrfs::sync(fs.path());
    let all = list_below(fs.path());
    let top = open(fs.path());
    let reached = |paths: &[&str]| {
        let found = list_reachable(&top).unwrap();
        let (first, rest) = found.split_first().unwrap();
        assert_eq!((first.path.as_os_str().len(), first.info.id), (0, 5));
        let mut names: Vec<_> = rest.iter().map(|vol| vol.path.to_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, paths);
        // What is told of each is the same.
        rest.iter().for_each(|vol| assert!(all.contains(vol), "{vol:?}"));
    };
    as_nobody(|| {
        reached(&[
            "dir/a\nb/inside",
            "origin",
            "origin/nested",
            "origin/nested/deeper",
            "snapshot",
        ]);
    });
    assert_eq!(list_reachable(&top).unwrap().len(), all.len() + 1);
    let below = open(&at("origin"));
    assert_eq!(list_reachable(&below).unwrap().len(), 3);
    assert_fails(list_reachable(open("/proc".as_ref())), "BTRFS_IOC_GET_SUBVOL_INFO", Errno::NOTTY);
}

#[test]
fn more_than_fit_into_one_answer_are_reached() {
    require_btrfs!();
    let fs = LoopFs::new();
    let top = open(fs.path());
    let names: Vec<String> = (0..300).map(|number| format!("{number:03}")).collect();
    names.iter().for_each(|name| create(&top, name.as_ref()).unwrap());
    as_nobody(|| assert_eq!(list_reachable(&top).unwrap().len(), 301));
}
