//! Two runs at one destination.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use btrsync_testutil::{require_btrfs, require_tool};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;

use crate::interrupt::completes;
use crate::support::{
    Pair, Pty, Running, State, arrived, btrsync, no_leftover, refuses, run, signal, snapshot,
};

/// Makes a destination with an inode number that no other test locks: the kernel's table of locks,
/// which tells who holds one, does not tell subvolumes apart.
fn rare_backup(pair: &Pair) {
    fs::remove_dir(pair.backup()).unwrap();
    let other = pair.dst.path().join("other");
    (0..1000 + std::process::id() % 1000).for_each(|_| {
        fs::create_dir(&other).unwrap();
        fs::remove_dir(&other).unwrap();
    });
    fs::create_dir(pair.backup()).unwrap();
}

#[test]
fn a_second_run_ends_at_once_and_names_the_first() {
    require_btrfs!();
    let pair = Pair::with_large(128);
    rare_backup(&pair);
    let first = Running::start(pair.args(&[])).in_transfer(1 << 20);
    // It waits, however slow the second one is.
    signal(first.pid(), Signal::STOP);
    let begin = Instant::now();
    let second = run(pair.args(&["-y", "--json"])).exits(4);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    let holder = format!("(process {})", first.pid());
    second.complains(&["another run is using", "backup", &holder]);
    // A stop in the middle of a send can damage the stream, which is an error then.
    signal(first.pid(), Signal::CONT);
    first.end();
    completes(&pair);
    no_leftover(pair.dst.path());
}

#[test]
fn a_lock_refuses_before_anything_is_touched() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    rare_backup(&pair);
    let lock = File::open(pair.backup()).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let holder = format!("(process {})", std::process::id());
    refuses(
        4,
        &["another run is using", &holder, "wait for the other run"],
        pair.dst.path(),
        || {
            let mut command = btrsync();
            command.args(pair.args(&[]));
            command
        },
    );
    // Telling needs no lock, and neither does another directory.
    run(pair.args(&["-n"])).exits(0).says(&["snaps/1\tfull"]);
    let other = pair.dst.path().join("elsewhere");
    run(["-yc".as_ref(), pair.snaps().as_os_str(), other.as_os_str()]).exits(0);
    arrived(&pair.snaps().join("1"), &other.join("1"));
    drop(lock);
    pair.take("2");
    completes_with(&pair, "2");
}

#[track_caller]
fn completes_with(pair: &Pair, name: &str) {
    run(pair.args(&["-y"])).exits(0);
    arrived(&pair.snaps().join(name), &pair.backup().join(name));
}

#[test]
fn a_run_that_was_stopped_keeps_its_lock_and_a_dead_one_does_not() {
    require_btrfs!();
    let pair = Pair::with_large(64);
    let first = Running::start(pair.args(&[])).in_transfer(1 << 20);
    first.signal(Signal::STOP);
    run(pair.args(&["-y"])).exits(4).complains(&["another run is using"]);
    first.kill();
    completes(&pair);
}

/// A question that waits holds nothing: what it planned with may be old when it is answered.
#[test]
fn a_run_that_waits_for_an_answer_does_not_lock() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&[]);
    snapshot(&pair.origin(), &pair.snaps().join("1"));
    let waiting = Pty::start(pair.args(&[])).shows("Proceed?");
    run(pair.args(&["-y"])).exits(0);
    let before = State::of(pair.dst.path());
    let (code, text) = waiting.types("y\n").end();
    // What the other run has sent meanwhile is no longer to be done, and no name in the way.
    assert!(code == 0 && !text.contains("already exists"), "{text}");
    before.same_content(pair.dst.path());
}

#[test]
fn a_run_waits_for_another_where_that_is_wanted() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let lock = File::open(pair.backup()).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let begin = Instant::now();
    let refused = run(pair.args(&["-y", "--wait=0.5"])).exits(4);
    refused.complains(&["waiting for it to end", "another run is using"]);
    assert!(begin.elapsed() >= Duration::from_millis(500), "{:?}", begin.elapsed());
    let freeing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(600));
        drop(lock);
    });
    run(pair.args(&["-y", "--wait"])).exits(0).complains(&["waiting for it to end"]);
    freeing.join().unwrap();
    arrived(&pair.snaps().join("1"), &pair.backup().join("1"));
}

#[test]
fn a_run_that_waits_can_be_interrupted() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let lock = File::open(pair.backup()).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let mut waiting = btrsync();
    waiting.args(pair.args(&["-y", "--wait"])).stderr(std::process::Stdio::null());
    let mut waiting = waiting.stdout(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    signal(waiting.id(), Signal::INT);
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
}
