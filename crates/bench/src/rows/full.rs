//! One snapshot, sent in full to an empty filesystem.

use std::path::{Path, PathBuf};

use btrsync_testutil::{Compare, LoopFs, btrfs};

use super::peers::{BTRFS, OneSnapshot, ours, send_receive};
use super::{Found, Goal, Row, contest, goals};
use crate::contest::{Contestant, Failed, Scene};
use crate::options::Options;
use crate::scene::{Source, copy_machine, fresh, used, write_large};

pub(super) const SMALL_COLD: Row = Row {
    name: "small-cold",
    about: "60,000 small files in full, nothing of the source cached",
    minutes: 2.2,
    goals: &goals(BTRFS, 0.62, 0.56),
    run: |options| small(options, Cache::Cold),
};

pub(super) const SMALL_WARM: Row = Row {
    name: "small-warm",
    about: "60,000 small files in full, all of the source cached",
    minutes: 2.6,
    goals: &goals(BTRFS, 0.58, 0.50),
    run: |options| small(options, Cache::Warm),
};

const LARGE_GOALS: [Goal; 2] = goals(BTRFS, 0.65, 0.60);
pub(super) const LARGE: Row = Row {
    name: "large",
    about: "one file of 2 GiB in full, nothing of the source cached",
    minutes: 1.2,
    goals: &LARGE_GOALS,
    run: large,
};

/// What of the source is in the kernel's caches when a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cache {
    Cold,
    Warm,
}

/// A source with one snapshot, and an empty destination.
pub(super) struct Full {
    pub(super) source: Source,
    pub(super) cache: Cache,
    pub(super) mount_options: &'static str,
    /// How much more room than in the source the result may take.
    pub(super) room: Option<f64>,
}

impl Full {
    /// Makes the source, with what is written into its origin.
    pub(super) fn new(
        cache: Cache,
        mount_options: &'static str,
        write: impl FnOnce(&Path),
    ) -> Self {
        let fs = fresh(mount_options);
        let origin = fs.path().join("origin");
        btrfs::create_subvolume(&origin);
        write(&origin);
        btrfs::snapshot_ro(&origin, &fs.path().join("snapshot"));
        let source = Source::new(fs, "", &["snapshot".to_owned()]);
        Self { source, cache, mount_options, room: None }
    }

    fn too_large(&self, dest: &LoopFs) -> Option<String> {
        let (there, here) = (used(dest) as f64, used(self.source.fs()) as f64);
        let most = self.room? * here;
        (there > most).then(|| format!("the result takes {there} bytes, the source {here}"))
    }
}

impl Scene for Full {
    type Stage = LoopFs;

    fn stage(&mut self) -> LoopFs {
        match self.cache {
            Cache::Cold => self.source.cool(),
            Cache::Warm => self.source.warm(),
        }
        fresh(self.mount_options)
    }

    fn settle(&self, dest: &LoopFs) {
        btrfs::sync(dest.path());
    }

    fn faults(&self, dest: &LoopFs, _: &[u8], compare: &Compare) -> Vec<String> {
        let mut faults = self.source.faults(dest.path(), compare);
        faults.extend(self.too_large(dest));
        faults
    }
}

impl OneSnapshot for Full {
    fn ends<'a>(&'a self, dest: &'a LoopFs) -> (PathBuf, &'a Path) {
        (self.source.snapshot(0), dest.path())
    }
}

fn small(options: &Options, cache: Cache) -> Result<Found, Failed> {
    let count = options.size(60_000, 600);
    let mut copied = 0;
    let mut scene = Full::new(cache, "", |origin| copied = copy_machine(origin, count));
    let mut found = contest(options, &mut scene, plain(options))?;
    found.notes.push(format!("{copied} of {count} files are the machine's, the others made up"));
    Ok(found)
}

fn large(options: &Options) -> Result<Found, Failed> {
    let mib = options.size(2048, 64);
    let write = |origin: &Path| write_large(&origin.join("large"), mib);
    contest(options, &mut Full::new(Cache::Cold, "", write), plain(options))
}

fn plain(options: &Options) -> Vec<Result<Contestant<Full>, String>> {
    vec![Ok(ours(options)), Ok(send_receive(BTRFS, ""))]
}
