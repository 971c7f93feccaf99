//! Blocks of a stream that are compressed on their way to the other side.
//!
//! Two hazards: time that is spent on data which does not shrink, for it is compressed already; so whether it
//! pays is found out block by block, and on which links by measuring. And a block of a stranger that
//! becomes more than it may: it is decompressed into room of a fixed size, whatever it says.

mod meter;

use std::io::Read;
use std::time::{Duration, Instant};

use zstd::bulk::Compressor;
use zstd::zstd_safe;

use self::meter::{Meter, Sent};
use super::channel::{Broken, Channel};
use crate::{Cancel, Flow};

/// The most that a block holds when decompressed.
pub(crate) const BLOCK: usize = 256 * 1024;

/// Less is not worth a frame.
const LEAST: usize = 1024;

/// How many blocks go untried at most after some that did not shrink.
const MOST_UNTRIED: u32 = 16;

/// What is gained for least effort, where nothing else is asked for.
const LEVEL: i32 = 3;

/// Whether what goes over a connection is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Packing {
    /// Where the link is slow enough for it to pay, which is measured.
    #[default]
    Auto,
    /// Not at all.
    Never,
    /// Always, with this level of zstd, from 1 to 19; but for what does not shrink.
    Zstd(i32),
}

/// Decompresses a block.
pub(super) fn unpack(body: &[u8]) -> Option<Vec<u8>> {
    let mut block = Vec::with_capacity(BLOCK);
    zstd_safe::decompress(&mut block, body).ok()?;
    (block.len() <= BLOCK).then_some(block)
}

/// What became of the next piece of a stream.
pub(crate) enum Passed {
    /// It was sent, as so many bytes.
    Sent(usize),
    /// The stream has ended.
    End,
    /// It breaks off; whoever makes it tells why.
    Cut,
    Broken(Broken),
}

/// Sends the pieces of one stream.
pub(crate) struct Packer {
    packing: Packing,
    meter: Meter,
    /// What is read, where it goes on otherwise than from pipe to pipe.
    block: Vec<u8>,
    /// Made when it is first needed.
    compressor: Option<Compressor<'static>>,
    packed: Vec<u8>,
    /// How many blocks go as they are before the next is tried, and how many did so last time.
    untried: u32,
    last_untried: u32,
}

impl Packer {
    pub(crate) fn new(packing: Packing) -> Self {
        let (meter, block, packed) = Default::default();
        Self { packing, meter, block, compressor: None, packed, untried: 0, last_untried: 0 }
    }

    /// Sends the next piece of a flow; what is not to be compressed is not even read, if that can be.
    pub(crate) fn pass(&mut self, flow: &mut Flow, channel: &Channel, cancel: &Cancel) -> Passed {
        if !self.is_wanted() {
            match flow.movable() {
                Ok(Some((_, 0))) => return Passed::End,
                Ok(Some(there)) => {
                    let begin = Instant::now();
                    let sent = channel.data_from(there, cancel);
                    return self.passed(flow, sent, begin);
                }
                Ok(None) => {}
                Err(_) => return Passed::Cut,
            }
        }
        let mut block = std::mem::take(&mut self.block);
        block.resize(BLOCK, 0);
        let passed = match flow.read(&mut block) {
            Ok(0) => Passed::End,
            Ok(count) => match self.send(channel, &block[..count], cancel) {
                Ok(wire) => Passed::Sent(wire),
                Err(broken) => Passed::Broken(broken),
            },
            Err(_) => Passed::Cut,
        };
        self.block = block;
        passed
    }

    /// Takes note of what has gone on from pipe to pipe.
    fn passed(&mut self, flow: &Flow, sent: Result<usize, Broken>, begin: Instant) -> Passed {
        match sent {
            Ok(count) => {
                flow.moved(count);
                let (packing, all) = (Duration::ZERO, begin.elapsed());
                self.meter.note(Sent { raw: count, wire: count, packing, all });
                Passed::Sent(count)
            }
            Err(broken) => Passed::Broken(broken),
        }
    }

