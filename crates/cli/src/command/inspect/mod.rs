//! Shows what a stream holds, readably or for programs, and sums it up.
//!
//! A stream is looked at when something is wrong with it. So everything up to the damage is shown, then
//! the damage with its place, and memory does not grow with what the stream claims.

mod fields;
mod json;
mod sum;
pub(super) mod text;
mod time;

use std::ffi::{OsStr, OsString};
use std::io::{self, BufWriter, IsTerminal, Read};
use std::path::Path;

use btrsync::stream::{Command, Error, Frame, FrameReader, Header};
use btrsync::stream_file;
use btrsync::text::escaped;

use self::sum::{Sum, Total};
use crate::advice::Failure;
use crate::exit::Exit;

const EXAMPLES: &str = "\
FILE may be compressed with zstd, and may hold several streams.

Examples:
  btrsync inspect monday.btrfs_stream
      show every command, and a summary of each subvolume
  btrsync inspect --summary /mnt/stick/*.zst
      only what the files hold
  btrfs send -p old new | btrsync inspect -
      what has changed between two snapshots
  btrsync inspect --json monday.btrfs_stream | jq 'select(.command == \"rename\")'
      one JSON object a line

Exit codes:
  0 all of it is whole    1 damaged or cut off, or not to be read    2 wrong usage";

/// Shows what send streams hold.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync inspect", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// Files with send streams; - is standard input
    #[arg(value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    files: Vec<OsString>,

    /// Show only the summary of each subvolume
    #[arg(short, long)]
    summary: bool,

    /// Write one JSON object a line
    #[arg(long)]
    json: bool,
}

/// How streams are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) commands: bool,
    pub(super) json: bool,
}

pub(super) fn main(args: &Args) -> Exit {
    let how = How { commands: !args.summary, json: args.json };
    let mut exit = Exit::Done;
    for file in &args.files {
        if args.files.len() > 1 && !args.json {
            write_title(file);
        }
        match show(file, how) {
            Exit::Done => {}
            failed => exit = failed,
        }
    }
    exit
}

/// Says which of several files comes next.
fn write_title(file: &OsStr) {
    use io::Write;
    // What cannot be written now, cannot be written later, and is told then.
    let _ = writeln!(io::stdout(), "{}:", escaped(file));
}

/// Shows the streams of a file.
pub(super) fn show(file: &OsStr, how: How) -> Exit {
    let output = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut print: Box<dyn Print> = match how.json {
        true => Box::new(json::Json::new(output, file)),
        false => Box::new(text::Text::new(output)),
    };
    let mut inspection = Inspection { how, sum: None, total: Total::default(), print: &mut *print };
    let read = input(file).and_then(|input| inspection.read(input));
    match inspection.end(read.map_err(|stop| stop.named(file))) {
        Ok(exit) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => super::fail(&Failure::new(
            format!("cannot write to standard output: {error}"),
            "free some space where it goes, and run again",
        )),
    }
}

/// Opens a file, or standard input.
fn input(file: &OsStr) -> Result<Box<dyn Read + Send>, Stop> {
    let opened = match file.as_encoded_bytes() {
        b"-" if io::stdin().is_terminal() => return Err(Stop::Terminal),
        b"-" => stream_file::plain(io::stdin()),
        _ => stream_file::open(Path::new(file)),
    };
    opened.map_err(Stop::Open)
}

/// One way of showing.
trait Print {
    fn stream(&mut self, header: Header, at: u64) -> io::Result<()>;
    fn command(&mut self, frame: &Frame<'_>, command: &Command<'_>) -> io::Result<()>;
    fn subvolume(&mut self, sum: &Sum) -> io::Result<()>;
    fn end(&mut self, total: &Total, failure: Option<&Failure>, exit: Exit) -> io::Result<()>;
}

/// What ends an inspection early.
enum Stop {
    Open(io::Error),
    Terminal,
    Stream(Error),
    Write(io::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Stream(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl Stop {
    /// What is to be told of it, or the failure to tell anything.
    fn named(self, file: &OsStr) -> Result<Failure, io::Error> {
        let file = if file == "-" { OsStr::new("standard input") } else { file };
        let file = escaped(file);
        match self {
            Self::Write(error) => Err(error),
            Self::Open(error) => Ok(Failure::new(
                format!("cannot open {file}: {error}"),
                "check the path, and that it can be read",
            )),
            Self::Terminal => Ok(Failure::usage("standard input is a terminal")
                .hint("name a file, or pipe a stream in")),
            Self::Stream(error) => Ok(Failure::from_stream(file, &error)),
        }
    }
}

struct Inspection<'a> {
    how: How,
    sum: Option<Sum>,
    total: Total,
    print: &'a mut dyn Print,
}

impl Inspection<'_> {
    fn read(&mut self, input: impl Read) -> Result<(), Stop> {
        let mut frames = FrameReader::new(input);
        while let Some(frame) = frames.next_frame()? {
            let command = Command::decode(&frame)?;
            self.take(&frame, &command)?;
        }
        Ok(())
    }

    fn take(&mut self, frame: &Frame<'_>, command: &Command<'_>) -> io::Result<()> {
        if let Some(header) = frame.header() {
            self.total.streams += 1;
            if self.how.commands {
                let at = frame.offset() - btrsync::stream::HEADER_LEN as u64;
                self.print.stream(header, at)?;
            }
        }
        if let Some(sum) = Sum::begin(frame, command) {
            self.sum_up(true)?;
            self.sum = Some(sum);
        }
        if self.how.commands {
            self.print.command(frame, command)?;
        }
        if let Some(sum) = &mut self.sum {
            sum.add(frame, command);
        }
        match command {
            Command::End => self.sum_up(true),
            _ => Ok(()),
        }
    }

    /// Tells what the subvolume that ends here amounts to.
    fn sum_up(&mut self, complete: bool) -> io::Result<()> {
        let Some(mut sum) = self.sum.take() else { return Ok(()) };
        sum.complete = complete;
        self.total.add(&sum);
        self.print.subvolume(&sum)
    }

    /// Tells how it ended.
    fn end(mut self, read: Result<(), Result<Failure, io::Error>>) -> io::Result<Exit> {
        let failure = match read {
            Ok(()) => None,
            Err(failure) => Some(failure?),
        };
        self.sum_up(false)?;
        let exit = failure.as_ref().map_or(Exit::Done, |failure| failure.exit);
        self.print.end(&self.total, failure.as_ref(), exit)?;
        if let Some(failure) = &failure {
            super::fail(failure);
        }
        Ok(exit)
    }
}
