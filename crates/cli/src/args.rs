//! The command line. The letters are those of the Python btrsync, so that its users need not learn
//! them again.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use btrsync::sync::root::Pipeline;
use clap::builder::TypedValueParser;
use clap::{ArgAction, Parser, ValueHint};
use tracing_subscriber::filter::Targets;

use crate::amount;
use crate::data_args::Travel;
use crate::ends::Ends;
use crate::shared_args::{Machines, Resume, SELECTION, Selection};

const EXAMPLES: &str = "\
Sources:
  DIR/      every read-only subvolume below DIR; so does DIR, where it is not a subvolume
  PATTERN   every read-only subvolume that matches; * ? [...], and * matches / too
  SUBVOL    just that subvolume, which must be read-only
  FILE      the send streams in it, plain or compressed with zstd
Each may be on another machine: HOST:PATH, USER@HOST:PATH, ssh://USER@HOST:PORT/PATH; but for FILE.

Examples:
  btrsync /snapshots/ /mnt/backup
      show what would be sent, ask, and send all snapshots below /snapshots
  btrsync -y /snapshots/ /mnt/backup
      the same without asking, as in a timer
  btrsync -y /snapshots/ nas:/srv/backup
      send them to another machine, which needs no more than btrfs-progs and ssh
  btrsync -y --sudo-src 'me@laptop:snapshots/2026-*' /mnt/backup
      fetch those that match from another machine, where btrfs runs with sudo
  btrsync -n --json /snapshots/ /mnt/backup
      only tell what would be sent, for a program to read
  btrsync -y -o /mnt/stick -O 'zstd -T0' -e .zst /snapshots/ /mnt/backup
      write what the backup does not have to compressed stream files
  btrsync -yr '/snapshots/home-*' /snapshots/root-1 /mnt/backup
      what matches, and one more; keep their directories

Other commands, each with its own --help (a SOURCE of that name is written ./send):
  btrsync send       write send streams, as 'btrfs send'
  btrsync receive    receive them, as 'btrfs receive'
  btrsync inspect    show what a stream holds
  btrsync verify     compare copies in full with their sources
  btrsync clean      remove what interrupted runs have left
  btrsync doctor     check both sides, and say what to do
  btrsync serve      the other end of a connection, also for keys that can do only one thing
  btrsync manual     write man pages and completions
  btrsync list       list the subvolumes at a location
  btrsync tree       show what descends from what, where it is, and what a sync would do

Exit codes:
  0 done, or nothing to do    1 failed, or declined    2 wrong usage
  3 some transfers failed     4 another run is using the destination
  5 a copy differs            6 a copy could not be compared (both with --verify)
  130 interrupted";

