//! Sudden death of anything that takes part, in the middle of a transfer and at any moment.
//!
//! Whatever ends, the run ends soon and says why, nothing of it goes on anywhere, and running again
//! completes.

use std::time::{Duration, Instant};

use btrsync_testutil::machine::Machine;
use btrsync_testutil::{LoopFs, Random, btrfs, require_machines};
use rustix::process::Signal;

use crate::sides::{BOTH, BTRSYNC, Sides, Way};
use crate::support::{Ended, Pair, Running, clear, published_are_complete, random_file, signal};

const LARGE: usize = 96;
const SOON: Duration = Duration::from_secs(10);

/// How often something is done at a random moment.
fn rounds() -> u64 {
    if std::env::var_os("BTRSYNC_TEST_FULL").is_some() { 40 } else { 5 }
}

#[track_caller]
fn kill(machine: &Machine, words: &str, what: Signal) {
    let pid = machine.process(words);
    let pid = pid.unwrap_or_else(|| panic!("no {words:?} in {:#?}", machine.processes()));
    signal(pid, what);
}

/// Waits for the end of a run to which something was done.
#[track_caller]
fn ends_soon(sides: &Sides, running: Running, within: Duration) -> Ended {
    let begin = Instant::now();
    let ended = running.end();
    assert!(begin.elapsed() < within, "{:?}: {ended:#?}", begin.elapsed());
    assert!(!sides.pair.backup().join("large").exists(), "{ended:#?}");
    ended
}

/// Does something in the middle of a transfer; the run must fail and say all of `words`.
#[track_caller]
fn ends(sides: &Sides, words: &[&str], act: impl Fn(&Sides)) {
    let running = sides.start(&[]).in_transfer(4 << 20);
    act(sides);
    let ended = ends_soon(sides, running, SOON).exits(1);
    let errors = ended.events_of("error");
    let text = errors.first().map(ToString::to_string).unwrap_or_default();
    assert!(words.iter().all(|word| text.contains(word)), "{words:?} in {ended:#?}");
    sides.is_quiet();
}

#[test]
fn the_program_of_the_other_side_is_killed() {
    require_machines!();
    for (way, program) in [(Way::Push, "btrfs receive"), (Way::Pull, "btrfs send")] {
        let sides = Sides::new(way, Pair::with_large(LARGE));
        for what in [Signal::KILL, Signal::TERM] {
            ends(&sides, &[program, "failed on far"], |sides| kill(sides.far(), program, what));
        }
        sides.completes();
    }
}

#[test]
fn a_session_of_ssh_is_killed_here() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_large(LARGE));
        ends(&sides, &["ssh to far failed"], |sides| {
            // The last one carries the transfer.
            let ssh = sides
                .near()
                .processes()
                .into_iter()
                .filter(|one| one.command.starts_with("ssh -F"));
            signal(ssh.map(|one| one.pid).max().unwrap(), Signal::KILL);
        });
        sides.completes();
    }
}

#[test]
fn the_connection_is_killed_here() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_large(LARGE));
        ends(&sides, &["ssh to far failed"], |sides| {
            kill(sides.near(), "ControlMaster=yes", Signal::KILL);
        });
        sides.completes();
    }
}

#[test]
fn the_connection_is_killed_over_there() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_large(LARGE));
        ends(&sides, &["ssh to far failed"], |sides| {
            let sshd = sides.far().processes().into_iter();
            sshd.filter(|one| one.command.starts_with("sshd: root")).for_each(|one| {
                signal(one.pid, Signal::KILL);
            });
        });
        sides.completes();
    }
}

#[test]
fn the_near_side_is_killed() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_large(LARGE));
        let running = sides.start(&[]).in_transfer(4 << 20);
        kill(sides.near(), BTRSYNC, Signal::KILL);
        assert_eq!(ends_soon(&sides, running, SOON).code, -1);
        // All that it has started notices.
        crate::sides::all_end(sides.near());
        crate::sides::all_end(sides.far());
        sides.completes();
    }
}

#[test]
fn signals_end_it_quickly_and_cleanly() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_large(LARGE));
        for what in [Signal::INT, Signal::TERM, Signal::HUP] {
            let running = sides.start(&[]).in_transfer(4 << 20);
            kill(sides.near(), BTRSYNC, what);
            ends_soon(&sides, running, Duration::from_secs(5)).exits(130).complains(&["stopping"]);
            sides.is_quiet();
            crate::support::no_leftover(sides.pair.dst.path());
        }
        sides.completes();
    }
}

