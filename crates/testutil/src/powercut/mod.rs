//! A btrfs whose disk can lose power at every moment of its past.
//!
//! The hazard is a disk that keeps what it only promised: after a power cut there is what was flushed,
//! and of the rest any part. So all writes go through a FUSE file below the loop device, which records
//! them and the flushes between them. From that record the disk can be made as a cut at any moment
//! would have left it, as often as wanted and without cutting anything.
//!
//! The file is served by a thread of this process, so a thread of this process that waits for that disk
//! must not be killed in its sleep. Tests let other processes work on a [`RecordedFs`]; the survivors
//! are ordinary filesystems.

mod disk;
mod record;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption};

use crate::Random;
use crate::command::{output, program};
use crate::loopfs::{Home, LoopFs, clear, forget_device, mount_image};
use crate::must::must;
use disk::{Disk, NAME};
use record::Record;

pub use record::Moment;

/// A mounted btrfs that records all that reaches its disk.
///
/// However it ends, what it mounted goes with it, or with the next test process.
#[derive(Debug)]
pub struct RecordedFs {
    dir: PathBuf,
    device: PathBuf,
    record: Arc<Record>,
    session: Option<BackgroundSession>,
    home: Arc<Home>,
}

impl RecordedFs {
    /// Mounts a filesystem again, now with a record; see [`LoopFs::into_image`].
    #[must_use]
    #[track_caller]
    pub fn new(fs: LoopFs) -> Self {
        let home = Home::acquire();
        let dir = home.new_dir();
        let record = Arc::new(Record::default());
        // The value comes first: whatever fails from here on, its Drop cleans up.
        let mut recorded = Self { dir, device: PathBuf::new(), record, session: None, home };
        fs.into_image(&recorded.base());
        recorded.serve();
        must("create", recorded.path(), fs::create_dir(recorded.path()));
        let file = recorded.served().join(NAME);
        recorded.device = mount_image(&file, &recorded.path(), "nodiscard");
        recorded
    }

    fn serve(&mut self) {
        let (base, disk) = (self.base(), self.dir.join("disk"));
        copy_sparse(&base, &disk);
        let file = must("open", &disk, OpenOptions::new().read(true).write(true).open(&disk));
        must("create", self.served(), fs::create_dir(self.served()));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("btrsync-powercut".to_owned())];
        let disk = Disk::new(file, Arc::clone(&self.record));
        let session = fuser::spawn_mount(disk, self.served(), &config);
        self.session = Some(must("mount", self.served(), session));
    }

    fn base(&self) -> PathBuf {
        self.dir.join("base")
    }

    fn served(&self) -> PathBuf {
        self.dir.join("fuse")
    }

    /// Returns the mount point.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.join("mnt")
    }

    /// Returns the present moment.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.record.now()
    }

    /// Unmounts it and returns what was recorded.
    #[must_use]
    #[track_caller]
    pub fn finish(self) -> Recording {
        let dir = self.home.new_dir();
        let base = dir.join("base");
        must("keep", &base, fs::rename(self.base(), &base));
        Recording { dir, record: Arc::clone(&self.record), _home: Arc::clone(&self.home) }
    }
}

impl Drop for RecordedFs {
    fn drop(&mut self) {
        // The filesystem goes first, then what its device reads from, and last who serves that.
        clear(&self.dir);
        drop(self.session.take());
        forget_device(&self.device);
    }
}

/// What happened to a disk, from its first state to its last.
#[derive(Debug)]
pub struct Recording {
    dir: PathBuf,
    record: Arc<Record>,
    _home: Arc<Home>,
}

impl Recording {
    /// Returns the last moment.
    #[must_use]
    pub fn end(&self) -> Moment {
        self.record.now()
    }

    /// Returns the moments just before each flush: the most is at stake there.
    #[must_use]
    pub fn flushes(&self) -> Vec<Moment> {
        self.record.flushes()
    }

    /// Cuts the power at a moment: mounts the disk as it would have been found.
    ///
    /// Chance decides what survives of the writes that were not flushed.
    #[must_use]
    #[track_caller]
    pub fn cut(&self, moment: Moment, chance: &mut Random) -> LoopFs {
        let image = self.dir.join("survivor");
        copy_sparse(&self.dir.join("base"), &image);
        let file = must("open", &image, OpenOptions::new().write(true).open(&image));
        self.record.survivors(moment, chance, |offset, data| {
            must("write", &image, file.write_all_at(data, offset));
        });
        LoopFs::builder().adopt(image).build()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        clear(&self.dir);
    }
}

fn copy_sparse(from: &Path, to: &Path) {
    let mut copy = program("cp");
    must("copy to", to, output(copy.args(["--sparse=always", "--"]).args([from, to])));
}
