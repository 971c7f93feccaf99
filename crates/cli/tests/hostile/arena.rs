//! Where a hostile stream is let loose: a destination with neighbours worth stealing and damaging.
//!
//! The hazard is an escape that nobody looks for. So everything an escape could reach by the tricks
//! of the cases stands here: files beside the destination and far from it, subvolumes known by UUID,
//! another filesystem, a block device; and each file that must not be read holds the secret.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use btrsync_testutil::command::{output, output_with_input, program};
use btrsync_testutil::{LoopFs, Random, btrfs};

/// In everything that must not be read; no case has it in its stream.
pub(crate) const SECRET: &[u8] = b"the secret of the neighbours, 4f1c9a";
/// What the parent's file `base` holds at its start.
pub(crate) const BASE: &[u8] = b"base of the parent";
const DISK_SIZE: usize = 1 << 20;

/// A subvolume as a stream names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) uuid: [u8; 16],
    pub(crate) ctransid: u64,
}

impl Identity {
    pub(crate) fn pair(&self) -> (&[u8], u64) {
        (&self.uuid, self.ctransid)
    }
}

/// Two filesystems, a block device and a directory elsewhere.
#[derive(Debug)]
pub(crate) struct Arena {
    pub(crate) fs: LoopFs,
    pub(crate) other: LoopFs,
    pub(crate) elsewhere: tempfile::TempDir,
    /// For the streams; not watched.
    pub(crate) streams: tempfile::TempDir,
    pub(crate) disk: PathBuf,
    /// In the destination, complete and read-only.
    pub(crate) parent: Identity,
    /// In the destination, received and then made writable.
    pub(crate) writable: Identity,
    /// Complete and read-only, beside the destination.
    pub(crate) outside: Identity,
    /// Never received, writable, and beside the destination.
    pub(crate) neighbour: Identity,
    /// A real stream of a small tree, full and on top of `parent`.
    pub(crate) full: Vec<u8>,
    pub(crate) incremental: Vec<u8>,
}

impl Arena {
    pub(crate) fn new() -> Self {
        let small = LoopFs::builder().size_mib(512);
        let (fs, other) = (small.build(), small.build());
        let [elsewhere, streams] = [(), ()].map(|()| tempfile::tempdir().unwrap());
        let disk = attach_disk(&other);
        for at in [fs.path(), other.path(), elsewhere.path()] {
            plant_victims(&at.join("outside"));
        }
        let top = fs.path();
        let neighbour = plant_subvolume(&top.join("neighbour"));
        fs::create_dir_all(top.join("dest/directory")).unwrap();
        let origin = Origin::new(&other, &elsewhere.path().join("outside"));
        let parent = origin.receive("parent", &top.join("dest"));
        let writable = origin.receive("writable", &top.join("dest"));
        btrfs::set_ro(&top.join("dest/writable"), false);
        let outside = origin.receive("secret-parent", top);
        occupy(&top.join("dest"), &other);
        let (full, incremental) = origin.streams();
        Self {
            fs,
            other,
            elsewhere,
            streams,
            disk,
            parent,
            writable,
            outside,
            neighbour,
            full,
            incremental,
        }
    }

    /// The directory that streams are received into.
    pub(crate) fn dest(&self) -> PathBuf {
        self.fs.path().join("dest")
    }

    /// The directory beside the destination, as an absolute path.
    pub(crate) fn victims(&self) -> PathBuf {
        self.fs.path().join("outside")
    }

    /// The subvolumes of the filesystem that a tree of its top does not show.
    pub(crate) fn subvolumes(&self) -> Vec<PathBuf> {
        let names = ["neighbour", "secret-parent", "dest/parent", "dest/writable", "dest/taken"];
        names.iter().map(|name| self.fs.path().join(name)).collect()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // Both hold on to the other filesystem, and so must go before it does.
        let _ = output(program("umount").arg(self.dest().join("mounted")));
        let _ = output(program("losetup").arg("--detach").arg(&self.disk));
    }
}

/// A block device with known content; its file lies where the clean-up of a filesystem looks.
fn attach_disk(owner: &LoopFs) -> PathBuf {
    let file = owner.image().with_file_name("disk");
    fs::write(&file, Random::new(1).bytes(DISK_SIZE)).unwrap();
    let device = output(program("losetup").args(["--find", "--show"]).arg(file)).unwrap();
    PathBuf::from(String::from_utf8(device).unwrap().trim_end())
}

