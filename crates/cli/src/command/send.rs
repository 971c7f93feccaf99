//! `btrsync send`: the streams of `btrfs send`, with the same letters.
//!
//! A stream that breaks off looks like one that is whole until it is received. So a file gets its name
//! only when all of it is on disk, and a terminal, which could do nothing with it, gets none of it.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use btrsync::send::{Busy, SendOptions, Stream, Told, into_file, prepare, write};
use btrsync::text::escaped;
use clap::ArgAction;
use rustix::fs::{OFlags, fcntl_getfl, major, minor};

use crate::advice::Failure;
use crate::exit::Exit;
use crate::report::waiting;

const EXAMPLES: &str = "\
Examples:
  btrsync send /snapshots/monday | ssh host btrfs receive /mnt/backup
      everything in monday
  btrsync send -p /snapshots/monday -f tuesday.btrfs_stream /snapshots/tuesday
      what tuesday has changed, to a file
  btrsync send -c /snapshots/monday -c /snapshots/sunday /snapshots/tuesday | ...
      the same from whichever is nearer, sharing extents with both
  btrsync send --proto 0 --compressed-data /snapshots/monday | zstd > monday.zst
      compressed extents as they are

Exit codes:
  0 done    1 failed    2 wrong usage    130 interrupted
  After a failure nothing has changed under the name of FILE; what went to
  standard output is cut off, which every receiver notices.";

/// Writes the send streams of read-only subvolumes.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync send", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// The subvolumes, all read-only and on one filesystem
    #[arg(value_name = "SUBVOL", required = true)]
    subvolumes: Vec<PathBuf>,

    /// Send the difference to PARENT, which the receiver must have
    #[arg(short, value_name = "PARENT")]
    parent: Option<PathBuf>,

    /// Share extents with CLONE, which the receiver must have; may be given several times. Without -p the
    /// best of them is the parent
    #[arg(short, value_name = "CLONE")]
    clone: Vec<PathBuf>,

    /// Write to FILE; it gets its name when all of it is on disk, and replaces what has it
    #[arg(short, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Write one stream for all SUBVOLs, with one header and one end
    #[arg(short = 'e')]
    one_end: bool,

    /// Write version N of the stream, 0 for the newest that the kernel has [default: 1, or 2 with
    /// --compressed-data]
    #[arg(long, value_name = "N")]
    proto: Option<u32>,

    /// Send compressed extents as they are
    #[arg(long)]
    compressed_data: bool,

    /// Leave the content of files out; such a stream only shows what has changed
    #[arg(long)]
    no_data: bool,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,

    /// Say what each is sent from
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
}

pub(super) fn main(args: &Args) -> Exit {
    match run(args) {
        Ok(()) => Exit::Done,
        Err(failure) => super::fail(&failure),
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let file = args.file.as_deref().filter(|file| *file != Path::new("-"));
    if file.is_none() && io::stdout().is_terminal() {
        return Err(Failure::usage(
            "standard output is a terminal, which can do nothing with a stream",
        )
        .hint("give -f FILE, or pipe it to a receiver"));
    }
    let options = SendOptions {
        parent: args.parent.clone(),
        clones: args.clone.clone(),
        version: args.proto,
        compressed: args.compressed_data,
        no_data: args.no_data,
        one_end: args.one_end,
    };
    let streams = prepare(&args.subvolumes, &options)?;
    let saying = Saying { quiet: args.quiet, verbose: args.verbose > 0 };
    match file {
        Some(path) => into_file(path, |file| watched(streams, file, saying)),
        None => {
            let output = io::stdout().as_fd().try_clone_to_owned();
            let output =
                output.map_err(|error| Failure::new(error, "check the system's limits"))?;
            let output = File::from(output);
            match was_closed(&output) {
                true => Err(Failure::usage("standard output is closed")
                    .hint("pipe it to a receiver, or give -f FILE, which may be /dev/null")),
                false => watched(streams, output, saying),
            }
        }
    }
}

/// Whether standard output was closed when we were started: then there is `/dev/null` instead by now, open
/// for reading too, and the stream would be lost without a word.
fn was_closed(output: &File) -> bool {
    const NULL: (u32, u32) = (1, 3);
    let flags = fcntl_getfl(output).unwrap_or(OFlags::empty());
    let device = output.metadata().map_or(0, |found| found.rdev());
    flags.contains(OFlags::RDWR) && (major(device), minor(device)) == NULL
}

/// What is said while it goes on.
#[derive(Debug, Clone, Copy)]
struct Saying {
    quiet: bool,
    verbose: bool,
}

/// Writes on a thread, which is left alone when a signal comes: it ends with the process.
fn watched(streams: Vec<Stream>, output: File, saying: Saying) -> Result<(), Failure> {
    let failed =
        |error| Failure::new(format!("cannot start: {error}"), "check the system's limits");
    let (cancel, _) = super::cancelled_by_signals()?;
    let (ended, working) = io::pipe().map_err(failed)?;
    let patience = cancel.clone();
    let work = move || {
        let _working = working;
        write(&streams, output, &patience, |told| match told {
            Told::Begin(stream) => saying.begin(stream),
            Told::Busy(stream, busy) => saying.busy(stream, busy),
        })
    };
    let worker = thread::Builder::new().name("send".to_owned()).spawn(work).map_err(failed)?;
    if cancel.wait_readable(&ended).is_err() {
        return Err(interrupted());
    }
    match worker.join() {
        Ok(written) => written.map_err(Failure::from),
        Err(_) => Err(Failure::new("the thread that sends has panicked", "report this as a bug")),
    }
}

fn interrupted() -> Failure {
    let message = "interrupted; what was written so far is no whole stream".to_owned();
    Failure { message, hint: None, exit: Exit::Interrupted }
}

impl Saying {
    /// Says that a stream has to wait: once, or with `-v` each time.
    fn busy(self, stream: &Stream, busy: Busy) {
        if self.quiet || busy.attempt > 1 && !self.verbose {
            return;
        }
        super::tell(&format!("btrsync: note: {}: {}\n", escaped(stream.path()), waiting(busy)));
    }

    /// Says which subvolume is next, as the original does.
    fn begin(self, stream: &Stream) {
        let path = escaped(stream.path());
        match stream.parent() {
            _ if self.quiet => {}
            Some(parent) if self.verbose => {
                super::tell(&format!("At subvol {path}, from {}\n", escaped(parent)));
            }
            None if self.verbose => super::tell(&format!("At subvol {path}, in full\n")),
            _ => super::tell(&format!("At subvol {path}\n")),
        }
    }
}
