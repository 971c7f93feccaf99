//! Several names at once: what moves in circles, what becomes something else under its name.
//!
//! These are the cases in which a stream names one thing in several ways, one after another.

use std::fs;
use std::io;

use rustix::fs::{FileType, RenameFlags};

use super::Done;
use super::names::{pair, rename_with, special};
use super::world::{Entry, World, is_within, shown};
use crate::below::join;

/// Two directories trade places by way of a third name, and files in them are written in between.
pub(super) fn rotate(world: &mut World) -> Done {
    let (a, b) = pair(world, Entry::is_directory)?;
    let third = world.free(&[&a, &b])?;
    let inside = join(&a, b"foo");
    scribble(world, &inside)?;
    rename_with(world, &a, &third, RenameFlags::NOREPLACE)?;
    rename_with(world, &b, &a, RenameFlags::NOREPLACE)?;
    scribble(world, &inside)?;
    rename_with(world, &third, &b, RenameFlags::NOREPLACE)?;
    scribble(world, &join(&b, b"foo"))?;
    Ok(format!("{} and {} by way of {}", shown(&a), shown(&b), shown(&third)))
}

/// Writes some bytes into a file, made where there is none; leaves what is no file alone.
fn scribble(world: &mut World, path: &[u8]) -> io::Result<()> {
    let at = world.at(path)?;
    let bytes = world.random.bytes(3000);
    match fs::symlink_metadata(at.path()) {
        Ok(there) if !there.is_file() => Ok(()),
        _ => fs::write(at.path(), bytes),
    }
}

/// Turns a directory and one in it over: the child becomes the parent.
pub(super) fn invert(world: &mut World) -> Done {
    let inner = world.entry(|entry| entry.is_directory() && entry.path.contains(&b'/'))?.path;
    let outer = crate::below::parent_and_name(&inner).0.to_vec();
    let third = world.free(&[&outer])?;
    rename_with(world, &inner, &third, RenameFlags::NOREPLACE)?;
    let below = join(&third, b"inverted");
    rename_with(world, &outer, &below, RenameFlags::NOREPLACE)?;
    rename_with(world, &third, &outer, RenameFlags::NOREPLACE)?;
    Ok(format!("{} and {}", shown(&outer), shown(&inner)))
}

/// Writes a new file and renames it over an old one, as editors do.
pub(super) fn replace(world: &mut World) -> Done {
    let old = world.file()?;
    let new = world.free(&[])?;
    scribble(world, &new)?;
    rename_with(world, &new, &old, RenameFlags::empty())
}

/// Removes something, with all that is in it, and makes something else under its name.
pub(super) fn recreate(world: &mut World) -> Done {
    let path = world.any()?;
    remove(world, &path)?;
    let what = match world.random.below(4) {
        0 => special(world, &path)?,
        1 => {
            std::os::unix::fs::symlink("a", world.at(&path)?.path())?;
            "symlink".to_owned()
        }
        2 => scribble(world, &path).map(|()| "file".to_owned())?,
        _ => {
            fs::create_dir(world.at(&path)?.path())?;
            scribble(world, &join(&path, b"foo"))?;
            "directory".to_owned()
        }
    };
    Ok(format!("{} as {what}", shown(&path)))
}

pub(super) fn remove_all(world: &mut World) -> Done {
    let path = world.directory()?;
    remove(world, &path)?;
    Ok(shown(&path))
}

fn remove(world: &World, tree: &[u8]) -> io::Result<()> {
    // A directory sorts before what is in it, so in this order it comes last.
    for entry in world.entries.iter().rev().filter(|entry| is_within(&entry.path, tree)) {
        let at = world.at(&entry.path)?;
        if entry.is_directory() { fs::remove_dir(at.path()) } else { fs::remove_file(at.path()) }?;
    }
    Ok(())
}

/// Nests directories until their path is almost as long as a stream can name.
pub(super) fn nest(world: &mut World) -> Done {
    world.may_branch()?;
    let mut path = world.free(&[])?;
    let mut levels = 0;
    while path.len() < 3500 {
        fs::create_dir(world.at(&path)?.path())?;
        path = join(&path, &[b'n'; 200]);
        levels += 1;
    }
    scribble(world, &path)?;
    Ok(format!("{levels} levels above {}", shown(&path)))
}

/// Fills a directory with more entries than one leaf of the tree holds.
pub(super) fn crowd(world: &mut World) -> Done {
    let path = world.directory()?;
    let first = world.random.below(100);
    for number in first..first + 40 {
        scribble(world, &join(&path, format!("crowd-{number}").as_bytes()))?;
    }
    Ok(format!("{} from {first}", shown(&path)))
}

/// Gives a file so many long names that the filesystem must keep them in another way.
pub(super) fn many_links(world: &mut World) -> Done {
    let file = world.entry(|entry| entry.kind == FileType::RegularFile)?.path;
    let dir = crate::below::parent_and_name(&file).0.to_vec();
    let from = world.at(&file)?;
    for number in 0..70 {
        let name = format!("{}{number}", "l".repeat(240));
        fs::hard_link(from.path(), world.at(&join(&dir, name.as_bytes()))?.path())?;
    }
    Ok(shown(&file))
}
