//! Errors name the call and keep the errno; what cannot be a name never becomes a call.

use std::os::unix::fs::symlink;
use std::path::Path;

use btrsync_kernel::{
    Error, SendOptions, create, delete, find, is_read_only, list, lookup_received_uuid,
    lookup_uuid, path_of, send, set_read_only, snapshot,
};
use btrsync_testutil::{LoopFs, require_btrfs};
use rustix::io::Errno;
use uuid::Uuid;

use crate::support::{assert_fails, list_below, name, open};

#[test]
fn a_place_that_is_not_btrfs_is_told_by_each_call() {
    require_btrfs!();
    let proc = open(Path::new("/proc"));
    let search = "BTRFS_IOC_TREE_SEARCH_V2";
    assert_fails(list(&proc), search, Errno::NOTTY);
    assert_fails(find(&proc, 5), search, Errno::NOTTY);
    assert_fails(path_of(&proc, 256), search, Errno::NOTTY);
    assert_fails(lookup_uuid(&proc, Uuid::max()), search, Errno::NOTTY);
    assert_fails(lookup_received_uuid(&proc, Uuid::max()), search, Errno::NOTTY);
    assert_fails(is_read_only(&proc), "BTRFS_IOC_SUBVOL_GETFLAGS", Errno::NOTTY);
    assert_fails(set_read_only(&proc, true), "BTRFS_IOC_SUBVOL_GETFLAGS", Errno::NOTTY);
    assert_fails(send(&proc, &proc, &SendOptions::default()), "BTRFS_IOC_SEND", Errno::NOTTY);
}

#[test]
fn a_directory_inside_a_subvolume_has_no_flags() {
    require_btrfs!();
    let fs = LoopFs::new();
    std::fs::create_dir(fs.path().join("dir")).unwrap();
    let dir = open(&fs.path().join("dir"));
    assert_fails(is_read_only(&dir), "BTRFS_IOC_SUBVOL_GETFLAGS", Errno::INVAL);
}

#[test]
fn a_name_that_reaches_out_of_the_directory_is_refused() {
    require_btrfs!();
    let fs = LoopFs::new();
    let top = open(fs.path());
    create(&top, "victim".as_ref()).unwrap();
    create(&top, "outer".as_ref()).unwrap();
    let outer = open(&fs.path().join("outer"));
    for bytes in [&b"../victim"[..], b"..", b".", b"", b"victim\0", b"/victim"] {
        let refused = [
            create(&outer, name(bytes)),
            snapshot(&top, &outer, name(bytes), true),
            delete(&outer, name(bytes)),
        ];
        for result in refused {
            let error = result.unwrap_err();
            assert!(matches!(&error, Error::Name { name, .. } if name == bytes), "{error}");
            assert_eq!(error.raw_os_error(), None);
            assert!(error.to_string().contains(&bytes.escape_ascii().to_string()));
        }
    }
    assert_eq!(list_below(fs.path()).len(), 2);
}

#[test]
fn a_symbolic_link_in_place_of_the_name_is_not_followed() {
    require_btrfs!();
    let fs = LoopFs::new();
    let top = open(fs.path());
    create(&top, "victim".as_ref()).unwrap();
    symlink("victim", fs.path().join("link")).unwrap();
    symlink("absent", fs.path().join("dangling")).unwrap();
    assert_fails(delete(&top, "link".as_ref()), "BTRFS_IOC_SNAP_DESTROY", Errno::NOTDIR);
    assert_fails(create(&top, "dangling".as_ref()), "BTRFS_IOC_SUBVOL_CREATE", Errno::EXIST);
    assert_eq!(list_below(fs.path()).len(), 1);
}
