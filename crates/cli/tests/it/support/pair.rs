//! A source and a destination filesystem, and what a test puts on them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use btrsync_testutil::{LoopFs, Random, btrfs, mutate_zoo, populate_zoo};

/// Two filesystems: `snaps` on the one goes to `backup` on the other.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) src: LoopFs,
    pub(crate) dst: LoopFs,
}

impl Pair {
    /// Makes both, with an empty directory on each.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::of(LoopFs::new(), LoopFs::new())
    }

    /// Takes two filesystems, and makes an empty directory on each.
    #[track_caller]
    pub(crate) fn of(src: LoopFs, dst: LoopFs) -> Self {
        let pair = Self { src, dst };
        [pair.snaps(), pair.backup()].iter().for_each(|dir| fs::create_dir(dir).unwrap());
        pair
    }

    /// Makes both, with room for `mib` MiB, and a snapshot `large` with a file of this size.
    #[track_caller]
    pub(crate) fn with_large(mib: usize) -> Self {
        let room = LoopFs::builder().size_mib(mib as u64 + 200);
        let pair = Self::of(room.build(), room.build());
        random_file(&subvolume(&pair.origin()).join("large"), mib);
        pair.take("large");
        pair
    }

    /// Makes both, the source compressed and the destination not, with a snapshot `text` with a file of
    /// `mib` MiB that takes a little more than half of that.
    #[track_caller]
    pub(crate) fn with_compressed(mib: usize) -> Self {
        let room = LoopFs::builder().size_mib(mib as u64 + 200);
        let pair =
            Self::of(room.clone().mount_options("compress-force=zstd").build(), room.build());
        text_file(&subvolume(&pair.origin()).join("text"), mib);
        pair.take("text");
        pair
    }

    /// Makes both, with one subvolume `origin` and snapshots of it in `snaps`, each with a small change.
    #[track_caller]
    pub(crate) fn with_snapshots(names: &[&str]) -> Self {
        let pair = Self::new();
        subvolume(&pair.origin());
        names.iter().for_each(|name| pair.take(name));
        pair
    }

    /// Makes both, with a zoo and a snapshot of each of its rounds: `round-0`, `round-1`, ...
    #[track_caller]
    pub(crate) fn with_zoo(rounds: u32) -> Self {
        let pair = Self::new();
        populate_zoo(&subvolume(&pair.origin()));
        for round in 0..rounds {
            pair.next_round(round);
        }
        pair
    }

    /// Changes the zoo, but for round 0, and takes a snapshot.
    #[track_caller]
    pub(crate) fn next_round(&self, round: u32) {
        if round > 0 {
            mutate_zoo(&self.origin(), round);
        }
        btrfs::snapshot_ro(&self.origin(), &self.snaps().join(format!("round-{round}")));
    }

    /// Changes the origin and takes a snapshot.
    #[track_caller]
    pub(crate) fn take(&self, name: &str) {
        fs::write(self.origin().join("file"), name).unwrap();
        btrfs::snapshot_ro(&self.origin(), &self.snaps().join(name));
    }

    pub(crate) fn origin(&self) -> PathBuf {
        self.src.path().join("origin")
    }

    pub(crate) fn snaps(&self) -> PathBuf {
        self.src.path().join("snaps")
    }

    pub(crate) fn backup(&self) -> PathBuf {
        self.dst.path().join("backup")
    }

    /// The arguments of the plain case: `snaps/` and `backup`, with options before them.
    pub(crate) fn args<'a>(
        &self,
        options: &[&'a str],
    ) -> Vec<std::borrow::Cow<'a, std::ffi::OsStr>> {
        let mut source = self.snaps().into_os_string();
        source.push("/");
        let options = options.iter().map(|option| std::ffi::OsStr::new(*option).into());
        options.chain([source.into(), self.backup().into_os_string().into()]).collect()
    }
}

/// Creates a subvolume.
#[track_caller]
pub(crate) fn subvolume(path: &Path) -> PathBuf {
    btrfs::create_subvolume(path);
    path.to_path_buf()
}

/// Makes a subvolume with one file and takes a read-only snapshot of it at `path`.
#[track_caller]
pub(crate) fn snapshot(origin: &Path, path: &Path) -> PathBuf {
    if !origin.exists() {
        subvolume(origin);
    }
    fs::write(origin.join("file"), path.as_os_str().as_encoded_bytes()).unwrap();
    btrfs::snapshot_ro(origin, path);
    path.to_path_buf()
}

/// Writes a file that compresses to a little more than half of its size.
#[track_caller]
pub(crate) fn text_file(path: &Path, mib: usize) {
    let mut random = Random::new(mib as u64);
    let mut file = File::create(path).unwrap();
    for _ in 0..mib {
        let digits = random.bytes(1 << 19).into_iter();
        let text: Vec<u8> =
            digits.flat_map(|byte| [byte >> 4, byte & 15].map(|digit| b'a' + digit)).collect();
        file.write_all(&text).unwrap();
    }
}

/// Writes a file that cannot be compressed.
#[track_caller]
pub(crate) fn random_file(path: &Path, mib: usize) {
    let block = Random::new(mib as u64).bytes(1 << 20);
    let mut file = File::create(path).unwrap();
    (0..mib).for_each(|_| file.write_all(&block).unwrap());
}
