//! What is sent, from where to where.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use btrsync_testutil::machine::Machine;
use btrsync_testutil::{LoopFs, btrfs, mutate_zoo, populate_zoo, write_files_seeded};

use crate::sides::{self, BTRSYNC, Sides, Way};
use crate::support::{Pair, arrived, btrsync, no_leftover, run, subvolume};

/// Which snapshots there are at the source, all of which are to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// One.
    Full,
    /// Two, of which the destination has the first.
    Incremental,
    /// Two, the second on top of the first.
    Chain,
    /// Two of different origin, in one transfer.
    Batch,
}

/// Where the two sides are, and what does the work on another machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Here,
    /// Apart, with btrfs-progs there.
    Apart(Way),
    /// Apart, with a btrsync there.
    Served(Way),
}

/// A source and a destination, on this machine or on two.
pub(crate) struct Scene {
    sides: Option<Sides>,
    here: Option<Pair>,
    pub(crate) place: Place,
    pub(crate) form: Form,
}

impl Scene {
    #[track_caller]
    pub(crate) fn new(place: Place, form: Form, destination: LoopFs) -> Self {
        // Between two machines for streams with compressed data, on one for those without any.
        let options = if matches!(place, Place::Here) { "" } else { "compress-force=zstd" };
        let source = LoopFs::builder().mount_options(options).build();
        let pair = Pair::of(source, destination);
        fill(&pair, form);
        let installed = Machine::builder().program(BTRSYNC);
        let (sides, here) = match place {
            Place::Apart(way) => (Some(Sides::new(way, pair)), None),
            Place::Served(way) => (Some(Sides::with(way, pair, installed)), None),
            Place::Here => (None, Some(pair)),
        };
        let scene = Self { sides, here, place, form };
        scene.clear();
        scene
    }

    pub(crate) fn pair(&self) -> &Pair {
        self.here.as_ref().or(self.sides.as_ref().map(|sides| &sides.pair)).unwrap()
    }

    /// Two machines.
    pub(crate) fn sides(&self) -> &Sides {
        self.sides.as_ref().unwrap()
    }

    /// The command that sends all.
    pub(crate) fn command(&self, options: &[&str]) -> Command {
        let batch: &[&str] = if self.form == Form::Batch { &["-B"] } else { &[] };
        self.one_by_one(&[batch, options].concat())
    }

    /// Does as [`command`](Self::command), with a transfer for each subvolume.
    pub(crate) fn one_by_one(&self, options: &[&str]) -> Command {
        match &self.sides {
            Some(sides) => sides.command(options),
            None => {
                let mut command = btrsync();
                command.args(self.pair().args(options));
                command
            }
        }
    }

    /// The snapshots, in the order in which they build upon each other.
    pub(crate) fn snaps(&self) -> Vec<PathBuf> {
        let snaps = fs::read_dir(self.pair().snaps()).unwrap();
        let mut snaps: Vec<_> = snaps.map(|entry| entry.unwrap().path()).collect();
        snaps.sort();
        snaps
    }

    /// The first, where the destination has it from the beginning.
    pub(crate) fn there(&self) -> Option<PathBuf> {
        (self.form == Form::Incremental).then(|| self.snaps().remove(0))
    }

    /// Makes the destination what it was.
    #[track_caller]
    pub(crate) fn clear(&self) {
        crate::support::clear(self.pair());
        if let Some(first) = self.there() {
            run(["-y".into(), first.into_os_string(), self.pair().backup().into()]).exits(0);
        }
    }

    /// Asserts that all is there, and nothing else.
    #[track_caller]
    pub(crate) fn is_complete(&self) {
        let pair = self.pair();
        let snaps = self.snaps();
        snaps.iter().for_each(|snap| {
            arrived(snap, &pair.backup().join(snap.file_name().unwrap()));
        });
        assert_eq!(fs::read_dir(pair.backup()).unwrap().count(), snaps.len(), "more is there");
        no_leftover(pair.dst.path());
        self.is_quiet();
    }

    /// Asserts that nothing runs any more.
    #[track_caller]
    pub(crate) fn is_quiet(&self) {
        if let Some(sides) = &self.sides {
            sides::all_end(sides.near());
            sides::all_end(sides.far());
        }
    }
}

#[track_caller]
fn fill(pair: &Pair, form: Form) {
    let (origin, other) = (subvolume(&pair.origin()), pair.src.path().join("other"));
    populate_zoo(&origin);
    write_files_seeded(&origin, 8, 300_000, 1);
    btrfs::snapshot_ro(&origin, &pair.snaps().join("0"));
    match form {
        Form::Full => {}
        Form::Incremental | Form::Chain => {
            mutate_zoo(&origin, 1);
            write_files_seeded(&origin, 8, 300_001, 2);
            btrfs::snapshot_ro(&origin, &pair.snaps().join("1"));
        }
        Form::Batch => {
            write_files_seeded(&subvolume(&other), 8, 300_002, 3);
            btrfs::snapshot_ro(&other, &pair.snaps().join("other"));
        }
    }
}