/// Files of every kind that can be damaged or read.
fn plant_victims(dir: &Path) {
    fs::create_dir_all(dir.join("empty")).unwrap();
    fs::create_dir(dir.join("full")).unwrap();
    for name in ["victim", "other-victim", "full/victim"] {
        // More than a block, so that it can be cloned.
        fs::write(dir.join(name), SECRET.repeat(400)).unwrap();
    }
    symlink("victim", dir.join("link")).unwrap();
}

fn plant_subvolume(path: &Path) -> Identity {
    btrfs::create_subvolume(path);
    plant_victims(&path.join("outside"));
    identity(path, "UUID", "Generation")
}

/// Reads an identity from what `btrfs subvolume show` prints.
fn identity(path: &Path, uuid: &str, ctransid: &str) -> Identity {
    let show = btrfs::show(path);
    let uuid: uuid::Uuid = show.get(uuid).parse().unwrap();
    Identity { uuid: *uuid.as_bytes(), ctransid: show.get(ctransid).parse().unwrap() }
}

/// Names in the destination that are taken, each by something else.
fn occupy(dest: &Path, other: &LoopFs) {
    btrfs::create_subvolume(&dest.join("taken"));
    fs::write(dest.join("taken/file"), SECRET).unwrap();
    fs::write(dest.join("directory/file"), SECRET).unwrap();
    fs::write(dest.join("file"), SECRET).unwrap();
    symlink("../outside", dest.join("link")).unwrap();
    symlink("../outside/planted", dest.join("dangling")).unwrap();
    fs::create_dir(dest.join("mounted")).unwrap();
    let outside = other.path().join("outside");
    output(program("mount").arg("--bind").args([&outside, &dest.join("mounted")])).unwrap();
}

/// Where the parents and the real streams come from.
struct Origin<'a> {
    fs: &'a LoopFs,
}

impl<'a> Origin<'a> {
    fn new(fs: &'a LoopFs, out: &Path) -> Self {
        let origin = fs.path().join("origin");
        btrfs::create_subvolume(&origin);
        fs::write(origin.join("base"), BASE.repeat(1000)).unwrap();
        fs::create_dir(origin.join("dir")).unwrap();
        fs::write(origin.join("dir/inner"), b"inner").unwrap();
        // Never a place of the machine itself: other receivers do follow it.
        symlink(out, origin.join("way-out")).unwrap();
        btrfs::create_subvolume(&origin.join("nested"));
        Self { fs }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.fs.path().join(name)
    }

    /// Takes a snapshot and receives it.
    fn receive(&self, name: &str, into: &Path) -> Identity {
        if name.starts_with("secret") {
            fs::write(self.path("origin/victim"), SECRET.repeat(400)).unwrap();
        }
        btrfs::snapshot_ro(&self.path("origin"), &self.path(name));
        // The original leaves data to be written late, and then its work looks changed.
        let mut receive = program(env!("CARGO_BIN_EXE_btrsync"));
        let stream = btrfs::send(&self.path(name), None);
        output_with_input(receive.args(["receive", "-q"]).arg(into), &stream).unwrap();
        identity(&into.join(name), "Received UUID", "Send transid")
    }

    /// A full stream, and one on top of `parent`, each of a subvolume called `new`.
    fn streams(&self) -> (Vec<u8>, Vec<u8>) {
        let (origin, new) = (self.path("origin"), self.path("new"));
        fs::remove_file(origin.join("victim")).unwrap();
        fs::rename(origin.join("dir/inner"), origin.join("moved")).unwrap();
        fs::write(origin.join("dir/more"), Random::new(2).bytes(9000)).unwrap();
        fs::hard_link(origin.join("base"), origin.join("dir/linked")).unwrap();
        symlink("../outside", origin.join("symlink")).unwrap();
        output(program("mkfifo").arg(origin.join("fifo"))).unwrap();
        btrfs::snapshot_ro(&origin, &new);
        (btrfs::send(&new, None), btrfs::send(&new, Some(&self.path("parent"))))
    }
}
