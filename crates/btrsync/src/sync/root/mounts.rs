//! Reads `/proc/self/mountinfo`, of this machine or another.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Where it begins.
    pub(super) point: PathBuf,
    /// Whether it is of btrfs.
    pub(super) is_btrfs: bool,
    /// Whether it, or the filesystem, is read-only.
    pub(super) is_read_only: bool,
    /// The device of the filesystem, as `/proc/locks` writes it.
    pub(super) device: String,
    /// What kind of filesystem it is.
    pub(super) kind: String,
    /// The options of the mount and those of the filesystem.
    pub(super) options: Vec<String>,
}

/// Returns the mount that shows a path: the last of those whose mount points are nearest above it.
pub(super) fn mount_of(path: &Path, table: &[u8]) -> Option<Mount> {
    let mounts = table.split(|c| *c == b'\n').filter_map(mount);
    mounts
        .filter(|mount| path.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.as_os_str().len())
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|c| *c == b' ');
    let (device, point, options) = (fields.nth(2)?, fields.nth(1)?, fields.next()?);
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = fields.next()?;
    let of_filesystem = fields.nth(1).unwrap_or_default();
    let read_only = |options: &[u8]| options.split(|c| *c == b',').any(|option| option == b"ro");
    Some(Mount {
        point: PathBuf::from(unescape(point)),
        is_btrfs: kind == b"btrfs",
        is_read_only: read_only(options) || read_only(of_filesystem),
        device: hexadecimal(device),
        kind: String::from_utf8_lossy(kind).into_owned(),
        options: words(options).chain(words(of_filesystem)).collect(),
    })
}

fn words(options: &[u8]) -> impl Iterator<Item = String> {
    let options = options.split(|c| *c == b',').map(unescape);
    options.map(|option| option.to_string_lossy().into_owned())
}

/// `/proc/locks` has the numbers of a device in hexadecimal, the table of mounts in decimal.
fn hexadecimal(device: &[u8]) -> String {
    let device = String::from_utf8_lossy(device);
    let numbers = device.split(':').map(|number| number.parse::<u32>().unwrap_or(u32::MAX));
    numbers.map(|number| format!("{number:02x}")).collect::<Vec<_>>().join(":")
}

/// Space, tab, newline and backslash are written as octal numbers.
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        match octal(rest) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

fn octal(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"\\")?.get(..3)?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
        30 21 0:30 / /mnt rw - btrfs /dev/sdb rw,space_cache\n\
        31 30 0:30 /x /mnt/a\\040b\\134 ro,noatime shared:3 master:1 - btrfs /dev/sdb rw\n\
        32 21 0:44 / /mnt rw - tmpfs tmpfs rw\n";

    fn of(path: &str) -> (String, bool, bool) {
        let mount = mount_of(Path::new(path), TABLE).unwrap();
        (mount.point.display().to_string(), mount.is_btrfs, mount.is_read_only)
    }

    #[test]
    fn the_nearest_mount_shows_a_path_and_the_last_of_several() {
        assert_eq!(of("/etc"), ("/".into(), false, false));
        assert_eq!(of("/mnt2"), ("/".into(), false, false));
        assert_eq!(of("/mnt/c"), ("/mnt".into(), false, false), "the second covers the first");
        assert_eq!(of("/mnt/a b\\/c"), ("/mnt/a b\\".into(), true, true));
    }

    #[test]
    fn what_is_told_of_a_mount() {
        let mount = mount_of(Path::new("/mnt/a b\\"), TABLE).unwrap();
        assert_eq!((mount.device.as_str(), mount.kind.as_str()), ("00:1e", "btrfs"));
        assert_eq!(mount.options, ["ro", "noatime", "rw"]);
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        assert_eq!(mount_of(Path::new("/"), b"x\n\n1 2 3\n"), None);
    }
}
