//! `btrsync list`: the subvolumes at a location. It only reads, takes no lock, and asks for nothing that a
//! listing does not tell.

mod tell;

use std::ffi::OsString;

use btrsync::sync::picture;

use super::seeing::{self, Listed};
use crate::advice::Failure;
use crate::exit::Exit;
use crate::places::Places;
use crate::select::Source;
use crate::shared_args::{Machines, Selection};

const EXAMPLES: &str = "\
Locations are those of SOURCE: a directory, a pattern, a subvolume or a stream file, here or as HOST:PATH.

Examples:
  btrsync list /mnt/backup/
      everything below it: path, id, age, whether it is read-only, and what it descends from
  btrsync list -v '/snapshots/home-*'
      what matches, with UUIDs
  btrsync list --json nas:/srv/backup | jq -r 'select(.event == \"subvolume\" and .read_only).path'
      for a program to read

Exit codes:
  0 listed, also where nothing is there    1 failed    2 wrong usage    130 interrupted";

/// Lists the subvolumes at a location.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync list", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// What to list: a directory, a pattern, a subvolume, or a stream file
    #[arg(value_name = "LOCATION", required = true, value_hint = clap::ValueHint::AnyPath)]
    location: OsString,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    machines: Machines,

    /// Tell UUIDs too
    #[arg(short, long, help_heading = seeing::TOLD)]
    verbose: bool,

    /// Make lines of at most COLUMNS; else of what the terminal has
    #[arg(long, value_name = "COLUMNS", help_heading = seeing::TOLD)]
    width: Option<usize>,

    /// Write one JSON object a line to standard output, and nothing else there
    #[arg(long, help_heading = seeing::TOLD)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Exit {
    let ended = seeing::run(&args.machines, async |places| look(args, places).await);
    let told = ended.and_then(|(source, listed)| {
        let told = tell(args, &source, &listed);
        // It goes with the process, at once; one by one, thousands of records take longer.
        std::mem::forget(listed);
        told
    });
    seeing::end(args.json, &told)
}

async fn look(args: &Args, places: &Places<'_>) -> Result<(Source, Listed), Failure> {
    let source = Source::find(&args.location, places, &args.selection).await?;
    let listed = Listed::new(source.list_all().await?, source.root.as_ref()).await;
    Ok((source, listed))
}

fn tell(args: &Args, source: &Source, listed: &Listed) -> Result<(), Failure> {
    tell::all(args, &picture::show(listed.side(), |vol| source.selects(vol)))
}
