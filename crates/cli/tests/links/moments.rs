//! Links that die at any moment of a run, and at those that matter most.

use std::time::{Duration, Instant};

use btrsync_testutil::machine::{Machine, Weather};
use btrsync_testutil::{Random, require_tool, require_weather};

use crate::scene::{Scene, Way, each, is_full};
use crate::sides::{BTRSYNC, all_end};
use crate::support::{Pair, Running, published_are_complete};

#[test]
fn a_machine_that_does_not_answer_at_all_is_given_up() {
    require_weather!();
    let scene = Scene::new(Way::Push(true), Pair::with_snapshots(&["1"]));
    scene.weather(Weather::Silent);
    let begin = Instant::now();
    let ended = scene.sync(&["--timeout=1"]).exits(1);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}: {ended:#?}", begin.elapsed());
    ended.complains(&["ssh to far failed", "timed out"]);
}

/// All is done over there, and nobody can say so.
#[test]
fn the_rerun_is_content_with_what_was_done_while_nobody_could_tell() {
    require_weather!();
    require_tool!("strace");
    let scene = Scene::new(Way::Push(true), Pair::with_large(1));
    let slow = format!(
        "#!/bin/sh\nexec strace -f -o /dev/null -e trace=renameat2 \
         -e inject=renameat2:delay_exit=3000000 {BTRSYNC} \"$@\"\n"
    );
    let slow = scene.net.far[0].write("slow", slow);
    std::fs::set_permissions(&slow, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let option = format!("--remote-btrsync={}", slow.display());
    let running = Running::command(&mut scene.command(&["--timeout=1", &option]));
    let published = scene.pair.backup().join("large");
    while !published.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    scene.net.weather(0, Weather::Silent);
    scene.fails(running, Duration::from_secs(5), &["far"]);
    scene.net.mend(0);
    let again = scene.sync(&["--timeout=9"]).exits(0);
    assert!(again.events_of("done").is_empty(), "{again:#?}");
    scene.is_complete();
}

#[test]
fn at_any_moment_the_run_ends_and_the_rerun_completes() {
    require_weather!();
    let rounds = if is_full() { 20 } else { 2 };
    each(&[Way::Push(true), Way::Between { from: true, to: true }], 4, |scene| {
        let begin = Instant::now();
        scene.sync(&[]).exits(0);
        let long = begin.elapsed();
        let mut random = Random::new(format!("{:?}", scene.way).len() as u64);
        for round in 0..rounds {
            scene.clear();
            strikes(scene, round, long.mul_f64(random.below(1000) as f64 / 1000.0));
        }
    });
}

/// Lets the link die at a moment, and tries again until nothing is in the way.
fn strikes(scene: &Scene, round: u64, moment: Duration) {
    let running = Running::command(&mut scene.command(&["--timeout=2"]));
    running.at(moment);
    let weather = [Weather::Silent, Weather::Resets][round as usize % 2];
    scene.net.weather(scene.target(), weather);
    let begin = Instant::now();
    let ended = running.end();
    let took = begin.elapsed();
    let told = ended.events_of("error");
    eprintln!(
        "{:?}: {weather:?} at {moment:?}: {} after {took:.1?}: {told:?}",
        scene.way, ended.code
    );
    assert!(took < Duration::from_secs(10), "{took:?}: {ended:#?}");
    assert!(ended.code == 0 || ended.code == 1 && !told.is_empty(), "{ended:#?}");
    published_are_complete(&scene.pair);
    all_end(&scene.net.near);
    scene.net.mend(scene.target());
    let again = scene.sync(&["--timeout=2"]);
    assert_eq!(again.code, 0, "{:?}: {weather:?} at {moment:?}: {again:#?}", scene.way);
    scene.net.far.iter().for_each(nobody_works);
    scene.has_arrived();
}

/// Asserts that nothing serves or receives on a machine any more, soon. A login of which the other side was lost
/// before it had asked for anything, and a `btrfs send`, stay until sshd or the kernel there loses patience.
fn nobody_works(machine: &Machine) {
    let begin = Instant::now();
    loop {
        let mut all = machine.processes();
        all.retain(|one| {
            ["btrsync serve", "btrfs receive", "flock "]
                .iter()
                .any(|word| one.command.contains(word))
        });
        if all.is_empty() {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "still there: {all:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
