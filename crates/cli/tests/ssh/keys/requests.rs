//! Requests that must be refused.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use btrsync_testutil::{btrfs, require_machines};
use serde_json::{Value, json};

use super::peer::{Peer, encoded};
use super::{Keys, others};
use crate::sides::Way;
use crate::support::{Pair, State};

/// Paths of the machine that are not below the directory, or lead out of it.
fn places(dir: &Path) -> Vec<Vec<u8>> {
    let dir = dir.as_os_str().as_bytes();
    let in_dir = |rest: &str| [dir, rest.as_bytes()].concat();
    let mut places: Vec<Vec<u8>> = [
        "/",
        "/etc",
        "/etc/shadow",
        "/root/.ssh/authorized_keys",
        "/proc/self/root",
        "/dev/mem",
        "..",
        "../",
        "../..",
        "../../..",
        "../other",
        "../other/secret-1",
        "x/..",
        "x/../..",
        "./..",
        "link",
        "link/",
        "link/etc",
        "link/etc/shadow",
        "beside",
        "beside/secret-1",
        "link/..",
        "1/../..",
        "1/../../other",
        "//etc",
        "/./etc",
        "a/../link/etc",
    ]
    .iter()
    .map(|path| path.as_bytes().to_vec())
    .collect();
    let out = [
        "2",
        "2/x",
        "/..",
        "/../other",
        "/../other/secret-2",
        "/link",
        "/link/etc",
        "/x/../..",
        "/./../other",
    ];
    places.extend(out.iter().map(|rest| in_dir(rest)));
    places
}

/// Paths of a root that are not below the directory `backup` in it.
const OUTSIDE: [&str; 15] = [
    "",
    ".",
    "..",
    "/",
    "/etc",
    "other",
    "other/secret-1",
    "secret",
    "backup2",
    "backup2/x",
    "backup/..",
    "backup/../other",
    "backup/./../other",
    "other/../backup",
    "../backup",
];

const STAGING: &str = ".btrsync-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.partial";
const CHECKPOINT: &str = ".btrsync-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.checkpoint";

fn bytes(path: &str) -> Vec<u8> {
    path.as_bytes().to_vec()
}

fn meta() -> Value {
    json!({"uuids": [], "sources": []})
}

fn counts() -> Value {
    json!({"holes": false, "root_mtime": true})
}

fn options() -> Value {
    json!({"scope": "All", "readonly": false, "create_recvpath": true})
}

/// What no version knows, or nobody would say so.
fn nonsense() -> Vec<Vec<u8>> {
    let values = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1),
        json!("Explode"),
        json!("Delete"),
        json!([]),
        json!({}),
        json!([1, 2, 3]),
        json!({"Delete": {"root": 1, "path": bytes("backup/1")}}),
        json!({"Run": {"command": "rm -rf /"}}),
        json!({"Exec": "id"}),
        json!({"Write": {"path": "/etc/x"}}),
        json!({"Snapshot": {"root": 1}}),
        json!({"SetFlags": {"root": 1}}),
        json!({"Look": {}}),
        json!({"Look": {"path": 7}}),
        json!({"Look": {"path": {"a": 1}}}),
        json!({"List": {"root": "1"}}),
        json!({"List": {"root": -1}}),
        json!({"Look": {"path": []}, "List": {"root": 1}}),
        json!({"Children": {"entry": []}}),
        json!({"Children": {"entry": [1, 2, 3]}}),
        json!({"look": {"path": []}}),
        json!({"Root": {"path": [], "options": {"scope": "Everything"}}}),
    ];
    let mut all: Vec<Vec<u8>> = values.iter().map(encoded).collect();
    all.extend([vec![], vec![0xc1], vec![0xff; 64], vec![0x91; 4096], b"rm -rf /\n".to_vec()]);
    // A list that claims four thousand million entries.
    all.push(vec![0x81, 0xa4, b'L', b'o', b'o', b'k', 0xdd, 0xff, 0xff, 0xff, 0xff]);
    all
}

