//! Real streams, cut and with bits turned.
//!
//! With a wrong checksum each is refused. With the checksum made good again a stream may be as good
//! as before, or say something else: then it must only stay inside.

use std::env;

use btrsync_testutil::Random;

use crate::arena::Arena;
use crate::judge::{Case, either, refused};
use crate::stream::{frames, seal};

pub(crate) fn damage(arena: &Arena) -> Vec<Case> {
    let rounds = if env::var_os("BTRSYNC_TEST_FULL").is_some() { 15 } else { 1 };
    let mut random = Random::new(rounds);
    let mut cases = Vec::new();
    for (what, stream) in [("full", &arena.full), ("incremental", &arena.incremental)] {
        cases.extend(header_bits(what, stream));
        cases.extend(cut(what, stream, rounds, &mut random));
        cases.extend(flipped(what, stream, rounds, &mut random));
    }
    cases
}

/// Every byte of the header, which has no checksum.
fn header_bits(what: &str, stream: &[u8]) -> Vec<Case> {
    let flipped = |at: usize| {
        let mut stream = stream.to_vec();
        stream[at] ^= 0x10;
        refused(format!("{what}: byte {at} of the header"), stream)
    };
    (0..17).map(flipped).collect()
}

/// Between every two commands, and inside every one.
fn cut(what: &str, stream: &[u8], rounds: u64, random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (start, end) in frames(stream) {
        let inside =
            (0..rounds).map(|_| start + 1 + random.below((end - start - 1) as u64) as usize);
        for at in [start].into_iter().chain(inside) {
            cases.push(refused(format!("{what}: cut at {at}"), stream[..at].to_vec()));
        }
    }
    cases
}

/// A bit of every command.
fn flipped(what: &str, stream: &[u8], rounds: u64, random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, (start, end)) in frames(stream).into_iter().enumerate() {
        for _ in 0..rounds {
            let (at, bit) = (start + random.below((end - start) as u64) as usize, random.below(8));
            let mut damaged = stream.to_vec();
            damaged[at] ^= 1 << bit;
            cases.push(refused(format!("{what}: bit {bit} of byte {at}"), damaged));
            cases.extend(resealed(what, stream, (number, start, end), random));
        }
    }
    cases
}

/// A bit of the payload or of the command's number, and the checksum of that.
fn resealed(
    what: &str,
    stream: &[u8],
    (number, start, end): (usize, usize, usize),
    random: &mut Random,
) -> Option<Case> {
    // The first command names the subvolume; names are cases of their own.
    if number == 0 {
        return None;
    }
    let places: Vec<usize> = (start + 4..start + 6).chain(start + 10..end).collect();
    let (at, bit) = (places[random.below(places.len() as u64) as usize], random.below(8));
    let mut damaged = stream.to_vec();
    damaged[at] ^= 1 << bit;
    seal(&mut damaged[start..end]);
    Some(either(format!("{what}: bit {bit} of byte {at}, checksum made good"), damaged))
}
