//! What was written to a disk, and what of that a power cut leaves.
//!
//! The hazard is a model that is kinder than a disk: what was not flushed may be lost or kept block
//! by block and in any order, an older write lost and a younger one kept.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Random;

/// What a disk writes whole or not at all, in bytes.
const BLOCK: usize = 4096;

/// A place in the record: the number of events before it.
pub type Moment = usize;

#[derive(Debug)]
pub(super) enum Event {
    Write { offset: u64, data: Vec<u8> },
    Flush,
}

/// All events of a disk, in the order in which they reached it.
#[derive(Debug, Default)]
pub(super) struct Record {
    events: Mutex<Vec<Event>>,
}

impl Record {
    pub(super) fn add(&self, event: Event) {
        self.events().push(event);
    }

    pub(super) fn now(&self) -> Moment {
        self.events().len()
    }

    pub(super) fn flushes(&self) -> Vec<Moment> {
        let events = self.events();
        let flush = |at: &usize| matches!(events[*at], Event::Flush);
        (0..events.len()).filter(flush).collect()
    }

    /// Hands out what is on the disk after a cut, later writes last.
    pub(super) fn survivors(
        &self,
        moment: Moment,
        chance: &mut Random,
        mut write: impl FnMut(u64, &[u8]),
    ) {
        let events = self.events();
        let flushed = events[..moment].iter().rposition(|event| matches!(event, Event::Flush));
        let odds = Odds::draw(chance);
        for (at, event) in events[..moment].iter().enumerate() {
            let Event::Write { offset, data } = event else { continue };
            if flushed.is_some_and(|flush| at < flush) {
                write(*offset, data);
                continue;
            }
            for (block, data) in (*offset..).step_by(BLOCK).zip(data.chunks(BLOCK)) {
                if odds.survives(chance) {
                    write(block, data);
                }
            }
        }
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of a volatile cache a disk had written by itself: nothing, all, or some.
#[derive(Clone, Copy)]
struct Odds {
    of_eight: u64,
}

impl Odds {
    fn draw(chance: &mut Random) -> Self {
        Self { of_eight: [0, 8, 1, 4, 7][chance.below(5) as usize] }
    }

    fn survives(self, chance: &mut Random) -> bool {
        chance.below(8) < self.of_eight
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn record() -> Record {
        let record = Record::default();
        let write = |byte: u8| Event::Write { offset: 0, data: vec![byte; 3 * BLOCK] };
        for event in [write(1), Event::Flush, write(2), write(3)] {
            record.add(event);
        }
        record
    }

    /// The first byte of each block, as often as chance differs.
    fn outcomes(moment: Moment) -> BTreeSet<Vec<u8>> {
        let mut chance = Random::new(1);
        let outcome = |_| {
            let mut disk = vec![0; 3 * BLOCK];
            record().survivors(moment, &mut chance, |offset, data| {
                disk[offset as usize..][..data.len()].copy_from_slice(data);
            });
            disk.iter().step_by(BLOCK).copied().collect()
        };
        (0..2000).map(outcome).collect()
    }

    #[test]
    fn what_was_flushed_survives() {
        assert_eq!(outcomes(0), [vec![0; 3]].into());
        assert!(outcomes(1).contains(&vec![0, 1, 0]));
        assert_eq!(outcomes(2), [vec![1; 3]].into());
    }

    #[test]
    fn the_rest_survives_in_any_part_and_order() {
        let found = outcomes(4);
        for disk in [[1, 1, 1], [3, 3, 3], [2, 2, 2], [1, 2, 3], [3, 1, 2]] {
            assert!(found.contains(&disk[..]), "{disk:?} in {found:?}");
        }
        assert_eq!(found.len(), 27);
    }

    #[test]
    fn flushes_are_moments_before_them() {
        assert_eq!((record().flushes(), record().now()), (vec![1], 4));
    }
}