/// All that a key may not ask for that can only receive; `inside` and `outside` are subvolumes.
fn not_for_receiving(dir: &Path, inside: &Value, outside: &[Value]) -> Vec<Vec<u8>> {
    let mut table = Vec::new();
    for path in places(dir) {
        table.push(json!({"Look": {"path": path}}));
        table.push(json!({"Examine": {"path": path}}));
        table.push(json!({"Root": {"path": path, "options": options()}}));
    }
    for path in OUTSIDE.map(bytes) {
        let meta = meta();
        table.push(json!({"Show": {"root": 1, "path": path}}));
        table.push(json!({"Occupied": {"root": 1, "paths": [bytes("backup/x"), path]}}));
        table.push(json!({"Lock": {"root": 1, "path": path}}));
        table.push(json!({"Sweep": {"root": 1, "path": path}}));
        table.push(json!({"Partial": {"root": 1, "path": path}}));
        table.push(json!({"Space": {"root": 1, "path": path}}));
        table.push(json!({"Leftovers": {"root": 1, "path": path}}));
        table.push(json!({"Receive": {"root": 1, "path": path, "meta": meta}}));
        table.push(json!({"Replay": {"root": 1, "path": path, "meta": meta, "counts": counts()}}));
    }
    for vol in outside.iter().chain([inside]) {
        table.push(json!({"Send": {"root": 1, "vols": [vol], "parent": null, "clones": []}}));
        table.push(json!({"Send": {"root": 1, "vols": [vol], "parent": inside, "clones": [vol]}}));
        table.push(json!({"Estimate": {"root": 1, "vols": [vol], "parent": null, "clones": []}}));
        table.push(json!({"Digest": {"root": 1, "vol": vol, "counts": counts()}}));
    }
    for name in ["1", "other/secret-1", ".btrsync-0.partial", STAGING, CHECKPOINT] {
        let path = bytes(&format!("backup/{name}"));
        let left = json!({"path": path, "subvolume": [inside["id"], inside["uuid"]]});
        table.push(json!({"Remove": {"root": 1, "left": left}}));
    }
    table.push(
        json!({"Replay": {"root": 1, "path": bytes("backup"), "meta": meta(), "counts": counts()}}),
    );
    let mut table: Vec<Vec<u8>> = table.iter().map(encoded).collect();
    table.extend(nonsense());
    table
}

/// Subvolumes as somebody could name them who has seen them elsewhere.
fn named(fs: &Path, paths: &[&str]) -> Vec<Value> {
    let vol = |path: &&str| {
        let shown = btrfs::show(&fs.join(path));
        let uuid: uuid::Uuid = shown.get("UUID").parse().unwrap();
        let id: u64 = shown.get("Subvolume ID").parse().unwrap();
        let name = path.rsplit('/').next().unwrap();
        json!({
            "id": id, "path": bytes(path), "name": bytes(name), "uuid": uuid.as_bytes(), "read_only": true
        })
    };
    paths.iter().map(vol).collect()
}

#[track_caller]
fn is_refused(answer: &Value, request: &[u8]) {
    let sort = answer["Failed"]["sort"].as_str().unwrap_or_default();
    assert_eq!(sort, "NotAllowed", "{answer} to {}", request.escape_ascii());
}

#[test]
fn whatever_a_receiver_may_not_ask_for_is_refused_and_noted() {
    require_machines!();
    let keys = Keys::new(Way::Push, Pair::with_snapshots(&["1"]), "receive");
    keys.sides.sync(&["-y"]).exits(0);
    others(&keys);
    let fs = keys.sides.pair.dst.path();
    let outside = named(fs, &["other/secret-1", "other/secret-2", "secret"]);
    let inside = named(fs, &["backup/1"]);
    let table = not_for_receiving(&keys.dir(), &inside[0], &outside);
    assert!(table.len() >= 200, "{} requests", table.len());
    let before = State::of(fs);
    let mut peer = Peer::new(&keys);
    assert_eq!(peer.root(b""), 1);
    let listed = peer.list(1);
    assert_eq!(listed.len(), 1, "{listed:#?}");
    keys.log();
    for request in &table {
        let channel = peer.open(request);
        let answer = peer.answer(channel);
        is_refused(&answer, request);
        assert_eq!(keys.log().len(), 1, "{}", request.escape_ascii());
    }
    // It goes on all the same, for whatever is allowed.
    assert_eq!(peer.ask(&json!("Ping")), "Done");
    drop(peer);
    crate::sides::all_end(keys.sides.far());
    before.unchanged(fs);
}

