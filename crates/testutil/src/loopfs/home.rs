//! The directory that holds one process's images and mount points.
//!
//! The hazard is telling the dead from the living: process ids are reused. A living process holds a
//! lock on its directory, which the kernel drops however the process ends; who gets the lock may
//! clean up. A lock on the base directory keeps a sweep away from a directory not yet locked.
//! Mounts are made below one that other mount namespaces follow, or what has a copy of them would keep
//! them busy.

use std::env;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open, statvfs};
use rustix::io::Result;

use super::mounts;
use crate::must::must;

const PREFIX: &str = "btrsync-loopfs.";
const ROOM: u64 = 1 << 30;

static CURRENT: Mutex<Weak<Home>> = Mutex::new(Weak::new());

/// One process's directory, locked while the value lives and removed with it.
#[derive(Debug)]
pub(crate) struct Home {
    dir: PathBuf,
    next: AtomicU32,
    _lock: OwnedFd,
}

impl Home {
    /// Returns this process's directory, made on first use, after sweeping what dead ones left.
    pub(crate) fn acquire() -> Arc<Self> {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(home) = current.upgrade() {
            return home;
        }
        let home = Arc::new(Self::create(&base()));
        *current = Arc::downgrade(&home);
        home
    }

    fn create(base: &Path) -> Self {
        let _base_lock = must("lock", base, lock(base, FlockOperation::LockExclusive));
        dead_homes(base).iter().for_each(|(dir, _lock)| clear(dir));
        let prefix = format!("{PREFIX}{}.", process::id());
        let made = tempfile::Builder::new().prefix(&prefix).tempdir_in(base);
        let dir = must("make a directory in", base, made).keep();
        let lock = must("lock", &dir, lock(&dir, FlockOperation::LockExclusive));
        let home = Self { dir, next: AtomicU32::new(0), _lock: lock };
        must("create", home.shared(), fs::create_dir(home.shared()));
        must("share", &home.dir, mounts::share(&home.shared()));
        home
    }

    /// Where the filesystems are.
    fn shared(&self) -> PathBuf {
        self.dir.join("fs")
    }

    /// Makes an empty directory for one filesystem.
    pub(crate) fn new_dir(&self) -> PathBuf {
        let dir = self.shared().join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        must("create", &dir, fs::create_dir(&dir));
        dir
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Fails where something could not be cleared; the next sweep tries again.
        if mounts::unmount_below(&self.shared()) && fs::remove_dir(self.shared()).is_ok() {
            let _ = fs::remove_dir(&self.dir);
        }
    }
}

/// Unmounts all below a directory, detaches its loop devices and removes it; complains on stderr.
pub(crate) fn clear(dir: &Path) {
    // Never remove through a mount that is still there.
    if !mounts::unmount_below(dir) {
        return eprintln!("{} is left: still mounted", dir.display());
    }
    if !mounts::detach_below(dir) {
        eprintln!("a loop device of {} is left", dir.display());
    }
    if let Err(error) = fs::remove_dir_all(dir) {
        eprintln!("{} is left: {error}", dir.display());
    }
}

fn lock(dir: &Path, how: FlockOperation) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = open(dir, flags, Mode::empty())?;
    flock(&fd, how)?;
    Ok(fd)
}

/// Lists the directories of processes that are gone, each with the lock that proves it.
fn dead_homes(base: &Path) -> Vec<(PathBuf, OwnedFd)> {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let homes = entries.map(|entry| entry.path()).filter(|path| is_home(path));
    homes.filter_map(|path| Some((path.clone(), dead(&path)?))).collect()
}

fn dead(home: &Path) -> Option<OwnedFd> {
    lock(home, FlockOperation::NonBlockingLockExclusive).ok()
}

fn is_home(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
}

/// Finds the process directory that a mount point or an image belongs to.
fn home_of(path: &Path) -> Option<&Path> {
    path.ancestors().find(|ancestor| is_home(ancestor))
}

/// Lists mounts, loop devices and directories that dead test processes left behind.
///
/// Those of processes that still run are not among them. An empty list is a clean machine.
#[must_use]
pub fn leftovers() -> Vec<String> {
    let mut left = Vec::new();
    let mounted = mounts::mounts().into_iter().map(|mount| (mount.point, "is mounted".to_owned()));
    let looped = mounts::loops().into_iter();
    let looped = looped.map(|l| (l.file, format!("is attached to {}", l.device.display())));
    for (path, state) in mounted.chain(looped) {
        if home_of(&path).is_some_and(|home| !home.exists() || dead(home).is_some()) {
            left.push(format!("{} {state}", path.display()));
        }
    }
    let dead = dead_homes(&base());
    left.extend(dead.iter().map(|(dir, _)| format!("{} is a directory", dir.display())));
    left
}

/// Chooses where images lie: as the environment says, else in memory, else on disk.
fn base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = match env::var_os("BTRSYNC_TEST_DIR") {
        Some(dir) => dir.into(),
        None if has_room(memory) => memory.to_owned(),
        None => env::temp_dir(),
    };
    // The kernel's tables show canonical paths only.
    must("find", &base, base.canonicalize())
}

fn has_room(dir: &Path) -> bool {
    statvfs(dir).is_ok_and(|stat| stat.f_bavail * stat.f_frsize >= ROOM)
}
