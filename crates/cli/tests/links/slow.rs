//! Links that are slow or lose packets, which is no reason to give up.

use std::time::Instant;

use btrsync_testutil::machine::Weather;
use btrsync_testutil::require_weather;

use crate::scene::{Way, each, is_full};
use crate::support::published_are_complete;

#[test]
fn at_8_mbit_a_transfer_takes_many_times_the_timeout_and_completes() {
    require_weather!();
    let mib = if is_full() { 24 } else { 3 };
    each(&[Way::Push(true), Way::Push(false), Way::Pull(true)], mib, |scene| {
        scene.weather(Weather::Slow(8_000));
        let ended = scene.sync(&["--timeout=1"]);
        assert_eq!(ended.code, 0, "{:?}: {ended:#?}", scene.way);
        let time = ended.events_of("done")[0]["seconds"].as_f64().unwrap();
        assert!(time > mib as f64 * 0.9, "{time}");
        scene.is_complete();
    });
}

/// Where every third packet is lost, TCP itself stands still for seconds; a login may fail, and then says so.
#[test]
fn packets_that_are_lost_are_sent_again() {
    require_weather!();
    let (mib, percents) = if is_full() { (2, &[1, 5, 30][..]) } else { (1, &[5][..]) };
    for percent in percents {
        each(&[Way::Push(true), Way::Pull(false)], mib, |scene| {
            scene.weather(Weather::Lossy(*percent));
            let begin = Instant::now();
            let failed = (0..20).take_while(|_| fails(scene, *percent)).count();
            assert!(failed < 20, "{:?} does not complete", scene.way);
            let time = begin.elapsed().as_secs_f32();
            eprintln!("{percent} % lost: {:?}: {failed} failed, {time:.1} s", scene.way);
            scene.net.mend(scene.target());
            scene.is_complete();
        });
    }
}

/// Runs once; returns whether that failed, which it may not without a reason.
fn fails(scene: &crate::scene::Scene, percent: u8) -> bool {
    let ended = scene.sync(&[]);
    published_are_complete(&scene.pair);
    let errors = ended.events_of("error");
    assert!(ended.code == 0 || percent > 5 && !errors.is_empty(), "{:?}: {ended:#?}", scene.way);
    errors.iter().for_each(|error| eprintln!("{:?}: {}", scene.way, error["message"]));
    ended.code != 0
}