/// Replicates btrfs subvolumes and sends only the differences.
#[derive(Debug, Parser)]
#[command(name = "btrsync", version, disable_version_flag = true, args_override_self = true, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) ends: Ends,

    #[command(flatten)]
    pub(crate) selection: Selection,

    /// Also send subvolumes that the destination has
    #[arg(short = 'f', long, help_heading = SELECTION)]
    pub(crate) existing: bool,

    /// Send nothing in full, only differences
    #[arg(short = 'I', long, help_heading = SELECTION)]
    pub(crate) incremental_only: bool,

    /// Create DESTINATION if it does not exist
    #[arg(short, long, help_heading = DESTINATION)]
    pub(crate) create_destpath: bool,

    /// Keep the directories of SOURCE below DESTINATION; implies -c
    #[arg(short, long, help_heading = DESTINATION)]
    pub(crate) replicate_dirs: bool,

    #[command(flatten)]
    pub(crate) machines: Machines,

    /// Write the streams to files in DIR; DESTINATION is only compared against
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = DUMPS)]
    pub(crate) output_dir: Option<OsString>,

    /// Pass the streams through PIPELINE, words and '|', on their way to the files; without -o what it
    /// prints goes to standard output
    #[arg(short = 'O', long, value_name = "PIPELINE", value_parser = clap::builder::OsStringValueParser::new().try_map(|text| Pipeline::parse(text.as_bytes())), help_heading = DUMPS)]
    pub(crate) output_pipe: Option<Pipeline>,

    /// Append EXT to the names of the files
    #[arg(short = 'e', long, value_name = "EXT", requires = "output_dir", default_value = "", hide_default_value = true, help_heading = DUMPS)]
    pub(crate) output_ext: OsString,

    /// Send without asking
    #[arg(short = 'y', long, overrides_with_all = ["dry_run", "interactive"], help_heading = RUN)]
    pub(crate) no_confirm: bool,

    /// Send nothing, only tell what would be sent
    #[arg(short = 'n', long, overrides_with_all = ["no_confirm", "interactive"], help_heading = RUN)]
    pub(crate) dry_run: bool,

    /// Ask before sending (default)
    #[arg(long, overrides_with_all = ["no_confirm", "dry_run"], hide_short_help = true, help_heading = RUN)]
    interactive: bool,

    /// Send several subvolumes in one transfer where they have the same parent and directory
    #[arg(short = 'B', long, help_heading = RUN)]
    pub(crate) batch: bool,

    /// Run up to N independent transfers at once
    #[arg(short = 'P', long, value_name = "N", num_args = 0..=1, require_equals = true,
        default_missing_value = "4", help_heading = RUN)]
    pub(crate) parallel: Option<NonZeroUsize>,

    /// Then compare each copy in full with its source; a difference is a failure
    #[arg(long, conflicts_with_all = ["output_dir", "output_pipe"], help_heading = RUN)]
    pub(crate) verify: bool,

    /// Wait for another run that uses the destination, for SECONDS at most if given
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
        default_missing_value = "forever", value_parser = wait, help_heading = RUN)]
    pub(crate) wait: Option<Wait>,

    /// Measure for SECONDS at most how much is to be sent, before anything is; 0 for not at all. The
    /// default is 3 where somebody sees it, or where it may not fit
    #[arg(long, value_name = "SECONDS", value_parser = seconds, hide_short_help = true, help_heading = RUN)]
    pub(crate) estimate: Option<Duration>,

    /// Send also what does not seem to fit into the free space of DESTINATION
    #[arg(long, hide_short_help = true, help_heading = RUN)]
    pub(crate) no_space_check: bool,

    /// Hold up to SIZE bytes of each stream in memory while the receiver is busy; K, M and G are units,
    /// 0 is none. The default is 16M, and none where this process itself is at both ends, or one of
    /// them on another machine
    #[arg(long, value_name = "SIZE", value_parser = amount::size, hide_short_help = true, help_heading = RUN)]
    pub(crate) buffer: Option<usize>,

    /// Send at most RATE KiB in a second, all transfers together; M and G are units, 0 is no limit
    #[arg(long, value_name = "RATE", default_value = "0", hide_default_value = true, value_parser = amount::rate, hide_short_help = true, help_heading = RUN)]
    pub(crate) bwlimit: u64,

    #[command(flatten)]
    pub(crate) travel: Travel,

    #[command(flatten)]
    pub(crate) resume: Resume,

    /// Tell more
    #[arg(short, long, help_heading = OUTPUT)]
    pub(crate) verbose: bool,

    /// Tell errors only; twice: nothing but the question
    #[arg(short, long, action = ArgAction::Count, help_heading = OUTPUT)]
    pub(crate) quiet: u8,

    /// Log what is done to standard error: a level (error, warn, info, debug, trace) or TARGET=LEVEL, several
    /// apart by commas, as in btrsync::receive=debug; instead of bars
    #[arg(long, value_name = "FILTER", value_parser = crate::log::filter, hide_short_help = true, help_heading = OUTPUT)]
    pub(crate) log_level: Option<Targets>,

    /// Tell the progress of each transfer; as bars on a terminal, which shows them anyway
    #[arg(short, long, help_heading = OUTPUT)]
    pub(crate) progress: bool,

    /// Time between two reports of progress, in seconds
    #[arg(short = 't', long, value_name = "SEC", default_value = "1", value_parser = period, hide_short_help = true, help_heading = OUTPUT)]
    pub(crate) progress_period: Duration,

    /// Write one JSON object a line to standard output, and nothing else there
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = OUTPUT)]
    version: Option<bool>,
}

const DESTINATION: &str = "Where to";
const DUMPS: &str = "Streams instead of subvolumes";
pub(crate) const RUN: &str = "How";
const OUTPUT: &str = "What is told";

/// How long to wait for another run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Forever,
    For(Duration),
}

/// What to do with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Ask,
    Go,
    Tell,
}

impl Args {
    /// Whether standard output is for the streams.
    pub(crate) fn streams_to_stdout(&self) -> bool {
        self.output_pipe.is_some() && self.output_dir.is_none()
    }

