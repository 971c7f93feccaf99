//! Whether it pays to compress, as far as can be seen from this side.
//!
//! A link is slow where sending waits, whatever it waits for. The hazard is to gain bytes and lose time: where
//! the processor or the disk of the other side is the limit, compressing makes it worse or no better.
//! So it goes on only while more of the stream gets through than without, and that is looked at anew.

use std::time::Duration;

/// How much time of sending is looked at as one.
const PERIOD: Duration = Duration::from_millis(100);

/// A link that carries so many bytes a second is not what anything waits for.
const FAST: f64 = 400e6;

/// What packing and sending a packed block may take of the time of sending it as it is.
const WORTH: f64 = 0.9;

/// How much more of the stream must get through.
const GAIN: f64 = 1.05;

/// After so many periods in a row without a gain it ends: the other side may have been writing to its disk.
const SLOW: u32 = 4;

/// After so many periods it is found out again how fast it is without.
const LONG: u32 = 150;

/// The most periods between two trials.
const RARE: u32 = 32;

/// One block that was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) raw: usize,
    pub(super) wire: usize,
    pub(super) packing: Duration,
    /// With the packing.
    pub(super) all: Duration,
}

/// Decides from block to block.
#[derive(Debug)]
pub(super) struct Meter {
    mode: Mode,
    raw: usize,
    busy: Duration,
    /// For how many periods nothing is tried after a trial that did not pay.
    rest: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    /// As it is, for so many periods and one.
    Plain { left: u32 },
    /// The next block is tried. As it is, so many bytes get through in a second.
    Trial { rate: f64 },
    /// Packed, for as long as more gets through than that.
    Packed { rate: f64, slow: u32, left: u32 },
}

impl Default for Meter {
    fn default() -> Self {
        // The first goes into buffers on the way, and does not tell how fast the link is.
        Self { mode: Mode::Plain { left: 1 }, raw: 0, busy: Duration::ZERO, rest: 1 }
    }
}

impl Meter {
    /// Whether the next block is to be packed.
    pub(super) fn packs(&self) -> bool {
        !matches!(self.mode, Mode::Plain { .. })
    }

    /// Takes note of a block.
    pub(super) fn note(&mut self, sent: Sent) {
        if let Mode::Trial { rate } = self.mode {
            self.mode = self.judge(sent, rate);
            return;
        }
        self.raw += sent.raw;
        self.busy += sent.all;
        if self.busy >= PERIOD {
            let through = self.raw as f64 / self.busy.as_secs_f64();
            (self.raw, self.busy) = Default::default();
            self.mode = self.after(through);
        }
    }

    fn judge(&mut self, sent: Sent, rate: f64) -> Mode {
        let share = sent.wire as f64 / sent.raw.max(1) as f64;
        let effort = rate * sent.packing.as_secs_f64() / sent.raw.max(1) as f64;
        match share + effort < WORTH {
            true => Mode::Packed { rate, slow: 0, left: LONG },
            false => self.rests(),
        }
    }

    /// What comes after a period in which so many bytes a second got through.
    fn after(&mut self, through: f64) -> Mode {
        match self.mode {
            Mode::Plain { left: 0 } if through < FAST => Mode::Trial { rate: through },
            Mode::Plain { left } => Mode::Plain { left: left.saturating_sub(1) },
            Mode::Packed { left: 0, .. } => Mode::Plain { left: 0 },
            Mode::Packed { rate, left, .. } if through > rate * GAIN => {
                self.rest = 1;
                Mode::Packed { rate, slow: 0, left: left - 1 }
            }
            Mode::Packed { rate, slow, left } if slow < SLOW => {
                Mode::Packed { rate, slow: slow + 1, left: left - 1 }
            }
            Mode::Packed { .. } | Mode::Trial { .. } => self.rests(),
        }
    }

    fn rests(&mut self) -> Mode {
        let left = self.rest;
        self.rest = (self.rest * 2).min(RARE);
        Mode::Plain { left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: usize = 1 << 18;

    /// A link and a processor of so many bytes a second, and data that shrinks to a share.
    #[derive(Clone, Copy)]
    struct World {
        link: f64,
        processor: f64,
        share: f64,
        /// What the other side takes in a second.
        other: f64,
    }

    /// Sends so many blocks; returns the share of them that were packed, and of the last tenth.
    fn send(world: World, blocks: usize) -> (f64, f64) {
        let (mut meter, mut packed) = (Meter::default(), Vec::new());
        for _ in 0..blocks {
            let packs = meter.packs();
            let share = if packs { world.share } else { 1.0 };
            let raw = BLOCK as f64;
            let packing = if packs { raw / world.processor } else { 0.0 };
            // What is on its way goes on while the next one is packed.
            let all = (raw * share / world.link).max(raw / world.other).max(packing);
            let [packing, all] = [packing, all].map(Duration::from_secs_f64);
            meter.note(Sent { raw: BLOCK, wire: (raw * share) as usize, packing, all });
            packed.push(packs);
        }
        let share = |of: &[bool]| of.iter().filter(|one| **one).count() as f64 / of.len() as f64;
        (share(&packed), share(&packed[blocks - blocks / 10..]))
    }

    const HOME: World = World { link: 1e6, processor: 250e6, share: 0.4, other: 1e9 };

    #[test]
    fn on_a_slow_link_nearly_all_is_packed() {
        for link in [1e5, 1e6, 12.5e6, 60e6] {
            let (all, last) = send(World { link, ..HOME }, 4000);
            assert!(all > 0.9 && last > 0.9, "{link}: {all} {last}");
        }
    }

    #[test]
    fn where_the_link_is_not_the_limit_nearly_nothing_is() {
        let none = |world: World| {
            let (all, _) = send(world, 10_000);
            assert!(all < 0.2, "{all}");
        };
        none(World { link: 1e9, ..HOME });
        // What does not shrink, a slow processor, a slow disk over there.
        none(World { share: 1.0, ..HOME });
        none(World { processor: 1e6, ..HOME });
        none(World { link: 1e9, other: 50e6, ..HOME });
    }

    #[test]
    fn a_link_that_becomes_fast_is_noticed() {
        let mut meter = Meter::default();
        let mut send = |all: f64| {
            let all = Duration::from_secs_f64(all);
            let packing = Duration::from_millis(1);
            meter.note(Sent { raw: BLOCK, wire: BLOCK / 2, packing, all });
            meter.packs()
        };
        assert!((0..20).map(|_| send(0.1)).filter(|packs| *packs).count() > 10);
        let later = (0..40_000).map(|_| send(0.0005)).skip(35_000);
        assert!(later.filter(|packs| *packs).count() < 1000);
    }
}
