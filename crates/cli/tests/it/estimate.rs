//! How much is to be sent, told before it is.
//!
//! The hazard is a number that is made up: each is compared with what is then really sent.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use btrsync_testutil::{LoopFs, btrfs, require_btrfs, require_tool, write_files};
use serde_json::Value;

use crate::support::{Ended, Pair, Pty, paths, random_file, run, subvolume, text_file};

/// Each transfer with its estimated and its sent bytes.
fn compared(ended: &Ended) -> Vec<(String, u64, u64)> {
    let of = |kind: &str, field: &str| {
        let events = ended.events_of(kind).into_iter();
        let pair = move |event: Value| (paths(&event), event[field].as_u64().unwrap());
        events.map(pair).collect::<Vec<_>>()
    };
    let estimated = of("transfer", "estimated_bytes");
    let done = of("done", "sent_bytes");
    let both = estimated.into_iter().zip(done);
    let same = |((vol, estimated), (sent_vol, sent))| {
        assert_eq!(vol, sent_vol);
        (vol, estimated, sent)
    };
    both.map(same).collect()
}

#[track_caller]
fn is_about(ended: &Ended) {
    let compared = compared(ended);
    assert!(!compared.is_empty(), "{ended:#?}");
    for (vol, estimated, sent) in compared {
        let off = estimated.abs_diff(sent);
        assert!(off * 100 <= sent, "{vol}: {estimated} estimated, {sent} sent");
    }
    let words = ended.events_of("transfer");
    assert!(words.iter().all(|event| event["estimate"] == "measured"), "{words:?}");
}

#[test]
fn what_is_sent_is_what_was_estimated() {
    require_btrfs!();
    let pair = Pair::with_zoo(3);
    is_about(&run(pair.args(&["-y", "--json"])).exits(0));
}

#[test]
fn holes_clones_and_inline_files_are_estimated_as_they_are_sent() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&[]);
    let origin = pair.origin();
    random_file(&origin.join("bulk"), 8);
    write_files(&origin, 500, 100);
    let sparse = File::create(origin.join("sparse")).unwrap();
    sparse.write_all_at(b"end", 64 << 20).unwrap();
    pair.take("1");
    // A hole in what the parent has is sent as a command, by an older kernel as zeros; a clone of it as a
    // reference.
    let bulk = File::options().read(true).write(true).open(origin.join("bulk")).unwrap();
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&bulk, punch, 1 << 20, 2 << 20).unwrap();
    rustix::fs::ioctl_ficlone(File::create(origin.join("clone")).unwrap(), &bulk).unwrap();
    pair.take("2");
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    is_about(&ended);
    let compared = compared(&ended);
    assert!(compared[0].2 < 12 << 20 && compared[1].2 < 3 << 20, "{compared:?}");
}

#[test]
fn what_is_compressed_is_estimated_as_it_is_stored() {
    require_btrfs!();
    let pair = Pair::with_compressed(20);
    text_file(&pair.origin().join("more"), 10);
    pair.take("with-more");
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    is_about(&ended);
    let sent: Vec<u64> = compared(&ended).iter().map(|(_, _, sent)| *sent >> 20).collect();
    assert!((10..15).contains(&sent[0]) && (5..8).contains(&sent[1]), "{sent:?}");
}

#[test]
fn a_stream_file_is_known_exactly() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    random_file(&pair.origin().join("bulk"), 2);
    pair.take("3");
    let home = tempfile::tempdir().unwrap();
    let [one, two, three] = ["1", "2", "3"].map(|name| pair.snaps().join(name));
    let sent = [(&one, None), (&two, Some(&one)), (&three, Some(&two))];
    let streams = sent.map(|(snap, parent)| btrfs::send(snap, parent.map(|path| path.as_path())));
    let file = home.path().join("streams");
    fs::write(&file, streams.concat()).unwrap();
    let backup = pair.backup();
    let args = ["-y".as_ref(), "--json".as_ref(), file.as_os_str(), backup.as_os_str()];
    let ended = run(args).exits(0);
    let compared = compared(&ended);
    assert_eq!(compared.len(), 3);
    assert!(compared.iter().all(|(_, estimated, sent)| estimated == sent), "{compared:?}");
}

#[test]
fn it_takes_no_longer_than_it_may_and_then_says_so() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&[]);
    write_files(&pair.origin(), 20_000, 10);
    pair.take("1");
    let begin = Instant::now();
    let told = run(pair.args(&["-n", "--json", "--estimate=0.005"])).exits(0);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    let event = &told.events_of("transfer")[0];
    assert_eq!(event["estimate"], "at-least", "{event}");
    let whole = run(pair.args(&["-n", "--json", "--estimate=60"])).exits(0);
    let whole = &whole.events_of("transfer")[0];
    let (least, all) = (event["estimated_bytes"].as_u64(), whole["estimated_bytes"].as_u64());
    assert!(least < all, "{event} {whole}");
    let none = run(pair.args(&["-n", "--json", "--estimate=0"])).exits(0);
    let event = &none.events_of("transfer")[0];
    assert!(event["estimate"] == "unknown" && event["estimated_bytes"].is_null(), "{event}");
    run(pair.args(&["-n", "--estimate=0.005"])).exits(0).says(&[", at least ", "In all at least "]);
}

#[test]
fn people_see_it_before_they_are_asked() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_large(3);
    let (code, text) = Pty::start(pair.args(&[])).shows("Proceed?").types("n\n").end();
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("snaps/large  full  ~3.0 MiB  backup"), "{text}");
    assert!(text.contains("In all ~3.0 MiB"), "{text}");
}

#[test]
fn each_of_two_sources_has_its_own() {
    require_btrfs!();
    let pair = Pair::new();
    let vols = ["a", "b"].map(|name| {
        let origin = subvolume(&pair.src.path().join(format!("origin-{name}")));
        random_file(&origin.join("bulk"), if name == "a" { 1 } else { 4 });
        let snap = pair.snaps().join(name);
        btrfs::snapshot_ro(&origin, &snap);
        snap
    });
    let backup = pair.backup();
    let [a, b] = [&vols[0], &vols[1]].map(|vol| vol.as_os_str());
    let args = |how: &'static str| ["-y".as_ref(), how.as_ref(), a, b, backup.as_os_str()];
    let ended = run(args("--estimate=3")).exits(0);
    ended.says(&["snaps/a\tfull -> backup", "~1.0 MiB", "~4.0 MiB"]);
}

#[test]
fn where_nobody_sees_it_nothing_is_measured_unless_room_is_short() {
    require_btrfs!();
    let pair = Pair::of(LoopFs::new(), LoopFs::builder().size_mib(1024).build());
    subvolume(&pair.origin());
    pair.take("1");
    let ended = run(pair.args(&["-y"])).exits(0);
    assert!(!ended.out.contains('~'), "{ended:#?}");
    let small = Pair::with_large(60);
    run(small.args(&["-y"])).exits(0).says(&["~60.0 MiB"]);
}