/// Ctrl-C reaches all that runs on the terminal, not only us.
#[test]
fn an_interrupt_of_the_whole_group_is_an_interruption_too() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_large(LARGE));
        let running = sides.start(&[]).in_transfer(4 << 20);
        for words in ["ControlMaster=yes", BTRSYNC] {
            kill(sides.near(), words, Signal::INT);
        }
        ends_soon(&sides, running, Duration::from_secs(5)).exits(130).complains(&["stopping"]);
        sides.is_quiet();
        sides.completes();
    }
}

/// What does not fit on the one side ends the other.
#[test]
fn a_destination_that_is_full_ends_the_sender() {
    require_machines!();
    for way in BOTH {
        let small = LoopFs::builder().size_mib(128).mkfs_args(["--mixed"]).build();
        let mut pair = Pair::with_large(LARGE);
        pair.dst = small;
        std::fs::create_dir(pair.backup()).unwrap();
        std::fs::write(pair.dst.path().join("ballast"), vec![7; 60 << 20]).unwrap();
        btrfs::sync(pair.dst.path());
        let sides = Sides::new(way, pair);
        let ended =
            sides.sync(&["-y"]).exits(1).complains(&["No space left on device", "what next"]);
        assert!(!ended.err.contains("ssh to"), "{ended:#?}");
        sides.is_quiet();
        std::fs::remove_file(sides.pair.dst.path().join("ballast")).unwrap();
        btrfs::sync(sides.pair.dst.path());
        sides.completes();
    }
}

#[test]
fn a_stage_of_a_pipeline_is_killed_while_it_is_fed_from_over_there() {
    require_machines!();
    let sides = Sides::pull(Pair::with_large(LARGE));
    let dumps = tempfile::tempdir().unwrap();
    let dir = dumps.path().to_str().unwrap();
    let running = sides.start(&["-o", dir, "-O", "cat | gzip -1"]).in_transfer(4 << 20);
    kill(sides.near(), "gzip -1", Signal::KILL);
    let ended = ends_soon(&sides, running, SOON).exits(1);
    assert!(
        ended.events_of("error")[0]["message"].as_str().unwrap().contains("gzip"),
        "{ended:#?}"
    );
    sides.is_quiet();
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0);
}

/// Nobody says that the line is dead: only a silence of 30 seconds does.
#[test]
fn a_line_that_goes_dead_ends_it_after_some_time() {
    require_machines!();
    let ways: Vec<_> = BOTH.map(|way| Sides::new(way, Pair::with_large(LARGE))).into();
    std::thread::scope(|scope| {
        for sides in &ways {
            scope.spawn(|| {
                let running = sides.start(&[]).in_transfer(4 << 20);
                sides.net.cut(0);
                let ended = ends_soon(sides, running, Duration::from_secs(45)).exits(1);
                assert!(ended.err.contains("ssh to far failed"), "{ended:#?}");
                crate::sides::all_end(sides.near());
            });
        }
    });
}

/// A smaller pair, for many rounds: two snapshots of which the second builds on the first.
fn two() -> Pair {
    let pair = Pair::with_snapshots(&[]);
    for name in ["1", "2"] {
        random_file(&pair.origin().join(name), 6);
        pair.take(name);
    }
    pair
}

/// Anything that belongs to the run, at any moment.
#[test]
fn anything_is_killed_at_any_moment_and_a_rerun_completes() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, two());
        let begin = Instant::now();
        sides.sync(&["-y"]).exits(0);
        let long = begin.elapsed();
        clear(&sides.pair);
        let mut random = Random::new(7);
        for _ in 0..rounds() {
            let running = sides.start(&[]);
            running.at(long.mul_f64(random.below(1000) as f64 / 1000.0));
            let mut all = sides.near().processes();
            all.extend(sides.far().processes());
            if !all.is_empty() {
                let victim = &all[random.below(all.len() as u64) as usize];
                signal(victim.pid, Signal::KILL);
            }
            let begin = Instant::now();
            let ended = running.end();
            assert!(begin.elapsed() < SOON, "{:?}: {ended:#?}", begin.elapsed());
            crate::sides::all_end(sides.near());
            crate::sides::all_end(sides.far());
            published_are_complete(&sides.pair);
            sides.completes();
            clear(&sides.pair);
        }
    }
}
