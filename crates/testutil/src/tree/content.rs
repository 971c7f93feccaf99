//! Files by what they hold: nothing, little, much, holes, shared and preallocated extents.

use std::path::Path;

use rustix::fs::FallocateFlags;

use super::raw;
use crate::Random;

const MIB: u64 = 1 << 20;

pub(super) fn populate(dir: &Path) {
    populate_plain(dir);
    populate_sparse(dir);
    populate_preallocated(dir);
    raw::reflink(&dir.join("pattern"), &dir.join("reflink"));
    populate_partial_reflink(dir);
}

fn populate_plain(dir: &Path) {
    raw::write(&dir.join("empty"), b"");
    // Small enough to lie in the metadata, which takes another path through send.
    raw::write(&dir.join("inline"), b"a few bytes\n");
    raw::write(&dir.join("one-block"), &[b'b'; 4096]);
    raw::write(&dir.join("odd-length"), &Random::new(1).bytes(70_001));
    raw::write(&dir.join("zeros"), &[0; 100_000]);
    raw::write(&dir.join("pattern"), &pattern(3 << 20));
}

/// Numbered lines: a block at the wrong offset is told from the right one.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        (0..length / 16).flat_map(|n| format!("{:>15}\n", n).into_bytes()).collect();
    bytes.resize(length, b'.');
    bytes
}

fn populate_sparse(dir: &Path) {
    let sparse = dir.join("sparse");
    raw::write_at(&sparse, &Random::new(2).bytes(10_000), MIB);
    raw::write_at(&sparse, &Random::new(3).bytes(10_000), 3 * MIB + 123);
    raw::set_len(&sparse, 6 * MIB + 1);
    raw::set_len(&dir.join("only-hole"), 2 * MIB);
    raw::set_len(&dir.join("huge-hole"), MIB << 20);
}

fn populate_preallocated(dir: &Path) {
    let past_end = dir.join("preallocated-past-end");
    raw::write(&past_end, &Random::new(4).bytes(5000));
    raw::allocate(&past_end, FallocateFlags::KEEP_SIZE, 0, MIB);
    let inside = dir.join("preallocated-inside");
    raw::allocate(&inside, FallocateFlags::empty(), 0, MIB);
    raw::write_at(&inside, &Random::new(5).bytes(5000), MIB / 2);
    raw::allocate(&dir.join("preallocated-empty"), FallocateFlags::KEEP_SIZE, 0, MIB);
}

/// One file that shares blocks with itself and with another, at other offsets.
fn populate_partial_reflink(dir: &Path) {
    let partial = dir.join("reflink-partial");
    raw::write(&partial, &Random::new(6).bytes(256 * 1024));
    share(&partial, 0, &partial, 512 * 1024);
    share(&dir.join("pattern"), MIB, &partial, 128 * 1024);
}

/// Shares 64 KiB; on btrfs a copy of whole blocks within the kernel is a reflink.
fn share(source: &Path, mut from: u64, dest: &Path, mut to: u64) {
    const LENGTH: usize = 64 * 1024;
    let (input, output) = (raw::open(source), raw::open(dest));
    let copied = rustix::fs::copy_file_range(input, Some(&mut from), output, Some(&mut to), LENGTH);
    assert_eq!(crate::must::must("share extents of", source, copied), LENGTH);
}
