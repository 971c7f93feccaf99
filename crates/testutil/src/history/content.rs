//! What files hold: data at all kinds of offsets, holes, preallocated and shared extents.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, copy_file_range, fallocate, ioctl_ficlone};

use super::Done;
use super::world::{World, shown};
use crate::tree::pattern;

const BLOCK: u64 = 4096;

/// Some bytes: few or many, of odd or even length, that compress well, badly or to nothing.
fn data(world: &mut World) -> Vec<u8> {
    let length = match world.random.below(12) {
        0 => 0,
        1..4 => 1 + world.random.below(2000),
        4..8 => (1 + world.random.below(8)) * BLOCK,
        8..11 => world.random.below(40_000),
        _ => 100_000 + world.random.below(200_000),
    } as usize;
    match world.random.below(5) {
        0 | 1 => world.random.bytes(length),
        2 | 3 => pattern(length + 16 * world.random.below(16) as usize)[..length].to_vec(),
        _ => vec![0; length],
    }
}

/// An offset in or shortly behind a file, of a block or not.
fn offset(world: &mut World, size: u64) -> u64 {
    let offset = world.random.below(size + 3 * BLOCK);
    if world.chance(2) { offset - offset % BLOCK } else { offset }
}

/// Puts what was written into an extent of its own now and then.
fn settle(world: &mut World, file: &File) -> io::Result<()> {
    if world.chance(6) { file.sync_data() } else { Ok(()) }
}

/// Writes the last byte of a small file again, so that its only extent reaches to its end.
///
/// A compressed stream gives only the length of that extent (as of Linux 6.18), and the copy would be
/// too short; no receiver can know.
fn fill_block(file: &File) -> io::Result<()> {
    let size = file.metadata()?.len();
    if (1..BLOCK).contains(&size) { file.write_all_at(b"!", size - 1) } else { Ok(()) }
}

/// Chooses a file and opens it.
fn opened(world: &mut World) -> io::Result<(String, File, u64)> {
    let path = world.file()?;
    let file = world.at(&path)?.open()?;
    let size = file.metadata()?.len();
    Ok((shown(&path), file, size))
}

fn write(world: &mut World, file: &File, offset: u64) -> io::Result<String> {
    let bytes = data(world);
    file.write_all_at(&bytes, offset)?;
    settle(world, file)?;
    Ok(format!("{} bytes at {offset}", bytes.len()))
}

pub(super) fn create(world: &mut World) -> Done {
    let path = world.free(&[])?;
    let file = world.at(&path)?.create()?;
    Ok(format!("{} {}", shown(&path), write(world, &file, 0)?))
}

pub(super) fn overwrite(world: &mut World) -> Done {
    let (path, file, size) = opened(world)?;
    let offset = offset(world, size);
    Ok(format!("{path} {}", write(world, &file, offset)?))
}

pub(super) fn append(world: &mut World) -> Done {
    let (path, file, size) = opened(world)?;
    Ok(format!("{path} {}", write(world, &file, size)?))
}

pub(super) fn shrink(world: &mut World) -> Done {
    let (path, file, size) = opened(world)?;
    let length = if world.chance(4) { 0 } else { world.random.below(size + 1) };
    file.set_len(length)?;
    fill_block(&file)?;
    Ok(format!("{path} to {length}"))
}

pub(super) fn grow(world: &mut World) -> Done {
    let (path, file, size) = opened(world)?;
    let most = world.one_of(&[100_000, 100_000, 8 << 20]);
    let length = size + world.random.below(most);
    file.set_len(length)?;
    fill_block(&file)?;
    Ok(format!("{path} to {length}"))
}

fn allocated(world: &mut World, how: FallocateFlags) -> Done {
    let (path, file, size) = opened(world)?;
    let start = offset(world, size);
    let length = if world.chance(2) {
        BLOCK * (1 + world.random.below(8))
    } else {
        1 + world.random.below(20_000)
    };
    fallocate(&file, how, start, length)?;
    fill_block(&file)?;
    settle(world, &file)?;
    Ok(format!("{path} {length} bytes at {start} {how:?}"))
}

pub(super) fn punch(world: &mut World) -> Done {
    allocated(world, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE)
}

pub(super) fn zero(world: &mut World) -> Done {
    let keep = world.one_of(&[FallocateFlags::empty(), FallocateFlags::KEEP_SIZE]);
    allocated(world, FallocateFlags::ZERO_RANGE | keep)
}

pub(super) fn allocate(world: &mut World) -> Done {
    let how = world.one_of(&[FallocateFlags::empty(), FallocateFlags::KEEP_SIZE]);
    allocated(world, how)
}

pub(super) fn clone_file(world: &mut World) -> Done {
    let (path, source, _) = opened(world)?;
    let new = world.free(&[])?;
    ioctl_ficlone(world.at(&new)?.create()?, source)?;
    Ok(format!("{path} as {}", shown(&new)))
}

pub(super) fn clone_range(world: &mut World) -> Done {
    let (from, source, size) = opened(world)?;
    let (to, dest, there) = opened(world)?;
    Ok(format!("{from} into {to} {}", share(world, (&source, size), (&dest, there))?))
}

pub(super) fn clone_inside(world: &mut World) -> Done {
    let (path, file, size) = opened(world)?;
    Ok(format!("{path} {}", share(world, (&file, size), (&file, size))?))
}

pub(super) fn clone_from_older(world: &mut World) -> Done {
    let (from, source) = world.older_file()?;
    let size = source.metadata()?.len();
    if world.chance(2) {
        let new = world.free(&[])?;
        ioctl_ficlone(world.at(&new)?.create()?, source)?;
        return Ok(format!("{} as {}", shown(&from), shown(&new)));
    }
    let (to, dest, there) = opened(world)?;
    Ok(format!("{} into {to} {}", shown(&from), share(world, (&source, size), (&dest, there))?))
}

/// Shares some blocks; on btrfs a copy of whole blocks, or up to the end, is a reflink.
fn share(world: &mut World, from: (&File, u64), to: (&File, u64)) -> io::Result<String> {
    let ((source, size), (dest, there)) = (from, to);
    let start = BLOCK * world.random.below(size.min(1 << 20) / BLOCK + 1);
    let goal = BLOCK * world.random.below(there.min(1 << 20) / BLOCK + 3);
    let length = BLOCK * (1 + world.random.below(8));
    let (mut at, mut to) = (start, goal);
    let done = copy_file_range(source, Some(&mut at), dest, Some(&mut to), length as usize)?;
    Ok(format!("{done} bytes from {start} at {goal}"))
}
