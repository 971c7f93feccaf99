//! `btrsync SOURCE DESTINATION`, on one machine and between two.

use std::time::{Duration, Instant};

use btrsync_testutil::LoopFs;

use crate::amounts::{self, Amounts};
use crate::fault::Fault;
use crate::point::{Interrupted, Outcome, Point};
use crate::scene::{Form, Place, Scene};
use crate::sides::Way;
use crate::support::{Ended, Running, leave_room, published_are_complete};

/// A machine with much else to do may take that long to end a run.
const SOON: Duration = Duration::from_secs(30);

/// A dead line is given up after 30 seconds.
const LATE: Duration = Duration::from_secs(60);

pub(crate) struct Sync {
    scene: Scene,
    faults: Vec<Fault>,
    /// How long an undisturbed run takes.
    long: Duration,
    /// The lengths of the streams.
    whole: Amounts,
}

impl Sync {
    #[track_caller]
    pub(crate) fn new(place: Place, form: Form, to: LoopFs, faults: &[Fault]) -> Self {
        let scene = Scene::new(place, form, to);
        let begin = Instant::now();
        Ended::of(&mut scene.command(&["-y", "--json"])).exits(0);
        let long = begin.elapsed();
        scene.clear();
        let whole = amounts::whole(&scene);
        Self { scene, faults: faults.to_vec(), long, whole }
    }

    /// Begins, and interrupts.
    #[track_caller]
    fn interrupt(&self, fault: Fault, point: &mut Point) -> Ended {
        if fault == Fault::Full {
            leave_room(self.scene.pair(), self.part(point));
        }
        let watched = ["-t", "0.01", "--buffer=0"];
        let watched = [&Self::plain(point)[..], &watched].concat();
        let mut running = Running::command(&mut self.scene.command(&watched));
        if fault != Fault::Full {
            self.wait(&mut running, point);
        }
        fault.happen(&self.scene, &running, point);
        let begin = Instant::now();
        if fault == Fault::Cut {
            // What the other machine has not been told, it is told only now.
            fault.is_over(&self.scene);
        }
        let ended = running.end();
        let within = if fault == Fault::Dead { LATE } else { SOON };
        assert!(begin.elapsed() < within, "{:?}: {ended:#?}", begin.elapsed());
        fault.is_over(&self.scene);
        self.scene.is_quiet();
        is_expected(fault, &ended);
        published_are_complete(self.scene.pair());
        ended
    }

    /// The options that count.
    fn plain(point: &Point) -> [&str; 4] {
        // What is known not to fit is not begun.
        ["-y", "--json", &point.checkpoint, "--no-space-check"]
    }

    /// Waits for a moment of the run, or of the transfer that sends the most.
    fn wait(&self, running: &mut Running, point: &mut Point) {
        match point.chance.below(3) {
            0 => running.at(self.long.mul_f64(point.chance.below(1000) as f64 / 1000.0)),
            _ => drop(running.reaches(self.part(point))),
        }
    }

    fn part(&self, point: &mut Point) -> u64 {
        point.chance.below(self.whole.values().max().unwrap() + 1)
    }

    /// Runs it again, plainly, and judges; returns how much was there.
    #[track_caller]
    fn again(&self, before: &Amounts, point: &Point, is_measured: bool) -> u64 {
        let again = Ended::of(&mut self.scene.command(&Self::plain(point))).exits(0);
        let every = (is_measured && point.every > 0).then_some(point.every);
        let resumed = amounts::judge(&again, &self.whole, before, every);
        self.scene.is_complete();
        resumed
    }
}

impl Interrupted for Sync {
    fn point(&self, point: &mut Point) -> Outcome {
        self.scene.clear();
        let (mut before, mut faults, mut interrupted) = (Amounts::new(), Vec::new(), 0);
        for time in 0..point.times {
            let fault = if time == 0 { point.turn(&self.faults) } else { point.any(&self.faults) };
            let ended = self.interrupt(fault, point);
            interrupted += u64::from(ended.code != 0);
            eprintln!("{fault:?} with {}", point.checkpoint);
            amounts::add(&mut before, amounts::sent(&ended));
            faults.push(fault);
        }
        // `btrfs receive` cannot go on, much is under way to a btrsync over there, and without room there may
        // be no checkpoint.
        let is_pushed =
            matches!(self.scene.place, Place::Apart(Way::Push) | Place::Served(Way::Push));
        let is_measured = !is_pushed && !faults.contains(&Fault::Full);
        Outcome { interrupted, resumed: self.again(&before, point, is_measured) }
    }
}

/// A run ends by what happened to it, or before that.
#[track_caller]
fn is_expected(fault: Fault, ended: &Ended) {
    let expected: &[i32] = match fault {
        Fault::Kill => &[0, -1, 137],
        // The signal may come before the program is ready for it.
        Fault::Signal => &[0, 130, -1],
        Fault::Cut => &[0, 1, 3, 130, -1, 137],
        Fault::Any => &[0, 1, 3, -1, 137],
        _ => &[0, 1, 3],
    };
    assert!(expected.contains(&ended.code), "{fault:?}: {ended:#?}");
    if fault == Fault::Full && ended.code > 0 {
        assert!(ended.err.contains("No space left"), "{ended:#?}");
    }
}
