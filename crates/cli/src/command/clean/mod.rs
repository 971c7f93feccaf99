//! `btrsync clean`: removes what interrupted runs have left.
//!
//! A run does that by itself for the directory that it receives into, but for what could be continued.
//! This is for directories and subvolumes that nobody sends to again, and for whoever needs the room now.

mod tell;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use btrsync::Cancel;
use btrsync::sync::root::{BtrfsRoot, Kind, Leftover, RootError, RootOptions, default_root};
use btrsync::text::escaped;
use clap::ArgAction;

use self::tell::Tell;
use crate::advice::Failure;
use crate::args::{Mode, Wait, wait};
use crate::exit::Exit;
use crate::places::{Place, Places, Side};
use crate::prompt::{self, Answer};
use crate::shared_args::Machines;
use crate::signals::Interrupted;
use crate::waiting::{Patience, until_free};

const EXAMPLES: &str = "\
What is left is found by its name, .btrsync-… and one of four endings, and by being what such a name is for:
  .partial      a subvolume that was not received to its end, here or in any directory below
  .checkpoint   a snapshot of one, from which a rerun of the sync goes on, here or below
  .dump         a stream file that was not written to its end, here
  .stream       one that a rerun goes on with, here
A run that sends the same subvolumes into the same directory continues what it can of these.

Examples:
  btrsync clean /mnt/backup
      show what is left, ask, and remove it
  btrsync clean -y nas:/srv/backup
      the same on another machine, without asking
  btrsync clean -n --json /mnt/backup
      only tell, for a program to read

Exit codes:
  0 all is removed, or there was nothing    1 failed, or declined    2 wrong usage
  3 some could not be removed               4 a run is at work in one of the directories
  130 interrupted";

/// Removes what interrupted runs have left.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync clean", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// Where the runs went to: a directory, here or as HOST:PATH
    #[arg(value_name = "DESTINATION", required = true, value_hint = clap::ValueHint::AnyPath)]
    destination: OsString,

    /// Remove without asking
    #[arg(short = 'y', long, alias = "no-confirm", overrides_with = "dry_run")]
    yes: bool,

    /// Remove nothing, only tell what would be removed
    #[arg(short = 'n', long, overrides_with = "yes")]
    dry_run: bool,

    /// Wait for a run that is at work there, for SECONDS at most if given
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
        default_missing_value = "forever", value_parser = wait)]
    wait: Option<Wait>,

    /// Tell errors only; twice: nothing but the question
    #[arg(short, long, action = ArgAction::Count)]
    quiet: u8,

    /// Write one JSON object a line to standard output, and nothing else there
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    machines: Machines,
}

impl Args {
    fn mode(&self) -> Mode {
        match (self.dry_run, self.yes) {
            (true, _) => Mode::Tell,
            (_, true) => Mode::Go,
            _ => Mode::Ask,
        }
    }
}

/// What became of what was found.
#[derive(Debug, Default)]
pub(super) struct Tally {
    found: usize,
    removed: usize,
    failed: usize,
}

pub(super) fn main(args: &Args) -> Exit {
    let tell = Tell { json: args.json, quiet: args.quiet };
    let mut tally = Tally::default();
    let exit = clean(args, &tell, &mut tally).unwrap_or_else(|failure| {
        tell.failure(&failure);
        failure.exit
    });
    tell.summary(&tally, exit);
    exit
}

fn clean(args: &Args, tell: &Tell, tally: &mut Tally) -> Result<Exit, Failure> {
    if args.mode() == Mode::Ask && !prompt::can_ask() {
        return Err(Failure::usage("there is no terminal to ask 'Proceed?' on")
            .hint("give -y to remove without asking, or -n to only tell what would be removed"));
    }
    let (cancel, interrupted) = super::cancelled_by_signals()?;
    let failed =
        |error| Failure::new(format!("cannot start: {error}"), "check the system's limits");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.map_err(failed)?.block_on(async {
        let places = Places::new(&args.machines, &cancel);
        let cleaning = Cleaning { args, tell, cancel: &cancel, interrupted };
        let ended = cleaning.run(&places, tally).await;
        places.close().await;
        ended
    })
}