    /// Sends a block, of [`BLOCK`] bytes at most; returns how many bytes that took.
    pub(super) fn send(
        &mut self,
        channel: &Channel,
        block: &[u8],
        cancel: &Cancel,
    ) -> Result<usize, Broken> {
        let begin = Instant::now();
        let packs = self.is_wanted() && self.pack(block);
        let packing = begin.elapsed();
        let wire = if packs { self.packed.len() } else { block.len() };
        match packs {
            true => channel.packed(&self.packed, cancel)?,
            false => channel.data(block, cancel)?,
        }
        self.meter.note(Sent { raw: block.len(), wire, packing, all: begin.elapsed() });
        Ok(wire)
    }

    fn is_wanted(&self) -> bool {
        match self.packing {
            Packing::Auto => self.meter.packs(),
            Packing::Never => false,
            Packing::Zstd(_) => true,
        }
    }

    /// Compresses a block, if it shrinks by a tenth at least.
    fn pack(&mut self, block: &[u8]) -> bool {
        if self.untried > 0 || block.len() < LEAST {
            self.untried = self.untried.saturating_sub(1);
            return false;
        }
        let packed = self.compress(block).is_some();
        self.last_untried = if packed { 0 } else { (self.last_untried * 2).clamp(1, MOST_UNTRIED) };
        self.untried = self.last_untried;
        packed
    }

    fn compress(&mut self, block: &[u8]) -> Option<()> {
        if self.compressor.is_none() {
            let level = match self.packing {
                Packing::Zstd(level) => level.clamp(1, 19),
                _ => LEVEL,
            };
            self.compressor = Some(Compressor::new(level).ok()?);
        }
        // It ends as soon as that is full.
        self.packed.resize(block.len() / 10 * 9, 0);
        let length = self.compressor.as_mut()?.compress_to_buffer(block, &mut self.packed[..]);
        self.packed.truncate(length.ok()?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn what_shrinks_comes_back_and_what_does_not_is_tried_less_and_less() {
        let mut packer = Packer::new(Packing::Zstd(1));
        let text = b"some text ".repeat(BLOCK / 10);
        assert!(packer.pack(&text));
        assert!(packer.packed.len() < 1000 && unpack(&packer.packed).unwrap() == text);
        assert!(!packer.pack(b"short"));
        let noise = noise(BLOCK);
        let tried = |packer: &mut Packer| {
            let tried = packer.untried == 0;
            assert!(!packer.pack(&noise));
            tried
        };
        let tries = (0..200).filter(|_| tried(&mut packer)).count();
        assert!((10..20).contains(&tries), "{tries}");
        // Within as many, it is noticed that this has an end.
        assert!((0..=MOST_UNTRIED).any(|_| packer.pack(&text)));
        assert!(packer.pack(&text));
    }

    #[test]
    fn a_block_that_is_none_is_refused_and_a_bomb_too() {
        let pack = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).unwrap();
        let whole = pack(&noise(5000));
        assert!(unpack(&whole).is_some() && unpack(b"").is_some_and(|block| block.is_empty()));
        let bomb = pack(&vec![0; 1 << 28]);
        assert!(bomb.len() < BLOCK);
        let twice = pack(&vec![0; BLOCK - 10]).repeat(2);
        let mut lying = pack(&vec![7; BLOCK + 1]);
        assert!(unpack(&lying).is_none());
        // The length that a frame names is behind its magic and its flags.
        lying[5] ^= 0xff;
        for bad in [&bomb[..], &twice, &lying, &whole[..whole.len() - 1], &noise(100), &[0xff; 9]] {
            assert!(unpack(bad).is_none());
        }
        assert!(unpack(&pack(&vec![1; BLOCK])).is_some());
    }
}
