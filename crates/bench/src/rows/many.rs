//! Many snapshots, and nothing to send: what a program takes that only looks.
//!
//! The hazard is a program that overlooks some: the listings are counted, and what has nothing to do must leave
//! all as it was.

use std::path::Path;
use std::process::Command;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{Compare, LoopFs};

use super::peers::{btrsync, python};
use super::{Found, Goal, OURS, Row, contest, goals};
use crate::contest::{Contestant, Failed, Scene};
use crate::cost::Kind;
use crate::options::Options;
use crate::scene::fresh;

const LIST: &str = "btrfs subvolume list";
const LIST_ALL: &str = "btrfs subvolume list -pcguqR";
/// Listings are short, and the machine's work is counted in hundredths of a second.
const TIMES: u32 = 10;

pub(super) const LISTING: Row = Row {
    name: "listing",
    about: "all of 10,000 snapshots listed",
    minutes: 0.4,
    goals: &[Goal { against: LIST, kind: Kind::Wall, at_most: 0.20 }],
    run: listing,
};

pub(super) const NOTHING: Row = Row {
    name: "nothing",
    about: "nothing to do, 1,000 snapshots on both sides",
    minutes: 0.5,
    goals: &goals(PYTHON, 0.05, 0.05),
    run: nothing,
};

pub(super) const PYTHON: &str = "Python btrsync";

/// Makes an empty filesystem and so many snapshots of nothing in it.
pub(super) fn many(options: &Options, count: usize) -> LoopFs {
    let fs = fresh("noatime");
    let mut make = Command::new(&options.many);
    output(make.arg("make").arg(fs.path()).arg(count.to_string())).unwrap();
    fs
}

/// How many subvolumes there are, as `btrfs` says.
pub(super) fn count(fs: &LoopFs) -> usize {
    let list = output(program("btrfs").args(["subvolume", "list"]).arg(fs.path())).unwrap();
    lines(&list)
}

fn lines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
}

struct Listing {
    fs: LoopFs,
    subvolumes: usize,
}

impl Scene for Listing {
    type Stage = ();

    fn stage(&mut self) {}

    fn times(&self) -> u32 {
        TIMES
    }

    /// One line each, of which some have a heading; or a number, which counts the top level too.
    fn faults(&self, (): &(), output: &[u8], _: &Compare) -> Vec<String> {
        let (subvolumes, times) = (self.subvolumes, TIMES as usize);
        let told = lines(output);
        let number = format!("{}\n", subvolumes + 1).repeat(times);
        let complete = (subvolumes..=subvolumes + 1).any(|each| told == each * times);
        if complete || output == number.as_bytes() {
            return Vec::new();
        }
        vec![format!("{told} lines in {times} listings of {subvolumes} subvolumes")]
    }
}

fn listing(options: &Options) -> Result<Found, Failed> {
    let fs = many(options, options.size(10_000, 200));
    let mut scene = Listing { subvolumes: count(&fs), fs };
    let (ours, alone) = (options.program.clone(), options.many.clone());
    let all = vec![
        list(OURS, move |at| {
            let mut command = Command::new(&ours);
            command.arg("list").arg(at.join(""));
            command
        }),
        list("btrsync, the listing alone", move |at| {
            let mut command = Command::new(&alone);
            command.arg("list").arg(at);
            command
        }),
        list(LIST, |at| btrfs_list(&[], at)),
        list(LIST_ALL, |at| btrfs_list(&["-pcguqR"], at)),
    ];
    contest(options, &mut scene, all.into_iter().map(Ok).collect())
}

fn list(name: &str, command: impl Fn(&Path) -> Command + 'static) -> Contestant<Listing> {
    Contestant::new(name, move |scene: &Listing, ()| command(scene.fs.path()))
}

fn btrfs_list(options: &[&str], at: &Path) -> Command {
    let mut command = program("btrfs");
    command.args(["subvolume", "list"]).args(options).arg(at);
    command
}

/// Two filesystems, of which one has copies of all snapshots of the other.
pub(super) struct Same {
    pub(super) source: LoopFs,
    pub(super) dest: LoopFs,
    copies: usize,
}

impl Same {
    pub(super) fn new(options: &Options, snapshots: usize) -> Self {
        let (source, dest) = (many(options, snapshots), fresh("noatime"));
        let all = source.path().join("");
        output(&mut btrsync(&options.program, &[all.as_ref(), dest.path().as_ref()])).unwrap();
        let copies = count(&dest);
        assert_eq!(copies, snapshots, "all are copied before there is nothing to do");
        Self { source, dest, copies }
    }

    /// Returns what is not as it was.
    pub(super) fn faults(&self) -> Vec<String> {
        let there = count(&self.dest);
        let same = there == self.copies;
        if same { Vec::new() } else { vec![format!("{there} copies instead of {}", self.copies)] }
    }
}

impl Scene for Same {
    type Stage = ();

    fn stage(&mut self) {}

    fn times(&self) -> u32 {
        3
    }

    fn faults(&self, (): &(), _: &[u8], _: &Compare) -> Vec<String> {
        Same::faults(self)
    }
}

fn nothing(options: &Options) -> Result<Found, Failed> {
    let mut scene = Same::new(options, options.size(1000, 50));
    let sync = |name: &str, program: &Path| {
        let program = program.to_path_buf();
        Contestant::new(name, move |scene: &Same, ()| {
            let mut command = Command::new(&program);
            command.arg("-y").arg(scene.source.path().join("")).arg(scene.dest.path());
            command
        })
    };
    let peer = python(options).map(|path| sync(PYTHON, path));
    contest(options, &mut scene, vec![Ok(sync(OURS, &options.program)), peer])
}
