//! A btrfs filesystem in an image file, mounted through a loop device for as long as a value lives.
//!
//! The hazard is what a failed test leaves behind: mounts, loop devices and images fill a machine
//! until it must be rebooted. Drop cleans up after a panic, and the next test process sweeps what a
//! killed one left.

mod home;
mod mounts;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::command::{output, program};
use crate::must::must;
pub(crate) use home::{Home, clear};

pub use home::leftovers;

const DEFAULT_SIZE_MIB: u64 = 256;
const ATTEMPTS: u64 = 10;

/// A mounted btrfs of its own; dropping it unmounts, detaches the loop device and deletes the image.
///
/// The image is sparse and lies in `BTRSYNC_TEST_DIR`, else in `/dev/shm` where that has room, else
/// in the system's directory for temporary files.
#[derive(Debug)]
pub struct LoopFs {
    dir: PathBuf,
    point: PathBuf,
    device: PathBuf,
    mount_options: String,
    adopted: bool,
    extra_mounts: AtomicU32,
    // Last: the process directory can only go when this filesystem's directory is gone.
    _home: Arc<Home>,
}

/// Choices for a [`LoopFs`].
#[derive(Clone, Debug)]
pub struct Builder {
    size_mib: u64,
    mkfs_args: Vec<OsString>,
    mount_options: String,
    adopted: Option<PathBuf>,
}

impl Builder {
    /// Sets the size of the image in MiB (default 256; the image is sparse).
    #[must_use]
    pub fn size_mib(mut self, size: u64) -> Self {
        self.size_mib = size;
        self
    }

    /// Adds arguments for `mkfs.btrfs`.
    #[must_use]
    pub fn mkfs_args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.mkfs_args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets mount options, separated by commas.
    #[must_use]
    pub fn mount_options(mut self, options: &str) -> Self {
        options.clone_into(&mut self.mount_options);
        self
    }

    /// Takes an image that holds a filesystem, instead of making one; the file is moved.
    #[must_use]
    pub fn adopt(mut self, image: PathBuf) -> Self {
        self.adopted = Some(image);
        self
    }

    /// Makes and mounts the filesystem; panics where that fails.
    #[must_use]
    #[track_caller]
    pub fn build(&self) -> LoopFs {
        let home = Home::acquire();
        // The value comes first: whatever fails from here on, its Drop cleans up.
        let dir = home.new_dir();
        let mut fs = LoopFs {
            point: dir.join("mnt"),
            dir,
            device: PathBuf::new(),
            mount_options: self.mount_options.clone(),
            adopted: self.adopted.is_some(),
            extra_mounts: AtomicU32::new(0),
            _home: home,
        };
        match &self.adopted {
            Some(image) => must("take", image, fs::rename(image, fs.image())),
            None => self.make_image(&fs.image()),
        }
        must("create", fs.path(), fs::create_dir(fs.path()));
        fs.device = mount_image(&fs.image(), &fs.point, &self.mount_options);
        fs
    }

    fn make_image(&self, image: &Path) {
        let file = must("create", image, File::create(image));
        must("grow", image, file.set_len(self.size_mib << 20));
        let mut mkfs = program("mkfs.btrfs");
        mkfs.args(["-q", "--nodiscard", "-m", "single", "-d", "single"]);
        mkfs.args(&self.mkfs_args).arg(image);
        // It looks at every loop device that is mounted, and fails where one just goes away.
        let raced = |error: &str| error.contains("cannot check mount status");
        must("format", image, retry(&mut mkfs, raced));
    }
}

/// Mounts an image through a loop device and returns that.
pub(crate) fn mount_image(image: &Path, point: &Path, options: &str) -> PathBuf {
    let options = format!("loop,{options}");
    let mut mount = mount_command(options.trim_end_matches(',').as_ref());
    // Another process may take the free loop device that mount has found; the kernel's answer
    // then depends on how far that one has come.
    must("mount", point, retry(mount.arg(image).arg(point), |_| true));
    mounts::device_of(point).expect("a mounted filesystem has a device")
}

