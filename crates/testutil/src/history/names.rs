//! One name at a time: made, moved, linked, removed.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{CWD, FileType, Mode, RenameFlags, makedev, mknodat, renameat_with};

use super::Done;
use super::world::{Entry, World, is_within, shown};

pub(super) fn mkdir(world: &mut World) -> Done {
    world.may_branch()?;
    let path = world.free(&[])?;
    fs::create_dir(world.at(&path)?.path())?;
    Ok(shown(&path))
}

pub(super) fn rename_with(world: &World, from: &[u8], to: &[u8], how: RenameFlags) -> Done {
    let (a, b) = (world.at(from)?, world.at(to)?);
    renameat_with(CWD, a.path(), CWD, b.path(), how)?;
    Ok(format!("{} to {}", shown(from), shown(to)))
}

pub(super) fn rename(world: &mut World) -> Done {
    let from = world.any()?;
    let to = world.free(&[&from])?;
    rename_with(world, &from, &to, RenameFlags::NOREPLACE)
}

pub(super) fn rename_over(world: &mut World) -> Done {
    let from = world.entry(|_| true)?;
    let fits = |to: &Entry| {
        to.is_directory() == from.is_directory()
            && !is_within(&to.path, &from.path)
            && !is_within(&from.path, &to.path)
    };
    let to = world.entry(fits)?;
    rename_with(world, &from.path, &to.path, RenameFlags::empty())
}

pub(super) fn exchange(world: &mut World) -> Done {
    let (a, b) = pair(world, |_| true)?;
    rename_with(world, &a, &b, RenameFlags::EXCHANGE)
}

/// Leaves a character device 0:0 behind, as overlay filesystems do.
pub(super) fn whiteout(world: &mut World) -> Done {
    let from = world.any()?;
    let to = world.free(&[&from])?;
    rename_with(world, &from, &to, RenameFlags::WHITEOUT)
}

/// Chooses two entries of which neither lies in the other.
pub(super) fn pair(
    world: &mut World,
    wanted: impl Fn(&Entry) -> bool,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let a = world.entry(&wanted)?.path;
    let apart = |b: &Entry| !is_within(&b.path, &a) && !is_within(&a, &b.path);
    let b = world.entry(|entry| wanted(entry) && apart(entry))?.path;
    Ok((a, b))
}

pub(super) fn link(world: &mut World) -> Done {
    let from = world.entry(|entry| !entry.is_directory())?.path;
    let to = world.free(&[])?;
    fs::hard_link(world.at(&from)?.path(), world.at(&to)?.path())?;
    Ok(format!("{} as {}", shown(&from), shown(&to)))
}

pub(super) fn unlink(world: &mut World) -> Done {
    let path = world.entry(|entry| !entry.is_directory())?.path;
    fs::remove_file(world.at(&path)?.path())?;
    Ok(shown(&path))
}

pub(super) fn rmdir(world: &mut World) -> Done {
    let parents: Vec<Entry> = world.entries.clone();
    let is_empty = |entry: &Entry| {
        let inside = |other: &Entry| other != entry && is_within(&other.path, &entry.path);
        entry.is_directory() && !parents.iter().any(inside)
    };
    let path = world.entry(is_empty)?.path;
    fs::remove_dir(world.at(&path)?.path())?;
    Ok(shown(&path))
}

pub(super) fn symlink(world: &mut World) -> Done {
    let path = world.free(&[])?;
    let existing = world.any().unwrap_or_default();
    let long = b"t/".repeat(500);
    let targets: [&[u8]; 6] = [b"a", b"../caf\xe9", b"/etc/passwd", b"new\nline", &long, &existing];
    let target = world.one_of(&targets);
    let target = if target.is_empty() { b"a" } else { target };
    std::os::unix::fs::symlink(OsStr::from_bytes(target), world.at(&path)?.path())?;
    Ok(format!("{} -> {}", shown(&path), shown(target)))
}

pub(super) fn mknod(world: &mut World) -> Done {
    let path = world.free(&[])?;
    let what = special(world, &path)?;
    Ok(format!("{} {what}", shown(&path)))
}

/// Makes a FIFO, a socket or a device.
pub(super) fn special(world: &mut World, path: &[u8]) -> Done {
    let kinds =
        [FileType::Fifo, FileType::Socket, FileType::CharacterDevice, FileType::BlockDevice];
    let kind = world.one_of(&kinds);
    let device = match kind {
        FileType::Fifo | FileType::Socket => 0,
        _ => makedev(world.one_of(&[0, 1, 7, 4095]), world.one_of(&[0, 3, 255, 256, 1_048_575])),
    };
    mknodat(CWD, world.at(path)?.path(), kind, Mode::from_raw_mode(0o640), device)?;
    Ok(format!("{kind:?} {device:#x}"))
}
