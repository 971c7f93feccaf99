//! A chain of snapshots with few changes each, of which the destination has the first.
//!
//! What is the same duty here is a question. btrsync makes each snapshot durable before it begins the next one, and
//! is durable at its end; so there is a peer with a `sync -f` after each, and one with a single one at the end,
//! which does less. The goals are against the latter.

use std::fs;
use std::path::Path;
use std::process::Command;

use btrsync_testutil::{Compare, LoopFs, btrfs};

use super::peers::{BTRFS, bash, btrsync, installed};
use super::{Found, OURS, Row, contest, goals};
use crate::contest::{Contestant, Failed, Scene};
use crate::options::Options;
use crate::scene::{Changes, Source, fresh, write_small};

const EACH: &str = "btrfs, sync each";
const BTRBK: &str = "btrbk";
const CHANGES: usize = 20;
/// Every so many snapshots are compared: reading all of them takes longer than the rest together.
const COMPARED: usize = 10;

pub(super) const ROW: Row = Row {
    name: "chain",
    about: "100 snapshots of 8,000 files, 20 changes each; the one before them is there",
    minutes: 3.0,
    goals: &goals(BTRFS, 0.70, 0.70),
    run,
};

/// `$1` is the directory of the snapshots, `$2` the destination, then all names.
const LOOP: &str = r#"from=$1 into=$2 before=$3; shift 3
for name; do
  btrfs send -q -p "$from/$before" "$from/$name" | btrfs receive -q "$into"
  EACH
  before=$name
done
sync -f "$into""#;

struct Chain {
    source: Source,
    /// The stream of the first snapshot.
    base: Vec<u8>,
}

impl Chain {
    fn new(files: usize, snapshots: usize) -> Self {
        let fs = fresh("");
        let origin = fs.path().join("data");
        btrfs::create_subvolume(&origin);
        write_small(&origin, files, 4000);
        fs::create_dir(fs.path().join("snaps")).unwrap();
        let mut changes = Changes::new(files);
        let names: Vec<String> = (0..=snapshots).map(name).collect();
        for name in &names {
            btrfs::snapshot_ro(&origin, &fs.path().join("snaps").join(name));
            changes.make(&origin, CHANGES);
        }
        let source = Source::of_chain(fs, "snaps", &names, COMPARED);
        let base = btrfs::send(&source.snapshot(0), None);
        Self { source, base }
    }
}

/// A name as btrbk gives them.
fn name(number: usize) -> String {
    let (hour, minute) = (number / 60, number % 60);
    format!("data.20260101T{hour:02}{minute:02}")
}

impl Scene for Chain {
    type Stage = LoopFs;

    fn stage(&mut self) -> LoopFs {
        self.source.cool();
        let dest = fresh("");
        btrfs::receive(&self.base, dest.path());
        btrfs::sync(dest.path());
        dest
    }

    fn settle(&self, dest: &LoopFs) {
        btrfs::sync(dest.path());
    }

    fn faults(&self, dest: &LoopFs, _: &[u8], compare: &Compare) -> Vec<String> {
        let compare = compare.clone().root_mtime(false);
        self.source.faults(dest.path(), &compare)
    }
}

fn run(options: &Options) -> Result<Found, Failed> {
    let mut scene = Chain::new(options.size(8000, 300), options.size(100, 5));
    let all = vec![
        Ok(ours(options)),
        Ok(by_hand(BTRFS, ":")),
        Ok(by_hand(EACH, "sync -f \"$into\"")),
        btrbk(),
    ];
    contest(options, &mut scene, all)
}

fn ours(options: &Options) -> Contestant<Chain> {
    let path = options.program.clone();
    Contestant::new(OURS, move |scene: &Chain, dest: &LoopFs| {
        btrsync(&path, &[scene.source.dir().join("").as_ref(), dest.path().as_ref()])
    })
}

fn by_hand(name: &str, each: &'static str) -> Contestant<Chain> {
    Contestant::new(name, move |scene: &Chain, dest: &LoopFs| {
        let script = LOOP.replace("EACH", each);
        let mut command = bash(&script, &[scene.source.dir().as_ref(), dest.path().as_ref()]);
        command.args(scene.source.names());
        command
    })
}

fn btrbk() -> Result<Contestant<Chain>, String> {
    installed(BTRBK)?;
    Ok(Contestant::new(BTRBK, |scene: &Chain, dest: &LoopFs| with_btrbk(scene.source.fs(), dest)))
}

/// Writes a configuration beside the images, and sends what is missing, without a snapshot of its own.
fn with_btrbk(source: &LoopFs, dest: &LoopFs) -> Command {
    let config = dest.image().with_file_name("btrbk.conf");
    fs::write(&config, config_of(source.path(), dest.path())).unwrap();
    let script = "btrbk -q -c \"$1\" resume; sync -f \"$2\"";
    bash(script, &[config.as_ref(), dest.path().as_ref()])
}

fn config_of(source: &Path, dest: &Path) -> String {
    let (source, dest) = (source.display(), dest.display());
    format!(
        "timestamp_format long\nsnapshot_preserve_min all\ntarget_preserve_min all\nlockfile {dest}.lock\n\
         volume {source}\n  snapshot_dir snaps\n  subvolume data\n    target {dest}\n"
    )
}
