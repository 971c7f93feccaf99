//! What entries carry besides their content: xattrs, ACLs, modes, owners, times, flags.

use std::fs::File;
use std::os::unix::fs::lchown;

use rustix::fs::{
    AtFlags, CWD, FileType, IFlags, Mode, Timespec, Timestamps, XattrFlags, chmodat,
    ioctl_getflags, ioctl_setflags, llistxattr, lremovexattr, lsetxattr, utimensat,
};

use super::Done;
use super::world::{Entry, World, shown};
use crate::tree::{self, ACL_ACCESS, ACL_DEFAULT, CAPABILITY};

/// Chooses an entry; the root of the tree, too.
fn chosen(world: &mut World) -> Entry {
    let all = world.entries.clone();
    world.one_of(&all)
}

fn is_plain(entry: &Entry) -> bool {
    matches!(entry.kind, FileType::RegularFile | FileType::Directory)
}

pub(super) fn set_xattr(world: &mut World) -> Done {
    let entry = chosen(world);
    let (name, value) = match world.random.below(10) {
        0 | 1 => (CAPABILITY.to_owned(), tree::capability(world.random.below(32) as u32)),
        _ => (name(world, &entry), value(world)),
    };
    lsetxattr(world.at(&entry.path)?.path(), &name, &value, XattrFlags::empty())?;
    Ok(format!("{} {} of {} bytes", shown(&entry.path), name.escape_debug(), value.len()))
}

/// Only files and directories have attributes of the user's. No name may be how `security.capability`
/// begins: send (as of Linux 6.18) takes that for a capability and leaves it out.
fn name(world: &mut World, entry: &Entry) -> String {
    let space = match is_plain(entry) && !world.chance(4) {
        true => "user",
        false => world.one_of(&["trusted", "security"]),
    };
    let name = world.one_of(&["x", "y", "z", "new\nline", "caf\u{e9}", "l"]);
    if name == "l" { format!("{space}.{}", "l".repeat(240)) } else { format!("{space}.{name}") }
}

fn value(world: &mut World) -> Vec<u8> {
    let length = match world.random.below(10) {
        0 => 0,
        1 => 12_000,
        2 => world.random.below(4000),
        _ => world.random.below(60),
    };
    world.random.bytes(length as usize)
}

pub(super) fn remove_xattr(world: &mut World) -> Done {
    let mut buffer = vec![0; 64 * 1024];
    let all = world.entries.clone();
    let mut found = Vec::new();
    for entry in all {
        let at = world.at(&entry.path)?;
        let length = llistxattr(at.path(), &mut buffer[..])?;
        let names = buffer[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
        found.extend(names.map(|name| (entry.path.clone(), name.to_vec())));
    }
    if found.is_empty() {
        return Err(std::io::Error::other("no xattr anywhere"));
    }
    let (path, name) = world.one_of(&found);
    lremovexattr(world.at(&path)?.path(), &name[..])?;
    Ok(format!("{} {}", shown(&path), name.escape_ascii()))
}

pub(super) fn acl(world: &mut World) -> Done {
    let entry = chosen(world);
    let default = entry.is_directory() && world.chance(2);
    let name = if default { ACL_DEFAULT } else { ACL_ACCESS };
    let value = tree::acl(10_000 + world.random.below(9) as u32, world.random.below(8) as u16);
    lsetxattr(world.at(&entry.path)?.path(), name, &value, XattrFlags::empty())?;
    Ok(format!("{} {name}", shown(&entry.path)))
}

pub(super) fn chmod(world: &mut World) -> Done {
    let entry = world.entry(|entry| entry.kind != FileType::Symlink)?;
    let modes = [0o4755, 0o2755, 0o6711, 0o1777, 0o0000, 0o7777, 0o0200, 0o0644, 0o2770];
    let mode = world.one_of(&modes);
    chmodat(CWD, world.at(&entry.path)?.path(), Mode::from_raw_mode(mode), AtFlags::empty())?;
    Ok(format!("{} {mode:04o}", shown(&entry.path)))
}

pub(super) fn chown(world: &mut World) -> Done {
    let entry = chosen(world);
    let ids = [0, 1, 1000, 12_345, 70_000, 4_294_967_294];
    let (user, group) = (world.one_of(&ids), world.one_of(&ids));
    lchown(world.at(&entry.path)?.path(), Some(user), Some(group))?;
    Ok(format!("{} {user}:{group}", shown(&entry.path)))
}

pub(super) fn times(world: &mut World) -> Done {
    let entry = chosen(world);
    let odd = [
        (0, 0),
        (-1, 999_999_999),
        (-86_400, 1),
        (936_489_600, 123_456_789),
        (i64::from(i32::MAX) + 1, 5),
        (1 << 34, 7),
        (-(1 << 40), 3),
        (i64::MAX, 999_999_999),
        (i64::MIN, 0),
    ];
    let mut stamp = || {
        let (seconds, nanos) = world.one_of(&odd);
        Timespec { tv_sec: seconds, tv_nsec: nanos }
    };
    let times = Timestamps { last_access: stamp(), last_modification: stamp() };
    let (accessed, modified) = (times.last_access.tv_sec, times.last_modification.tv_sec);
    utimensat(CWD, world.at(&entry.path)?.path(), &times, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(format!("{} {accessed} {modified}", shown(&entry.path)))
}

/// Changes a flag as `chattr` does; data that exists keeps the file from being overwritten in place.
pub(super) fn flags(world: &mut World) -> Done {
    let path = world.entry(is_plain)?.path;
    let flag = world.one_of(&[IFlags::NOCOW, IFlags::NOATIME, IFlags::NODUMP]);
    toggle(world, &path, flag)
}

fn toggle(world: &World, path: &[u8], flag: IFlags) -> Done {
    let file = File::open(world.at(path)?.path())?;
    let before = ioctl_getflags(&file)?;
    ioctl_setflags(&file, before ^ flag)?;
    Ok(format!("{} {flag:?}", shown(path)))
}

/// Asks for compression, or for none, as `chattr` or as `btrfs property` does.
pub(super) fn compress(world: &mut World) -> Done {
    let path = world.entry(is_plain)?.path;
    if world.chance(3) {
        return toggle(world, &path, IFlags::COMPRESSED);
    }
    let how: &[u8] = world.one_of(&[&b"zstd"[..], b"lzo", b"zlib", b"none"]);
    lsetxattr(world.at(&path)?.path(), "btrfs.compression", how, XattrFlags::empty())?;
    Ok(format!("{} {}", shown(&path), how.escape_ascii()))
}
