//! What is mounted and which loop devices are in use, from the kernel's own tables.
//!
//! The hazard is touching what is not ours: everything here works on one directory's descendants,
//! and mount points are compared as bytes after undoing the kernel's escapes.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::command::{output, program};

const ATTEMPTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// One line of `/proc/self/mountinfo`.
#[derive(Debug, PartialEq)]
pub(super) struct Mount {
    pub(super) point: PathBuf,
    pub(super) device: PathBuf,
}

/// A loop device and the file behind it.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) device: PathBuf,
    pub(super) file: PathBuf,
}

/// Lists all mounts, in the order in which they were made.
pub(super) fn mounts() -> Vec<Mount> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    table.split(|byte| *byte == b'\n').filter_map(parse_mount).collect()
}

fn parse_mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let point = words.nth(4)?;
    let device = words.skip_while(|word| *word != b"-").nth(2)?;
    Some(Mount { point: unescape(point), device: unescape(device) })
}

/// Undoes the octal escapes of space, tab, newline and backslash.
fn unescape(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = (first == b'\\').then(|| octal(tail)).flatten();
        bytes.push(octal.unwrap_or(first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    OsString::from_vec(bytes).into()
}

fn octal(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits.get(..3)?).ok()?;
    u8::from_str_radix(digits, 8).ok()
}

/// Lists all loop devices that have a file.
pub(super) fn loops() -> Vec<Loop> {
    let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    entries.filter_map(|entry| loop_of(&entry.path())).collect()
}

fn loop_of(block: &Path) -> Option<Loop> {
    let text = fs::read(block.join("loop/backing_file")).ok()?;
    let text = text.trim_ascii_end();
    let file = text.strip_suffix(b" (deleted)").unwrap_or(text);
    let device = Path::new("/dev").join(block.file_name()?);
    Some(Loop { device, file: OsString::from_vec(file.to_vec()).into() })
}

/// Returns the device mounted at a mount point.
pub(super) fn device_of(point: &Path) -> Option<PathBuf> {
    mounts().into_iter().rfind(|mount| mount.point == point).map(|mount| mount.device)
}

/// Lets other mount namespaces see what is mounted and unmounted below a directory.
pub(super) fn share(dir: &Path) -> Result<(), String> {
    output(program("mount").arg("--bind").args([dir, dir]))?;
    output(program("mount").arg("--make-shared").arg(dir)).map(drop)
}

/// Unmounts everything at and below a directory, last mount first; tells whether all is gone.
pub(super) fn unmount_below(dir: &Path) -> bool {
    let below = || mounts().into_iter().filter(|mount| mount.point.starts_with(dir));
    for mount in below().collect::<Vec<_>>().iter().rev() {
        unmount(&mount.point);
    }
    below().next().is_none()
}

/// Unmounts, waiting a while for users to go away, and detaches lazily as the last resort.
fn unmount(point: &Path) {
    for _ in 0..ATTEMPTS {
        if output(program("umount").arg(point)).is_ok() || device_of(point).is_none() {
            return;
        }
        thread::sleep(PAUSE);
    }
    eprintln!("{} stays busy; unmounting it lazily", point.display());
    if let Err(error) = output(program("umount").arg("--lazy").arg(point)) {
        eprintln!("{error}");
    }
}

/// Detaches the loop devices whose files lie below a directory; tells whether all are gone.
pub(super) fn detach_below(dir: &Path) -> bool {
    // The kernel detaches by itself some time after the last unmount.
    for attempt in 0..ATTEMPTS {
        let left: Vec<Loop> = loops().into_iter().filter(|l| l.file.starts_with(dir)).collect();
        if left.is_empty() {
            return true;
        }
        if attempt % 10 == 5 {
            left.iter().for_each(detach);
        }
        thread::sleep(PAUSE);
    }
    false
}

fn detach(left: &Loop) {
    if let Err(error) = output(program("losetup").arg("--detach").arg(&left.device)) {
        eprintln!("{error}");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn mountinfo_is_read_with_its_escapes() {
        let line = br"36 35 0:9 /mnt1 /mnt/a\040b\134c\011 rw master:1 - btrfs /dev/loop3 rw,x";
        let mount = parse_mount(line).unwrap();
        assert_eq!(mount.point.as_os_str().as_bytes(), b"/mnt/a b\\c\t");
        assert_eq!(mount.device, Path::new("/dev/loop3"));
        assert_eq!(parse_mount(b""), None);
    }

    #[test]
    fn a_backslash_that_escapes_nothing_stays() {
        assert_eq!(unescape(br"a\9zz\04").as_os_str().as_bytes(), br"a\9zz\04");
    }

    #[test]
    fn the_root_is_mounted() {
        assert!(mounts().iter().any(|mount| mount.point == Path::new("/")));
    }
}