#[test]
fn whatever_a_sender_may_not_ask_for_is_refused_and_noted() {
    require_machines!();
    let keys = Keys::new(Way::Pull, Pair::with_snapshots(&["1", "2"]), "send");
    others(&keys);
    let fs = keys.sides.pair.src.path();
    let outside = named(fs, &["other/secret-1", "other/secret-2", "secret", "origin"]);
    let inside = named(fs, &["snaps/1", "snaps/2"]);
    let before = State::of(fs);
    let mut peer = Peer::new(&keys);
    assert_eq!(peer.root(b""), 1);
    assert_eq!(peer.list(1).len(), 2);
    let mut table = Vec::new();
    // What is outside, under its own name or that of what is inside.
    for vol in &outside {
        let mut disguised = vol.clone();
        disguised["path"] = inside[0]["path"].clone();
        let mut lent = inside[0].clone();
        lent["path"] = vol["path"].clone();
        let mut missing = vol.clone();
        missing["path"] = json!(bytes("snaps/none"));
        for vol in [vol, &disguised, &lent, &missing] {
            table.push(json!({"Send": {"root": 1, "vols": [vol], "parent": null, "clones": []}}));
            let parent = json!({"root": 1, "vols": [inside[1]], "parent": vol, "clones": []});
            table.push(json!({"Send": parent}));
            let clone =
                json!({"root": 1, "vols": [inside[1]], "parent": inside[0], "clones": [vol]});
            table.push(json!({"Send": clone}));
            table.push(json!({"Digest": {"root": 1, "vol": vol, "counts": counts()}}));
        }
    }
    for path in ["snaps", "snaps/1", "other", ""].map(bytes) {
        table.push(json!({"Lock": {"root": 1, "path": path}}));
        table.push(json!({"Sweep": {"root": 1, "path": path}}));
        table.push(json!({"Receive": {"root": 1, "path": path, "meta": meta()}}));
        table
            .push(json!({"Replay": {"root": 1, "path": path, "meta": meta(), "counts": counts()}}));
    }
    for request in &table {
        is_refused(&peer.ask(request), request.to_string().as_bytes());
        assert_eq!(keys.log().len(), 1, "{request}");
    }
    // And what is inside can be sent.
    let request = json!({"Send": {"root": 1, "vols": [inside[0]], "parent": null, "clones": []}});
    let answer = peer.ask(&request);
    assert!(answer.get("Started").is_some(), "{answer}");
    drop(peer);
    before.unchanged(fs);
}

/// A stream can name whatever it likes as its parent.
#[test]
fn a_stream_builds_on_nothing_that_is_beside_the_directory() {
    require_machines!();
    let keys = Keys::new(Way::Push, Pair::with_snapshots(&["1"]), "receive,send");
    let other = others(&keys);
    let fs = keys.sides.pair.dst.path();
    let [one, two] = ["secret-1", "secret-2"].map(|name| other.join(name));
    let stream = btrfs::send(&two, Some(&one));
    let before = State::of(fs);
    let mut peer = Peer::new(&keys);
    assert_eq!(peer.root(b""), 1);
    for sources in [vec![], named(fs, &["other/secret-1"])] {
        let meta = json!({"uuids": [], "sources": sources});
        let request = json!({"Receive": {"root": 1, "path": bytes("backup"), "meta": meta}});
        let channel = peer.open(&encoded(&request));
        let answer = peer.answer(channel);
        assert!(answer.get("Started").is_some(), "{answer}");
        peer.stream(channel, &stream);
        let answer = peer.answer(channel);
        assert_eq!(answer["Failed"]["sort"], "ParentOutside", "{answer}");
        assert!(!answer.to_string().contains("secret"), "{answer}");
    }
    drop(peer);
    crate::sides::all_end(keys.sides.far());
    before.unchanged(fs);
}

#[test]
fn what_is_there_is_not_overwritten() {
    require_machines!();
    let keys = Keys::new(Way::Push, Pair::with_snapshots(&["1"]), "receive");
    keys.sides.sync(&["-y"]).exits(0);
    let before = State::of(keys.sides.pair.dst.path());
    let mut peer = Peer::new(&keys);
    peer.root(b"");
    let meta = json!({"uuids": [], "sources": [], "anew": true});
    let request = json!({"Receive": {"root": 1, "path": bytes("backup"), "meta": meta}});
    let channel = peer.open(&encoded(&request));
    peer.answer(channel);
    peer.stream(channel, &btrfs::send(&keys.sides.pair.snaps().join("1"), None));
    assert_eq!(peer.answer(channel)["Failed"]["sort"], "Exists");
    drop(peer);
    before.unchanged(keys.sides.pair.dst.path());
}
