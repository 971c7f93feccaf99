//! A pair of filesystems on which histories are lived, sent, received and judged.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Seek;
use std::path::Path;
use std::process::Command;

use btrsync::ReceiveError;
use btrsync::receive::{Directory, ReceiveOptions, StreamMeta, Unwatched, receive};
use btrsync_kernel::info;
use btrsync_testutil::command::program;
use btrsync_testutil::{Compare, History, LoopFs, snapshot_of};

use crate::fetched;
use crate::life::Life;
use crate::possible::impossible;
use crate::report::Failure;
use crate::streams::{Case, PROTOCOLS, Protocol, cases};

const ROUNDS: usize = 3;
const OPERATIONS: usize = 30;
/// Of the last the data is fetched, where a root may.
const COMPRESSIONS: [&str; 4] =
    [",compress-force=zstd", ",compress-force=lzo", ",compress-force=zlib", ""];
/// What may be in the way of extents that arrive as they are.
const DESTINATIONS: [&str; 4] = ["", ",nodatacow", ",compress-force=zstd", ",nodatasum"];

/// The filesystems, and what has happened on them.
#[derive(Debug)]
pub(crate) struct Bench {
    source: LoopFs,
    dest: LoopFs,
    /// Whether files on the destination can have the property.
    compresses: bool,
    /// Whether full streams of version 1 have no data, which is fetched.
    fetches: bool,
    lives: Cell<u32>,
    pub(crate) streams: Cell<u64>,
    /// Those of the streams that nobody could apply.
    pub(crate) impossible: Cell<u64>,
}

impl Bench {
    /// Makes the filesystems, mounted with other options for another number.
    pub(crate) fn new(number: u64) -> Self {
        let compression = COMPRESSIONS[number as usize % COMPRESSIONS.len()];
        let options = DESTINATIONS[number as usize / COMPRESSIONS.len() % DESTINATIONS.len()];
        let compresses = !options.contains("nodata");
        let mount = |options: &str| LoopFs::builder().size_mib(2048).mount_options(options).build();
        let source = mount(&format!("noatime{compression}"));
        let dest = mount(&format!("noatime{options}"));
        Self {
            source,
            dest,
            compresses,
            fetches: compression.is_empty(),
            lives: Cell::new(0),
            streams: Cell::new(0),
            impossible: Cell::new(0),
        }
    }

    /// Runs the history of a seed with every protocol; returns the first failure.
    pub(crate) fn run(&self, seed: u64) -> Option<Failure> {
        let history = History::new(seed, ROUNDS, OPERATIONS);
        let history = if self.compresses { history } else { history.without_compression() };
        self.run_with(seed, &history, &PROTOCOLS)
    }

    /// Runs a history with one protocol.
    pub(crate) fn try_one(
        &self,
        seed: u64,
        history: &History,
        protocol: Protocol,
    ) -> Option<Failure> {
        self.run_with(seed, history, &[protocol])
    }

    fn run_with(&self, seed: u64, history: &History, protocols: &[Protocol]) -> Option<Failure> {
        self.lives.set(self.lives.get() + 1);
        let name = self.lives.get().to_string();
        let life = Life::live(history, &self.source.path().join(&name));
        let failed = |protocol: Protocol, case: Case, what: String| Failure {
            seed,
            history: history.clone(),
            protocol,
            case,
            what,
            log: life.log.clone(),
        };
        let cases = cases(history.rounds());
        for protocol in protocols {
            for case in &cases {
                match self.transfer(&life, case, *protocol, &name) {
                    Ok(true) => {}
                    // What others build on has not arrived.
                    Ok(false) => break,
                    Err(what) => return Some(failed(*protocol, case.clone(), what)),
                }
            }
        }
        None
    }

    /// Sends, receives and compares one snapshot; returns whether that was possible.
    fn transfer(
        &self,
        life: &Life,
        case: &Case,
        protocol: Protocol,
        name: &str,
    ) -> Result<bool, String> {
        let dir = self.dest.path().join(format!("{name}-{protocol:?}"));
        fs::create_dir_all(&dir).unwrap();
        let stream = case.send(&life.snapshots, protocol)?;
        self.streams.set(self.streams.get() + 1);
        let received = dir.join(case.snapshot.to_string());
        let result = match case.parent {
            None if self.fetches && protocol == Protocol::One => {
                fetched::sync(self.source.path(), &life.snapshots, case, &dir)
            }
            _ => take(&stream, &dir).map_err(|error| error.to_string()),
        };
        let result = result.map_err(|error| format!("receive: {error}"));
        let parent = case.parent.map(|parent| &life.trees[parent]);
        if result.is_err() && impossible(rewound(&stream), parent).is_some() {
            self.impossible.set(self.impossible.get() + 1);
            return Ok(false);
        }
        let arrived = result.and_then(|()| {
            // Others have the same name, and all must be in one directory, to be found as sources.
            let ours = dir.join(format!("{}-{}", case.place, case.snapshot));
            fs::rename(&received, &ours).unwrap();
            judge(life, case, &ours)
        });
        let opinion = || second_opinion(&stream, life, case, &received);
        arrived.map(|()| true).map_err(|what| format!("{what}\n{}", opinion()))
    }
}

/// Receives a stream into a directory.
fn take(stream: &File, dir: &Path) -> Result<(), ReceiveError> {
    let (meta, options) = (StreamMeta::default(), ReceiveOptions::default());
    receive(rewound(stream), &Directory::open(dir)?, &meta, options, &mut Unwatched).map(drop)
}

fn rewound(stream: &File) -> File {
    let mut stream = stream.try_clone().unwrap();
    stream.rewind().unwrap();
    stream
}

/// What `btrfs receive` makes of a stream that has failed: what it gets right is our mistake.
fn second_opinion(stream: &File, life: &Life, case: &Case, received: &Path) -> String {
    let mut other = program("btrfs");
    other.args(["receive", "-q"]).arg(received.parent().unwrap()).stdin(rewound(stream));
    let compared = || {
        let compare = Compare::default().root_mtime(false).limit(5);
        compare.trees(&life.trees[case.snapshot], &snapshot_of(received)).join("\n")
    };
    let what = output_of(&mut other).map_or_else(|error| error, |()| compared());
    format!("'btrfs receive' of the same: {}", if what.is_empty() { "identical" } else { &what })
}

fn output_of(command: &mut Command) -> Result<(), String> {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(text) }
}

/// Compares what arrived with its source, in everything that the stream carries.
fn judge(life: &Life, case: &Case, received: &Path) -> Result<(), String> {
    let source = info(&life.snapshots[case.snapshot]).unwrap();
    let there = info(File::open(received).unwrap()).unwrap();
    if !there.read_only || there.received_uuid != source.uuid {
        return Err(format!("{there:?} is no read-only copy of {source:?}"));
    }
    // Send tells the flags of chattr(1) only where they change, and holes only in full streams.
    let holes = case.parent.is_none();
    let compare = Compare::default().atime(true).filled_holes(holes).limit(5);
    let differences = compare.trees(&life.trees[case.snapshot], &snapshot_of(received));
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}