    pub(crate) fn mode(&self) -> Mode {
        match (self.dry_run, self.no_confirm) {
            (true, _) => Mode::Tell,
            (_, true) => Mode::Go,
            _ => Mode::Ask,
        }
    }
}

pub(crate) fn wait(text: &str) -> Result<Wait, String> {
    match text {
        "forever" => Ok(Wait::Forever),
        text => Ok(Wait::For(seconds(text)?)),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn period(text: &str) -> Result<Duration, String> {
    let period = seconds(text)?;
    match period.is_zero() {
        true => Err("must be more than 0".to_owned()),
        // As the library does it: the rate is told by this period.
        false => Ok(period.clamp(Duration::from_millis(10), Duration::from_secs(24 * 60 * 60))),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let words = ["btrsync"].into_iter().chain(line.split_whitespace());
        let found = crate::ends::parse(Args::command(), words.map(OsString::from).collect());
        found.and_then(|found| Args::from_arg_matches(&found))
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_last_of_several_modes_counts() {
        assert_eq!(parse("a b").unwrap().mode(), Mode::Ask);
        assert_eq!(parse("-y a b").unwrap().mode(), Mode::Go);
        assert_eq!(parse("-y -n a b").unwrap().mode(), Mode::Tell);
        assert_eq!(parse("-n -y a b").unwrap().mode(), Mode::Go);
        assert_eq!(parse("-y --interactive a b").unwrap().mode(), Mode::Ask);
    }

    #[test]
    fn several_sources_come_before_the_destination() {
        let ends = parse("a -y b -x glob c").unwrap().ends;
        assert_eq!((ends.sources.len(), ends.destination), (2, OsString::from("c")));
        assert!(parse("a").is_err());
    }

    #[test]
    fn parallel_takes_a_number_only_behind_an_equals_sign() {
        assert_eq!(parse("a b").unwrap().parallel, None);
        assert_eq!(parse("-P a b").unwrap().parallel.map(NonZeroUsize::get), Some(4));
        assert_eq!(parse("--parallel=2 a b").unwrap().parallel.map(NonZeroUsize::get), Some(2));
        assert!(parse("-P=0 a b").is_err());
    }

    #[test]
    fn waiting_takes_seconds_only_behind_an_equals_sign() {
        assert_eq!(parse("a b").unwrap().wait, None);
        assert_eq!(parse("--wait a b").unwrap().wait, Some(Wait::Forever));
        let half = Duration::from_millis(500);
        assert_eq!(parse("--wait=0.5 a b").unwrap().wait, Some(Wait::For(half)));
        assert!(parse("--wait=-1 a b").is_err() && parse("--wait=x a b").is_err());
    }

    #[test]
    fn an_extension_needs_a_directory_and_a_pipeline_must_be_one() {
        let args = parse("-o d -e .zst a b").unwrap();
        assert_eq!(args.output_ext, ".zst");
        assert!(!args.streams_to_stdout() && parse("-O cat a b").unwrap().streams_to_stdout());
        assert!(parse("-e .zst a b").is_err() && parse("-O cat| a b").is_err());
    }

    #[test]
    fn the_default_buffer_is_left_to_the_library() {
        let args = parse("a b").unwrap();
        assert_eq!((args.buffer, args.bwlimit), (None, 0));
        let args = parse("--buffer 1k --bwlimit=2 a b").unwrap();
        assert_eq!((args.buffer, args.bwlimit), (Some(1024), 2048));
        assert!(parse("--buffer x a b").is_err() && parse("--bwlimit=100B a b").is_err());
    }

    #[test]
    fn the_default_checkpoints_are_those_of_the_library() {
        let checkpoints = |line| parse(line).unwrap().resume.checkpoints();
        assert_eq!(checkpoints("a b"), btrsync::sync::root::Checkpoints::default());
        let clean = checkpoints("--no-resume --checkpoint=1M a b");
        assert_eq!((clean.every, clean.resume), (1 << 20, false));
    }

    #[test]
    fn periods_are_positive_numbers() {
        assert_eq!(parse("-t 0.5 a b").unwrap().progress_period, Duration::from_millis(500));
        for bad in ["0", "-1", "x", "1e30", "nan"] {
            assert!(parse(&format!("-t={bad} a b")).is_err(), "{bad}");
        }
    }
}
