//! `btrsync receive`: in place of `btrfs receive`, with the same letters.
//!
//! What the letters promise is kept or refused: a script must not believe that something is confined,
//! or that errors are passed over, where it is not so.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use btrsync::receive::{Directory, ReceiveOptions, StreamMeta, Watch, receive};
use btrsync::stream::Command;
use btrsync::text::escaped;
use btrsync::{Cancel, Flow, stream_file};
use clap::ArgAction;

use super::inspect::{self, How};
use crate::advice::Failure;
use crate::exit::Exit;
use crate::shared_args::Resume;

const EXAMPLES: &str = "\
The stream may be compressed with zstd. A subvolume gets its name when all of it is on disk; what is
received builds on and clones from read-only subvolumes below DIR alone.

Examples:
  btrfs send /snapshots/monday | btrsync receive /mnt/backup
      receive one subvolume
  btrsync receive -f monday.btrfs_stream.zst /mnt/backup
      receive all that are in a file
  nc -l 7000 | btrsync receive -e /mnt/backup
      stop at the end of the stream, whether or not the input ends there
  btrsync receive --dump -f monday.btrfs_stream
      only show what is in it, as 'btrsync inspect' does

Exit codes:
  0 done    1 failed    2 wrong usage    4 another run is receiving into DIR
  130 interrupted
  After a failure the subvolumes that were complete before stay, and nothing is
  under the name of the one that failed.";

/// Receives subvolumes from send streams.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync receive", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// The directory to receive into, on btrfs
    #[arg(value_name = "DIR", required_unless_present = "dump")]
    into: Option<PathBuf>,

    /// Read from FILE instead of standard input
    #[arg(short, value_name = "FILE", default_value = "-", hide_default_value = true)]
    file: PathBuf,

    /// Stop after the first stream; what follows it is left in the input
    #[arg(short = 'e', long)]
    terminate_on_end: bool,

    /// Decompress all data instead of writing it as it is
    #[arg(long)]
    force_decompress: bool,

    /// Receive nothing, only show what the stream holds
    #[arg(long)]
    dump: bool,

    #[command(flatten)]
    resume: Resume,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,

    /// Say what is received; twice: every command
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,

    /// Accepted: whatever a stream says, nothing outside of DIR is reached
    #[arg(short = 'C', long, help_heading = LIKE_THE_ORIGINAL)]
    chroot: bool,

    /// Accepted where N is 1: no error is passed over
    #[arg(short = 'E', long, value_name = "N", default_value = "1", hide_default_value = true,
        value_parser = clap::value_parser!(u64).range(1..=1), help_heading = LIKE_THE_ORIGINAL)]
    max_errors: u64,

    /// Accepted: the filesystem is found without it
    #[arg(short = 'm', value_name = "ROOTMOUNT", help_heading = LIKE_THE_ORIGINAL)]
    root_mount: Option<PathBuf>,
}

const LIKE_THE_ORIGINAL: &str = "As the original";

pub(super) fn main(args: &Args) -> Exit {
    let received = match &args.into {
        _ if args.dump => {
            return inspect::show(args.file.as_ref(), How { commands: true, json: false });
        }
        Some(into) => run(args, into),
        None => Ok(()),
    };
    match received {
        Ok(()) => Exit::Done,
        Err(failure) => super::fail(&failure),
    }
}

fn run(args: &Args, into: &Path) -> Result<(), Failure> {
    let (cancel, interrupted) = super::cancelled_by_signals()?;
    let received = receive_all(args, into, &cancel);
    received.map_err(|failure| if interrupted.is_set() { stopped() } else { failure })
}

fn receive_all(args: &Args, into: &Path, cancel: &Cancel) -> Result<(), Failure> {
    let source = open(&args.file)?;
    let into = Directory::open(into)?;
    let input = plain(Flow::new(source, cancel), &args.file)?;
    let options = ReceiveOptions {
        terminate_on_end: args.terminate_on_end,
        force_decompress: args.force_decompress,
        checkpoints: args.resume.checkpoints(),
        pass_over: true,
    };
    let level = if args.quiet { 0 } else { args.verbose.saturating_add(1) };
    receive(input, &into, &StreamMeta::default(), options, &mut Saying(level))?;
    Ok(())
}

fn open(file: &Path) -> Result<OwnedFd, Failure> {
    let failed = |error| {
        let message = format!("cannot open {}: {error}", escaped(file));
        Failure::new(message, "check the path, and that it can be read")
    };
    if file != Path::new("-") {
        return File::open(file).map(OwnedFd::from).map_err(failed);
    }
    let stdin = io::stdin().as_fd().try_clone_to_owned().map(File::from).map_err(failed)?;
    match stdin.is_terminal() {
        _ if stdin.metadata().is_ok_and(|found| found.is_dir()) => {
            Err(Failure::usage("standard input is a directory")
                .hint("name a file in it, or pipe a stream in"))
        }
        true => Err(Failure::usage("standard input is a terminal")
            .hint("give -f FILE, or pipe a stream in")),
        false => Ok(stdin.into()),
    }
}

fn plain(flow: Flow, file: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    stream_file::plain(flow).map_err(|error| {
        let message = format!("cannot read {}: {error}", escaped(file));
        Failure::new(message, "check the path, and that it can be read")
    })
}

fn stopped() -> Failure {
    let message = "interrupted; what is there under its name is complete, and a stream that was cut off goes on \
                   when it comes again".to_owned();
    Failure { message, hint: None, exit: Exit::Interrupted }
}

/// What is said while it goes on: nothing, which subvolumes, what they are, every command.
struct Saying(u8);

impl Watch for Saying {
    fn present(&mut self, name: &OsStr) {
        if self.0 > 0 {
            super::tell(&format!("{} is there already\n", escaped(name)));
        }
    }

    fn command(&mut self, command: &Command<'_>, _: u64) {
        let begun = match *command {
            Command::Subvol { path, .. } => Some(("subvol", path)),
            Command::Snapshot { path, .. } => Some(("snapshot", path)),
            _ => None,
        };
        match (self.0, begun) {
            (0, _) | (1 | 2, None) => {}
            (1, Some((kind, path))) => super::tell(&format!("At {kind} {}\n", super::name(path))),
            _ => super::tell(&format!("{}\n", inspect::text::line(command))),
        }
    }
}
