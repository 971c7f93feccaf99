//! What happens to a run of `btrsync`.

use std::time::Duration;

use btrsync_testutil::machine::Machine;
use rustix::process::Signal;

use crate::point::Point;
use crate::scene::{Place, Scene};
use crate::sides::{BTRSYNC, Way};
use crate::support::{Running, give_room_back, signal};

/// One way of ending a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The program is killed.
    Kill,
    /// Ctrl-C and its like.
    Signal,
    /// The program of the other machine is killed, as soon as there is one.
    Far,
    /// Anything that belongs to the run is killed, on either machine.
    Any,
    /// The line goes dead, and somebody loses patience.
    Cut,
    /// The connection is reset.
    Reset,
    /// The line goes dead, and nobody does anything.
    Dead,
    /// There is no room.
    Full,
}

impl Fault {
    pub(crate) const HERE: [Self; 2] = [Self::Kill, Self::Signal];
    pub(crate) const APART: [Self; 6] =
        [Self::Kill, Self::Signal, Self::Far, Self::Any, Self::Cut, Self::Reset];

    /// Does it to a run.
    #[track_caller]
    pub(crate) fn happen(self, scene: &Scene, running: &Running, point: &mut Point) {
        match self {
            Self::Kill => self.to_the_program(scene, running, Signal::KILL),
            Self::Signal => {
                let what = point.any(&[Signal::INT, Signal::TERM, Signal::HUP]);
                self.to_the_program(scene, running, what);
            }
            Self::Far => {
                let program = match scene.place {
                    Place::Served(_) => "btrsync serve",
                    Place::Apart(Way::Pull) => "btrfs send",
                    _ => "btrfs receive",
                };
                to(scene.sides().far(), program, Signal::KILL);
            }
            Self::Any => anything(scene, point),
            Self::Cut => {
                scene.sides().net.cut(0);
                std::thread::sleep(Duration::from_millis(point.chance.below(300)));
                let what = point.any(&[Signal::KILL, Signal::INT]);
                self.to_the_program(scene, running, what);
            }
            Self::Reset => scene.sides().net.reset(0),
            Self::Dead => scene.sides().net.cut(0),
            Self::Full => {}
        }
    }

    fn to_the_program(self, scene: &Scene, running: &Running, what: Signal) {
        match scene.place {
            Place::Here => running.signal(what),
            _ => to(scene.sides().near(), BTRSYNC, what),
        }
    }

    /// Makes what comes after possible again.
    #[track_caller]
    pub(crate) fn is_over(self, scene: &Scene) {
        match self {
            Self::Cut | Self::Dead => scene.sides().net.mend(0),
            Self::Full => give_room_back(scene.pair()),
            _ => {}
        }
    }
}

fn to(machine: &Machine, words: &str, what: Signal) {
    machine.process(words).into_iter().for_each(|pid| signal(pid, what));
}

fn anything(scene: &Scene, point: &mut Point) {
    let mut all = scene.sides().near().processes();
    all.extend(scene.sides().far().processes());
    if !all.is_empty() {
        let victim = point.chance.below(all.len() as u64) as usize;
        signal(all[victim].pid, Signal::KILL);
    }
}