/// Makes the kernel forget which filesystem a device held: it refuses an older state of one that it
/// remembers.
pub(crate) fn forget_device(device: &Path) {
    // Fails where there is nothing to forget.
    let _ = output(program("btrfs").args(["device", "scan", "--forget"]).arg(device));
}

/// Runs a command again, a little later each time, while it fails by a race.
fn retry(command: &mut Command, raced: impl Fn(&str) -> bool) -> Result<Vec<u8>, String> {
    let mut attempt = 1;
    loop {
        match output(command) {
            Err(error) if attempt < ATTEMPTS && raced(&error) => {
                thread::sleep(Duration::from_millis(50 * attempt));
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn mount_command(options: &OsStr) -> Command {
    let mut mount = program("mount");
    mount.args(["-t", "btrfs", "-o"]).arg(options);
    mount
}

impl LoopFs {
    /// Makes a filesystem with the defaults: 256 MiB, single profiles, no mount options.
    #[must_use]
    #[track_caller]
    #[allow(clippy::new_without_default, reason = "a default value that mounts would surprise")]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts a filesystem with choices.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            size_mib: DEFAULT_SIZE_MIB,
            mkfs_args: Vec::new(),
            mount_options: String::new(),
            adopted: None,
        }
    }

    /// Returns the mount point; it shows the top-level subvolume.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.point
    }

    /// Returns the loop device.
    #[must_use]
    pub fn device(&self) -> &Path {
        &self.device
    }

    /// Returns the image file.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.dir.join("image")
    }

    /// Mounts one subvolume of this filesystem at a place of its own, with `-o subvol=`.
    ///
    /// The name is relative to the top-level subvolume and must have no comma, which mount
    /// would take for the end of the option.
    #[must_use]
    #[track_caller]
    pub fn mount_subvol(&self, name: impl AsRef<OsStr>) -> SubvolMount {
        let number = self.extra_mounts.fetch_add(1, Ordering::Relaxed);
        let point = self.dir.join(format!("subvol.{number}"));
        must("create", &point, fs::create_dir(&point));
        let mut options = OsString::from("subvol=");
        options.push(name);
        must("mount", &point, output(mount_command(&options).arg(&self.device).arg(&point)));
        SubvolMount { point }
    }

    /// Lets the device end after so many MiB, whatever the filesystem has been told: what it writes behind
    /// that fails.
    #[track_caller]
    pub fn set_device_size(&self, mib: u64) {
        let image = self.image();
        let file = must("open", &image, File::options().write(true).open(&image));
        must("resize", &image, file.set_len(mib << 20));
        let mut losetup = program("losetup");
        must("resize", &self.device, output(losetup.arg("--set-capacity").arg(&self.device)));
    }

    /// Unmounts the filesystem and mounts it again, so that the kernel has nothing of it in its caches.
    ///
    /// The image's own pages stay where they are.
    #[track_caller]
    pub fn reopen(&mut self) {
        self.close();
        self.device = mount_image(&self.image(), &self.point, &self.mount_options);
    }

    #[track_caller]
    fn close(&self) {
        assert!(mounts::unmount_below(&self.dir), "{} stays mounted", self.point.display());
        assert!(mounts::detach_below(&self.dir), "{} stays attached", self.image().display());
    }

    /// Unmounts the filesystem and moves its image to `path`, for other ways of using it.
    #[track_caller]
    pub fn into_image(mut self, path: &Path) {
        self.close();
        must("move", path, fs::rename(self.image(), path));
        self.adopted = true;
    }

    /// Changes mount options in place (`mount -o remount,OPTIONS`).
    #[track_caller]
    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        must(
            "remount",
            self.path(),
            output(program("mount").args(["-o", &options]).arg(self.path())),
        );
    }
}

impl Drop for LoopFs {
    fn drop(&mut self) {
        clear(&self.dir);
        if self.adopted {
            forget_device(&self.device);
        }
    }
}

/// A second mount of the same filesystem, unmounted when dropped or with its [`LoopFs`].
#[derive(Debug)]
pub struct SubvolMount {
    point: PathBuf,
}

impl SubvolMount {
    /// Returns the mount point; it shows the subvolume.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.point
    }
}

impl Drop for SubvolMount {
    fn drop(&mut self) {
        mounts::unmount_below(&self.point);
    }
}
