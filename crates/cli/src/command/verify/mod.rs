//! `btrsync verify`: compares copies in full with their sources.

mod tell;

use std::sync::Arc;

use btrsync::Cancel;
use btrsync::sync::{BtrSync, Hooks, SyncOptions};
use btrsync::verify::DigestOptions;
use clap::ArgAction;

use self::tell::Tell;
use crate::advice::Failure;
use crate::checking::{Checker, NAMED, Tally};
use crate::ends::Ends;
use crate::exit::Exit;
use crate::invocation::check;
use crate::places::Places;
use crate::select::Source;
use crate::shared_args::{Machines, Selection};
use crate::target::Target;

const EXAMPLES: &str = "\
Both sides read everything from the disk and digest it; digests are compared, and where they
differ the paths are named. Content, sizes, modes, owners, modification times, all extended
attributes and hard links count; access times, file flags (chattr) and nested subvolumes do not.
A stream file is replayed beside the copy, and what that makes is deleted again.

Examples:
  btrsync verify /snapshots/ /mnt/backup
      compare every snapshot below /snapshots with its copy
  btrsync verify /snapshots/monday /mnt/backup
      just this one
  btrsync verify monday.btrfs_stream.zst /mnt/backup
      compare what is in a stream file with what was received from it

Exit codes:
  0 all are equal     1 failed       2 wrong usage
  5 one differs, or is missing       6 one could not be checked, or nothing was
  130 interrupted";

/// Compares copies in full with their sources.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync verify", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    ends: Ends,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    machines: Machines,

    /// Take a hole for something else than zeros; most ways to send do not keep them
    #[arg(long, help_heading = COMPARED)]
    holes: bool,

    /// Pass over the modification time of the root, which 'btrfs receive' sets to that of the receive
    #[arg(long, help_heading = COMPARED)]
    ignore_root_mtime: bool,

    /// Name all differences, not just the first of each copy
    #[arg(long, help_heading = TOLD)]
    all: bool,

    /// Tell only what is not equal; twice: nothing
    #[arg(short, long, action = ArgAction::Count, help_heading = TOLD)]
    quiet: u8,

    /// Write one JSON object a line to standard output, and nothing else there
    #[arg(long, help_heading = TOLD)]
    json: bool,
}

const COMPARED: &str = "What is compared";
const TOLD: &str = "What is told";

pub(super) fn main(args: &Args) -> Exit {
    let tell = Tell { json: args.json, quiet: args.quiet };
    let mut tally = Tally::default();
    let exit = match verify(args, &tell, &mut tally) {
        Ok(()) if tally.all() == 0 => {
            tell.failure(&nothing());
            Exit::Unchecked
        }
        Ok(()) => tally.exit(),
        Err(failure) => {
            tell.failure(&failure);
            failure.exit
        }
    };
    tell.summary(&tally, exit);
    exit
}

fn nothing() -> Failure {
    Failure::new("nothing was checked: no subvolume is selected", "check SOURCE, -x and -i")
}

fn verify(args: &Args, tell: &Tell, tally: &mut Tally) -> Result<(), Failure> {
    let (cancel, _) = super::cancelled_by_signals()?;
    let failed =
        |error| Failure::new(format!("cannot start: {error}"), "check the system's limits");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.map_err(failed)?.block_on(async {
        let places = Places::new(&args.machines, &cancel).only_looking();
        let ended = all(args, &places, &cancel, tell, tally).await;
        if let Some(note) = places.unseen() {
            super::tell(&format!("btrsync: note: {note}\n"));
        }
        places.close().await;
        ended
    })
}

async fn all(
    args: &Args,
    places: &Places<'_>,
    cancel: &Cancel,
    tell: &Tell,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let target = Target::existing(places, &args.ends.destination).await?;
    let mut sources = Vec::new();
    for argument in &args.ends.sources {
        sources.push(Arc::new(Source::find(argument, places, &args.selection).await?));
    }
    for source in &sources {
        one(args, source, &target, cancel, tell, tally).await?;
    }
    Ok(())
}

/// Verifies what one source selects.
async fn one(
    args: &Args,
    source: &Arc<Source>,
    target: &Target,
    cancel: &Cancel,
    tell: &Tell,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let selecting = Arc::clone(source);
    let hooks = Hooks::default().target(move |vol| selecting.selects(vol));
    let options = SyncOptions { hooks, ..SyncOptions::default() };
    let sync = BtrSync::new(Arc::clone(&source.root), Arc::clone(&target.root));
    let pairs = sync.pairs(&options).await?;
    if pairs.is_empty() {
        check::selects_something(source, &source.root.list().await?).await?;
    }
    let named = if args.all { usize::MAX } else { NAMED };
    let options = DigestOptions { holes: args.holes, root_mtime: !args.ignore_root_mtime };
    let checker = Checker { source, target, options, named, cancel };
    for pair in &pairs {
        checker.pair(pair, tally, &|checked| tell.checked(checked)).await?;
    }
    Ok(())
}
