//! Few changes in many files: what an incremental stream finds in the metadata, rsync looks for file by file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use btrsync_testutil::{Compare, LoopFs, btrfs};

use super::peers::{BTRFS, OneSnapshot, bash, installed, ours};
use super::{Found, Row, contest};
use crate::contest::{Contestant, Failed, Scene};
use crate::options::Options;
use crate::scene::{Source, Template, copy_machine, fresh, rewrite_some};

const RSYNC: &str = "rsync";
const CHANGED: usize = 100;

pub(super) const ROW: Row = Row {
    name: "few-changes",
    about: "100 changed files of 60,000; the state before is there, nothing is cached",
    minutes: 2.5,
    goals: &[],
    run,
};

/// The destination has the snapshot `before`, and what is in it once more in the writable `mirror`.
struct Few {
    source: Source,
    dest: Template,
}

impl Few {
    fn new(files: usize) -> Self {
        let fs = fresh("");
        let at = |name: &str| fs.path().join(name);
        btrfs::create_subvolume(&at("origin"));
        _ = copy_machine(&at("origin"), files);
        btrfs::snapshot_ro(&at("origin"), &at("before"));
        rewrite_some(&at("origin"), CHANGED);
        btrfs::snapshot_ro(&at("origin"), &at("after"));
        let dest = Template::new(with_mirror(&at("before")), &fs);
        Self { source: Source::new(fs, "", &["after".to_owned()]), dest }
    }
}

fn with_mirror(before: &Path) -> LoopFs {
    let dest = fresh("");
    btrfs::receive(&btrfs::send(before, None), dest.path());
    btrfs::snapshot_rw(&dest.path().join("before"), &dest.path().join("mirror"));
    dest
}

impl Scene for Few {
    type Stage = LoopFs;

    fn stage(&mut self) -> LoopFs {
        self.source.cool();
        self.dest.copy()
    }

    fn settle(&self, dest: &LoopFs) {
        btrfs::sync(dest.path());
    }

    fn faults(&self, dest: &LoopFs, _: &[u8], compare: &Compare) -> Vec<String> {
        let received = dest.path().join("after");
        match received.exists() {
            true => self.source.faults_received(0, &received, compare),
            false => self.source.faults_of(0, &dest.path().join("mirror"), compare),
        }
    }
}

impl OneSnapshot for Few {
    fn ends<'a>(&'a self, dest: &'a LoopFs) -> (PathBuf, &'a Path) {
        (self.source.snapshot(0), dest.path())
    }
}

fn run(options: &Options) -> Result<Found, Failed> {
    let mut scene = Few::new(options.size(60_000, 600));
    contest(options, &mut scene, vec![Ok(ours(options)), rsync(), Ok(btrfs())])
}

fn rsync() -> Result<Contestant<Few>, String> {
    installed(RSYNC)?;
    let script = "rsync -aHAX --numeric-ids --delete \"$1/\" \"$2/mirror/\"; sync -f \"$2\"";
    Ok(Contestant::new(RSYNC, move |scene: &Few, dest: &LoopFs| {
        bash(script, &[scene.source.snapshot(0).as_ref(), dest.path().as_ref()])
    }))
}

fn btrfs() -> Contestant<Few> {
    let script =
        "btrfs send -q -p \"$1/before\" \"$1/after\" | btrfs receive -q \"$2\"; sync -f \"$2\"";
    let command = move |scene: &Few, dest: &LoopFs| {
        let ends: [&OsStr; 2] = [scene.source.fs().path().as_ref(), dest.path().as_ref()];
        bash(script, &ends)
    };
    Contestant::new(BTRFS, command).without_root_mtime()
}
