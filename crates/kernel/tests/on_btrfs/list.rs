//! Every field of the listing against what the `btrfs` program prints and what is on the disk.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use btrsync_kernel::{Info, Subvolume, TOP_LEVEL, Timestamp, list, waiting_for_cleaner};
use btrsync_testutil::btrfs::{self, Show};
use btrsync_testutil::command::{output, program};
use btrsync_testutil::require_btrfs;
use uuid::Uuid;

use crate::hard_tree;
use crate::support::{list_below, open, run_btrfs};

fn text(uuid: Option<Uuid>) -> String {
    uuid.map_or("-".to_owned(), |uuid| uuid.to_string())
}

/// The line that `btrfs subvolume list -apcguqR` prints.
fn line(subvolume: &Subvolume) -> Vec<u8> {
    let Info { id, generation, otransid, .. } = subvolume.info;
    let parent = subvolume.info.parent_id.unwrap();
    let [from, received, uuid] =
        [subvolume.info.parent_uuid, subvolume.info.received_uuid, subvolume.info.uuid].map(text);
    let head = format!(
        "ID {id} gen {generation} cgen {otransid} parent {parent} top level {parent} \
         parent_uuid {from:36} received_uuid {received:36} uuid {uuid:36} path "
    );
    let prefix = if parent == TOP_LEVEL { "" } else { "<FS_TREE>/" };
    [head.as_bytes(), prefix.as_bytes(), subvolume.path.as_os_str().as_bytes(), b"\n"].concat()
}

/// How many `btrfs` lists as deleted.
fn pending(top: &Path) -> usize {
    let deleted = run_btrfs(&["subvolume", "list", "-d"], top);
    String::from_utf8(deleted).unwrap().lines().count()
}

#[test]
fn the_list_is_that_of_btrfs_subvolume_list() {
    require_btrfs!();
    let tree = hard_tree::build();
    let top = tree.fs.path();
    let deleted = run_btrfs(&["subvolume", "list", "-d"], top);
    assert!(String::from_utf8(deleted).unwrap().contains("DELETED"), "one must be pending");
    assert_eq!(waiting_for_cleaner(open(top)).unwrap(), pending(top));
    for (options, wanted) in [("-apcguqR", None), ("-rapcguqR", Some(true))] {
        let chosen = |s: &&Subvolume| wanted.is_none_or(|ro| s.info.read_only == ro);
        let ours: Vec<u8> = list_below(top).iter().filter(chosen).flat_map(line).collect();
        let theirs = run_btrfs(&["subvolume", "list", options], top);
        assert_eq!(ours.escape_ascii().to_string(), theirs.escape_ascii().to_string());
    }
    assert!(list_below(top).len() > 30);
}

/// The seconds of a time as `btrfs subvolume show` prints it, 0 for none.
fn seconds(printed: &str) -> u64 {
    if printed == "-" {
        return 0;
    }
    let seconds = output(program("date").args(["+%s", "-d", printed])).unwrap();
    String::from_utf8(seconds).unwrap().trim().parse().unwrap()
}

fn assert_shown(subvolume: &Subvolume, show: &Show) {
    let info = &subvolume.info;
    assert_eq!(show.get("UUID"), text(info.uuid));
    assert_eq!(show.get("Parent UUID"), text(info.parent_uuid));
    assert_eq!(show.get("Received UUID"), text(info.received_uuid));
    for (key, number) in [
        ("Subvolume ID", info.id),
        ("Generation", info.generation),
        ("Gen at creation", info.otransid),
        ("Parent ID", info.parent_id.unwrap_or(0)),
        ("Top level ID", info.parent_id.unwrap_or(0)),
        ("Send transid", info.stransid),
        ("Receive transid", info.rtransid),
    ] {
        assert_eq!(show.get(key), number.to_string(), "{key} of {}", subvolume.path.display());
    }
    // Not the send time: btrfs-progs 6.2 prints that of the creation there.
    assert_eq!(seconds(show.get("Creation time")), info.otime.seconds);
    assert_eq!(seconds(show.get("Receive time")), info.rtime.seconds);
    assert_eq!(show.is_read_only(), info.read_only);
}

#[test]
fn each_entry_is_what_btrfs_subvolume_show_prints_at_its_path() {
    require_btrfs!();
    let tree = hard_tree::build();
    let top = tree.fs.path();
    for subvolume in list(open(top)).unwrap() {
        let path = top.join(&subvolume.path);
        assert_shown(&subvolume, &btrfs::show(&path));
        let flag = run_btrfs(&["property", "get", "-ts"], &path);
        assert_eq!(flag, format!("ro={}\n", subvolume.info.read_only).as_bytes());
    }
}

/// The items of the root tree on the disk, as printed, by key.
fn items(image: &Path) -> BTreeMap<String, Vec<u8>> {
    let dump = run_btrfs(&["inspect-internal", "dump-tree", "-t", "root"], image);
    let text = dump.escape_ascii().to_string();
    let items = text.split(r"\n\titem ").filter_map(|item| {
        let (key, rest) = item.split_once(" key (")?.1.split_once(')')?;
        Some((key.replace("FS_TREE", "5"), rest.replace(r"\t", " ").into_bytes()))
    });
    items.collect()
}

fn time(label: &str, time: Timestamp) -> String {
    format!("{label} {}.{} (", time.seconds, time.nanoseconds)
}

/// What must stand in the ROOT_ITEM of a subvolume.
fn root_item(info: &Info) -> Vec<String> {
    let uuid = |uuid: Option<Uuid>| uuid.unwrap_or_default();
    let Info { generation, ctransid, otransid, stransid, rtransid, .. } = info;
    vec![
        format!("generation {generation} root_dirid"),
        format!("flags {} refs 1", if info.read_only { "0x1(RDONLY)" } else { "0x0(none)" }),
        format!(" uuid {}", uuid(info.uuid)),
        format!("parent_uuid {}", uuid(info.parent_uuid)),
        format!("received_uuid {}", uuid(info.received_uuid)),
        format!("ctransid {ctransid} otransid {otransid} stransid {stransid} rtransid {rtransid}"),
        time("ctime", info.ctime),
        time("otime", info.otime),
        time("stime", info.stime),
        time("rtime", info.rtime),
    ]
}

#[test]
fn each_field_is_what_stands_on_the_disk() {
    require_btrfs!();
    let tree = hard_tree::build();
    let items = items(&tree.fs.image());
    let item = |id: u64, kind: &str| {
        let prefix = format!("{id} {kind} ");
        let (key, item) = items.range(prefix.clone()..).next().unwrap();
        assert!(key.starts_with(&prefix), "{prefix} before {key}");
        (key[prefix.len()..].to_owned(), String::from_utf8(item.clone()).unwrap())
    };
    for Subvolume { info, path, .. } in list(open(tree.fs.path())).unwrap() {
        let (_, text) = item(info.id, "ROOT_ITEM");
        for wanted in root_item(&info) {
            assert!(text.contains(&wanted), "{}: no {wanted:?} in {text}", path.display());
        }
        let (Some(parent), Some(name)) = (info.parent_id, path.file_name()) else { continue };
        let (of, text) = item(info.id, "ROOT_BACKREF");
        assert_eq!(of, parent.to_string());
        assert!(text.contains(&format!("dirid {} sequence", info.directory)), "{text}");
        let name = name.as_bytes().escape_ascii().to_string().replace(r"\t", " ");
        assert!(text.contains(&format!(" name {name}")), "{text}");
    }
}
