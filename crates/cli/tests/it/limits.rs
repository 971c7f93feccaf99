//! The buffer and the rate of a transfer.

use std::time::{Duration, Instant};

use btrsync_testutil::{btrfs, require_btrfs};
use rustix::process::Signal;

use crate::support::{Pair, Running, State, arrived, no_leftover, random_file, run};

#[test]
fn a_limited_transfer_takes_its_time_and_is_as_any_other() {
    require_btrfs!();
    let pair = Pair::with_large(6);
    let begin = Instant::now();
    run(pair.args(&["-y", "--bwlimit", "2m"])).exits(0);
    let time = begin.elapsed();
    assert!(time > Duration::from_millis(2700), "{time:?}");
    assert!(time < Duration::from_secs(10), "{time:?}");
    arrived(&pair.snaps().join("large"), &pair.backup().join("large"));
}

#[test]
fn a_limit_holds_for_all_transfers_together_and_for_dumps() {
    require_btrfs!();
    let pair = Pair::with_large(2);
    btrfs::create_subvolume(&pair.src.path().join("other"));
    random_file(&pair.src.path().join("other/file"), 2);
    btrfs::snapshot_ro(&pair.src.path().join("other"), &pair.snaps().join("other"));
    let dumps = tempfile::tempdir().unwrap();
    for more in [["-o", dumps.path().to_str().unwrap()].as_slice(), &[]] {
        let begin = Instant::now();
        let options = [&["-y", "-P", "--bwlimit", "2M"], more].concat();
        run(pair.args(&options)).exits(0);
        assert!(begin.elapsed() > Duration::from_millis(1800), "{more:?}: {:?}", begin.elapsed());
    }
}

#[test]
fn an_interrupt_does_not_wait_for_the_rate() {
    require_btrfs!();
    let pair = Pair::with_large(2);
    let before = State::of(pair.dst.path());
    for buffer in ["16M", "0"] {
        let options = ["--bwlimit", "1", "--buffer", buffer];
        let running = Running::start(pair.args(&options)).in_transfer(200);
        let begin = Instant::now();
        running.signal(Signal::INT);
        running.end().exits(130);
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        before.same_content(pair.dst.path());
        no_leftover(pair.dst.path());
    }
}

#[test]
fn buffers_of_any_size_will_do() {
    require_btrfs!();
    let pair = Pair::with_zoo(1);
    for buffer in ["0", "1", "100k", "1G"] {
        run(pair.args(&["-y", "--buffer", buffer])).exits(0);
        let copy = pair.backup().join("round-0");
        arrived(&pair.snaps().join("round-0"), &copy);
        btrfs::delete(&copy);
    }
    run(pair.args(&["-y", "--buffer", "much"])).exits(2).complains(&["not a number"]);
    run(pair.args(&["-y", "--bwlimit", "1B"])).exits(2).complains(&["less than 512"]);
}