struct Cleaning<'a> {
    args: &'a Args,
    tell: &'a Tell,
    cancel: &'a Cancel,
    interrupted: Interrupted,
}

impl Cleaning<'_> {
    async fn run(&self, places: &Places<'_>, tally: &mut Tally) -> Result<Exit, Failure> {
        let place = places.find(&self.args.destination, Side::Destination).await?;
        let (root, path) = root(&place).await?;
        let found = self.waiting(async || root.leftovers(&path).await).await?;
        tally.found = found.len();
        self.tell.found(&root.name(), &found, self.args.mode());
        if found.is_empty() {
            return Ok(Exit::Done);
        }
        match self.proceed()? {
            Answer::Yes => self.remove_all(root.as_ref(), &found, tally).await,
            Answer::Skip => Ok(Exit::Done),
            Answer::No => Err(Failure {
                message: "nothing was removed, as you wished".into(),
                ..Failure::declined()
            }),
        }
    }

    /// Removes one after another; what cannot be removed keeps none of the others.
    async fn remove_all(
        &self,
        root: &dyn BtrfsRoot,
        found: &[Leftover],
        tally: &mut Tally,
    ) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        for left in found {
            if self.interrupted.is_set() {
                return Ok(Exit::Interrupted);
            }
            match self.waiting(async || is_removed(root.remove(left).await)).await {
                Ok(by_us) => {
                    tally.removed += 1;
                    self.tell.removed(left, by_us);
                }
                Err(failure) => {
                    tally.failed += 1;
                    self.tell.failure(&failure);
                    exit = if exit == Exit::Done { failure.exit } else { exit };
                }
            }
        }
        Ok(if tally.failed > 0 && tally.removed > 0 { Exit::Partial } else { exit })
    }

    async fn waiting<T>(
        &self,
        attempt: impl AsyncFnMut() -> Result<T, RootError>,
    ) -> Result<T, Failure> {
        let note = |text: &str| self.tell.note(text);
        let patience = Patience { wait: self.args.wait, silence: self.args.machines.patience() };
        let ended = until_free(patience, self.cancel, note, attempt).await;
        ended.map_err(|failure| if self.interrupted.is_set() { interrupted() } else { failure })
    }

    fn proceed(&self) -> Result<Answer, Failure> {
        match self.args.mode() {
            Mode::Tell => Ok(Answer::Skip),
            Mode::Go => Ok(Answer::Yes),
            Mode::Ask => match prompt::ask(self.cancel, self.tell.question()) {
                Ok(answer) => Ok(answer),
                Err(_) if self.interrupted.is_set() => Err(interrupted()),
                Err(error) => {
                    let message = format!("cannot read the answer: {error}");
                    Err(Failure::new(message, "give -y to remove without asking"))
                }
            },
        }
    }
}

fn interrupted() -> Failure {
    Failure { message: "interrupted; what is left stays".into(), ..Failure::interrupted() }
}

/// What another run has removed meanwhile is gone as was wanted; tells whether it was us.
fn is_removed(removed: Result<(), RootError>) -> Result<bool, RootError> {
    match removed {
        Err(RootError::Vanished { .. }) => Ok(false),
        other => other.map(|()| true),
    }
}

/// The root of a destination; where that is not on btrfs, it can only have dumps.
async fn root(place: &Place) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), Failure> {
    match place.look.kind {
        Kind::Directory | Kind::Subvolume => {}
        Kind::Missing => {
            let message = format!("{} does not exist", escaped(&place.shown()));
            return Err(Failure::new(message, "check the path; is its filesystem mounted?"));
        }
        _ => return Err(RootError::NotADirectory { path: place.shown() }.into()),
    }
    match place.factory.get_root(&place.path, &RootOptions::default()).await {
        Err(RootError::NotBtrfs { .. }) if place.is_here() => {
            let dumps = default_root("file-dump").map_err(Failure::usage)?;
            Ok(dumps.get_root(&place.path, &RootOptions::default()).await?)
        }
        other => Ok(other?),
    }
}
