//! Three filesystems on which the steps are played, and what must be true of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{Compare, LoopFs, Tree, btrfs, snapshot_of};
use rustix::process::Signal;

use crate::change;
use crate::model::{End, Model, Numbers, SIDES, Side, Step};
use crate::support::{Ended, Running, run, subvolume};

pub(crate) struct World {
    sides: [LoopFs; SIDES],
    /// The snapshots as they were taken.
    trees: Vec<Tree>,
    /// What somebody has written to, by side and number.
    written: BTreeMap<(usize, u32), Tree>,
}

impl World {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let sides = [(); SIDES].map(|()| LoopFs::new());
        let world = Self { sides, trees: Vec::new(), written: BTreeMap::new() };
        (0..SIDES).for_each(|side| fs::create_dir(world.dir(side)).unwrap());
        change::begin(&subvolume(&world.origin()));
        world
    }

    fn origin(&self) -> PathBuf {
        self.sides[0].path().join("origin")
    }

    fn dir(&self, side: usize) -> PathBuf {
        self.sides[side].path().join("snaps")
    }

    fn at(&self, side: usize, number: u32) -> PathBuf {
        self.dir(side).join(number.to_string())
    }

    #[track_caller]
    pub(crate) fn play(&mut self, step: &Step) {
        match *step {
            Step::Change(seed) => change::change(&self.origin(), seed),
            Step::Snapshot => self.snapshot(),
            Step::Sync { from, option, end: End::ByItself } => self.sync(from, option),
            Step::Sync { from, option, end } => self.interrupt(from, option, end),
            Step::Prune { side, number } => {
                self.written.remove(&(side, number));
                if self.at(side, number).exists() {
                    btrfs::delete(&self.at(side, number));
                }
            }
            Step::Write { side, number } => self.write(side, number),
        }
    }

    fn snapshot(&mut self) {
        let at = self.at(0, self.trees.len() as u32);
        btrfs::snapshot_ro(&self.origin(), &at);
        self.trees.push(snapshot_of(&at));
    }

    fn write(&mut self, side: usize, number: u32) {
        let at = self.at(side, number);
        btrfs::set_ro(&at, false);
        fs::write(at.join("written"), "by somebody").unwrap();
        self.written.insert((side, number), snapshot_of(&at));
    }

    /// The options and places of a run.
    fn args(&self, from: usize, option: &str) -> Vec<std::ffi::OsString> {
        let mut source = self.dir(from).into_os_string();
        source.push("/");
        let options = [option, "--checkpoint=64K", "--buffer=0"].map(Into::into);
        let places = [source, self.dir((from + 1) % SIDES).into_os_string()];
        options.into_iter().chain(places).collect()
    }

    /// Runs it to the end, and expects that all of the source is there, or that it is refused.
    #[track_caller]
    fn sync(&self, from: usize, option: &str) {
        let to = (from + 1) % SIDES;
        let (source, before) = (self.read_only(from), self.read_only(to));
        let ended = run(["-y".into()].into_iter().chain(self.args(from, option)));
        match self.refusal(from, &source) {
            Some(words) => {
                ended.exits(1).complains(&[words]);
                assert_eq!(self.read_only(to), before);
            }
            None => {
                let ended = ended.exits(0);
                assert_eq!(self.read_only(to), &source | &before, "{ended:#?}");
                self.only_what_cannot_come_again_is_left(from);
            }
        }
    }

    /// Why a run has to be refused: what somebody has written to has a name that is needed, or is all
    /// that could be sent.
    fn refusal(&self, from: usize, source: &Numbers) -> Option<&'static str> {
        let to = (from + 1) % SIDES;
        let is_taken = source.iter().any(|number| self.written.contains_key(&(to, *number)));
        let has_written = self.written.keys().any(|(side, _)| *side == from);
        match source.is_empty() {
            true if has_written => Some("no read-only subvolume"),
            _ => is_taken.then_some("already exists"),
        }
    }

    /// Begins a run, and ends it.
    #[track_caller]
    fn interrupt(&self, from: usize, option: &str, end: End) {
        let mut running = Running::start(self.args(from, option));
        let (End::Kill(bytes) | End::Signal(bytes)) = end else { return };
        running.reaches(bytes);
        running.signal(if let End::Kill(_) = end { Signal::KILL } else { Signal::INT });
        let Ended { code, out, err } = running.end();
        assert!([0, 1, 130, -1].contains(&code), "{code}: {out}{err}");
    }

    /// Asserts that each side has what the model says, as it should be.
    #[track_caller]
    pub(crate) fn is_as(&self, model: &Model) {
        model.sides.iter().enumerate().for_each(|(number, side)| self.side_is_as(number, side));
    }

    #[track_caller]
    fn side_is_as(&self, side: usize, model: &Side) {
        let there = self.read_only(side);
        assert!(there.is_superset(&model.there), "{there:?} at {side}, but {model:?}");
        assert!(there.is_subset(&(&model.there | &model.maybe)), "{there:?} at {side}: {model:?}");
        for number in there {
            self.is_whole(side, number, &self.trees[number as usize]);
        }
        for ((_, number), tree) in self.written.iter().filter(|((of, _), _)| *of == side) {
            self.is_whole(side, *number, tree);
        }
    }

    #[track_caller]
    fn is_whole(&self, side: usize, number: u32, tree: &Tree) {
        let differences = Compare::default().trees(tree, &snapshot_of(&self.at(side, number)));
        assert!(differences.is_empty(), "{number} at {side}: {differences:#?}");
    }

    /// At the end, plain runs must complete everything.
    #[track_caller]
    pub(crate) fn completes(&self) {
        (0..SIDES).for_each(|from| self.sync(from, "-B"));
        (0..SIDES).for_each(|side| {
            self.read_only(side).into_iter().for_each(|number| {
                self.is_whole(side, number, &self.trees[number as usize]);
            });
        });
    }

    /// The numbers of the read-only snapshots of a side.
    #[track_caller]
    fn read_only(&self, side: usize) -> Numbers {
        let top = self.sides[side].path();
        let listed = output(program("btrfs").args(["subvolume", "list", "-r"]).arg(top)).unwrap();
        let listed = String::from_utf8(listed).unwrap();
        let names = listed.lines().filter_map(|line| line.rsplit_once("snaps/"));
        names.filter_map(|(_, name)| name.parse().ok()).collect()
    }

    /// Asserts that of interrupted runs only that is left of which the source is gone meanwhile.
    #[track_caller]
    fn only_what_cannot_come_again_is_left(&self, from: usize) {
        let to = self.dir((from + 1) % SIDES);
        let sources: BTreeSet<String> = self
            .read_only(from)
            .iter()
            .map(|number| half_of_uuid(&self.at(from, *number)))
            .collect();
        let left = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name());
        let left = left.map(|name| name.into_string().unwrap());
        let left = left.filter_map(|name| Some(name.strip_prefix(".btrsync-")?.to_owned()));
        let left: Vec<_> = left.filter(|name| sources.contains(&name[..16])).collect();
        assert!(left.is_empty(), "{left:?} in {to:?}");
    }
}

/// The part of the UUID by which a stream names a subvolume that is in the name of what is unfinished.
#[track_caller]
fn half_of_uuid(path: &Path) -> String {
    let shown = btrfs::show(path);
    let uuid = match shown.get("Received UUID") {
        "-" => shown.get("UUID"),
        received => received,
    };
    uuid.replace('-', "").split_off(16)
}
