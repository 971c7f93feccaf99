//! What is known of this machine, and of a place on it. Everything is read, and nothing is opened for more.

use std::fs::{self, File};
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use btrsync_kernel as kernel;
use rustix::fs::{Access, access, statvfs};

use super::super::contract::{Kind, RootOptions};
use super::super::error::RootError;
use super::super::facts::{Facts, Machine, Metadata, Progs, Site, lockers};
use super::super::mounts::mount_of;
use super::{Shared, leftovers, locate, look};
use crate::receive::{has_open, has_wall};

/// Looks at this machine and, if it is wanted, at a place.
pub(super) fn facts(path: Option<&Path>) -> Facts {
    let (site, problem) = match path.map(site) {
        None => (None, None),
        Some(Ok(site)) => (Some(site), None),
        Some(Err(error)) => (None, Some(error.to_string())),
    };
    Facts { machine: machine(), site, problem, native: true, ..Facts::default() }
}

fn machine() -> Machine {
    let text = |path: &str| fs::read(path).unwrap_or_default();
    let send_version = fs::read_to_string("/sys/fs/btrfs/features/send_stream_version");
    let kernel = text("/proc/sys/kernel/osrelease");
    let machine = Machine {
        kernel: String::from_utf8_lossy(&kernel).trim().to_owned(),
        processor: std::env::consts::ARCH.to_owned(),
        btrfs: Machine::knows_btrfs(&text("/proc/filesystems")),
        send_version: send_version.ok().and_then(|version| version.trim().parse().ok()),
        landlock: Some(has_wall()),
        progs: progs(),
        flock: true,
        ..Machine::default()
    };
    machine.with_status(&text("/proc/self/status"))
}

fn progs() -> Option<Progs> {
    let mut command = Command::new("btrfs");
    let told = command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    Progs::read(&told.ok()?.stdout)
}

fn site(path: &Path) -> Result<Site, RootError> {
    let (existing, missing) = locate::existing_part(path)?;
    let kind = look::look(&existing)?.kind;
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let metadata = fs::metadata(&existing).map_err(|source| locate::failed(&existing, source))?;
    let mount = mount_of(&existing, &table);
    let locks = fs::read("/proc/locks").unwrap_or_default();
    let wanted = (metadata.st_dev(), metadata.st_ino());
    let lockers = mount.iter().flat_map(|mount| lockers(&locks, &mount.device, wanted.1));
    let site = Site {
        kind,
        writable: access(&existing, Access::WRITE_OK).is_ok(),
        free: free(&existing),
        locked: lockers.into_iter().find(|pid| has_open(*pid, wanted)),
        filesystem: mount.as_ref().map(|mount| mount.kind.clone()).unwrap_or_default(),
        read_only: mount.as_ref().is_some_and(|mount| mount.is_read_only),
        options: mount.as_ref().map(|mount| mount.options.clone()).unwrap_or_default(),
        mount: mount.map(|mount| mount.point).unwrap_or_default(),
        path: existing,
        missing,
        ..Site::default()
    };
    Ok(if site.filesystem == "btrfs" { with_subvolume(site) } else { site })
}

/// Looks at the subvolume that holds the place, and at those below it.
fn with_subvolume(site: Site) -> Site {
    let dir = match site.kind {
        Kind::File | Kind::Other => site.path.parent().map(Path::to_path_buf).unwrap_or_default(),
        _ => site.path.clone(),
    };
    let metadata = File::open(&dir).ok().and_then(|dir| metadata(&dir));
    let site = Site { metadata, ..site };
    let located = match locate::locate(&dir.join(&site.missing)) {
        Ok(located) => located,
        Err(RootError::NoSubvolume { .. }) => return site,
        Err(error) => return Site { unlisted: Some(error.to_string()), ..site },
    };
    let (below, subvolume_read_only) =
        (located.below.clone(), kernel::is_read_only(&located.dir).ok());
    let reached = Arc::new(AtomicBool::new(false));
    let shared = Shared::new(located, &RootOptions::default(), None);
    let shared = Shared { reached: Some(Arc::clone(&reached)), ..shared };
    let site = Site { subvolume: true, subvolume_read_only, ..site };
    match leftovers::subvolumes(&shared, &below) {
        Ok(found) => {
            let (left, reached_only) = (Some(found.len()), reached.load(Ordering::Relaxed));
            Site { left, reached_only, ..site }
        }
        Err(error) => Site { unlisted: Some(error.to_string()), ..site },
    }
}

fn free(path: &Path) -> Option<(u64, u64)> {
    let stat = statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Some((bytes(stat.f_bavail), bytes(stat.f_blocks)))
}

/// Reads what the kernel tells of how the room is shared.
fn metadata(dir: &File) -> Option<Metadata> {
    let fsid = kernel::fs_info(dir).ok()?.fsid;
    let base = PathBuf::from("/sys/fs/btrfs").join(fsid.to_string());
    let number =
        |path: PathBuf| -> Option<u64> { fs::read_to_string(path).ok()?.trim().parse().ok() };
    let kind = |name: &str, what: &str| number(base.join("allocation").join(name).join(what));
    let kinds = ["data", "metadata", "system", "mixed"];
    let allocated: u64 = kinds.iter().filter_map(|name| kind(name, "disk_total")).sum();
    let sizes = fs::read_dir(base.join("devices")).ok()?.flatten();
    let sectors: u64 = sizes.filter_map(|device| number(device.path().join("size"))).sum();
    let name = if base.join("allocation/mixed").exists() { "mixed" } else { "metadata" };
    Some(Metadata {
        used: kind(name, "bytes_used")?,
        total: kind(name, "total_bytes")?,
        unallocated: sectors.saturating_mul(512).checked_sub(allocated),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_and_a_place_on_it() {
        let facts = facts(Some(Path::new("/proc/no/such")));
        assert!(!facts.machine.kernel.is_empty() && facts.machine.user.is_some(), "{facts:?}");
        let site = facts.site.unwrap();
        assert_eq!((site.path, site.missing), ("/proc".into(), "no/such".into()));
        assert_eq!(site.filesystem, "proc");
        assert!(!site.subvolume && site.left.is_none());
    }
}
