//! `btrsync tree`: the COW forest of a source, where its subvolumes are, and what a sync would do. It only
//! reads, takes no lock, and asks for nothing that a dry run does not ask for.

mod dot;
mod drawing;
mod html;
mod json;
mod layout;
mod lines;
mod svg;
mod text;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

use btrsync::btrfs::{Diff, Subvolume, default_keys};
use btrsync::receive::Partial;
use btrsync::sync::picture::{self, Picture};
use btrsync::sync::root::{BtrfsRoot, RootOptions};
use btrsync::sync::{BtrSync, Plan, Survey, SyncOptions, Transfer};
use btrsync::text::escaped;
use clap::ValueEnum;

use self::drawing::Drawing;
use super::seeing::{self, Listed};
use crate::advice::Failure;
use crate::exit::Exit;
use crate::invocation::check;
use crate::places::Places;
use crate::screen::Screen;
use crate::select::{self, Source};
use crate::shared_args::{Machines, Selection};
use crate::target::Target;

const EXAMPLES: &str = "\
Each subvolume stands under the one that it descends from. A line goes straight down from snapshot to
snapshot, and a writable subvolume stands behind its newest snapshot, as what it became since.
With DESTINATION, what a sync of the two would do is told, and what only the destination has.

Examples:
  btrsync tree /snapshots/
      what descends from what
  btrsync tree /snapshots/ /mnt/backup
      what is on both sides, only here, only there, and what a sync would send, from which parent
  btrsync tree --format html -o backup.html /snapshots/ nas:/srv/backup
      the same as a page to look at and to search in
  btrsync tree --format dot /snapshots/ | dot -Tpdf > snapshots.pdf
      the same for graphviz

Exit codes:
  0 shown     1 failed     2 wrong usage     130 interrupted";

/// Shows which subvolume descends from which, where each is, and what a sync would do.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync tree", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// What to show: a directory, a pattern, a subvolume, or a stream file
    #[arg(value_name = "SOURCE", required = true, value_hint = clap::ValueHint::AnyPath)]
    source: OsString,

    /// What to compare it with: a directory on a btrfs filesystem
    #[arg(value_name = "DESTINATION", value_hint = clap::ValueHint::AnyPath)]
    destination: Option<OsString>,

    #[command(flatten)]
    selection: Selection,

    /// A sync would keep the directories of SOURCE; what was interrupted is looked for in these
    #[arg(short, long, requires = "destination", help_heading = seeing::TOLD)]
    replicate_dirs: bool,

    #[command(flatten)]
    machines: Machines,

    /// As what to show it
    #[arg(long, value_enum, default_value = "text", help_heading = seeing::TOLD)]
    format: Format,

    /// Write to FILE, which must not exist
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = seeing::TOLD)]
    output: Option<PathBuf>,

    /// Make lines of at most COLUMNS; else of what the terminal has
    #[arg(long, value_name = "COLUMNS", help_heading = seeing::TOLD)]
    width: Option<usize>,

    /// Write one JSON object a line to standard output, and nothing else there
    #[arg(long, conflicts_with_all = ["format", "output"], help_heading = seeing::TOLD)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for the terminal
    Text,
    /// A graph for graphviz
    Dot,
    /// A picture
    Svg,
    /// A page that is complete in itself, to look at and to search in
    Html,
}

/// What was found.
struct Found {
    source: Arc<Source>,
    listed: Listed,
    other: Option<Other>,
}

/// The other side, and what a sync would do.
struct Other {
    root: Arc<dyn BtrfsRoot>,
    listed: Listed,
    target: Target,
    diff: Diff,
    plan: Plan,
    partial: Vec<Partial>,
}

/// What is shown of it.
struct Looked<'a> {
    source: String,
    destination: Option<String>,
    picture: Picture<'a>,
}

pub(super) fn main(args: &Args) -> Exit {
    let ended = seeing::run(&args.machines, async |places| look(args, places).await);
    seeing::end(args.json, &ended.and_then(|found| tell(args, &found.looked())))
}

impl Found {
    fn looked(&self) -> Looked<'_> {
        let selected = |vol: &Subvolume| self.source.selects(vol);
        let (side, source) = (self.listed.side(), self.source.root.name());
        let Some(other) = &self.other else {
            let picture = Picture { source: picture::show(side, selected), ..Picture::default() };
            return Looked { source, destination: None, picture };
        };
        let Other { diff, plan, partial, .. } = other;
        let there = picture::Other { side: other.listed.side(), diff, plan, partial };
        let below = &other.target.path;
        let rest = |vol: &Subvolume| vol.path.starts_with(below) && vol.path != *below;
        let picture = picture::compare(side, selected, there, rest);
        Looked { source, destination: Some(other.root.name()), picture }
    }
}

fn tell(args: &Args, looked: &Looked<'_>) -> Result<(), Failure> {
    if args.json {
        return seeing::write(&json::all(&looked.picture));
    }
    let drawing = Drawing::new(looked);
    let shown = match args.format {
        Format::Text => {
            // A file has no width and no colours.
            let screen = args.output.is_none().then(|| Screen::stdout(args.width));
            text::all(&drawing, &screen.unwrap_or(Screen::plain(args.width)))
        }
        Format::Dot => dot::all(&drawing),
        Format::Svg => svg::all(&drawing),
        Format::Html => html::all(&drawing),
    };
    match &args.output {
        None => seeing::write(&shown),
        Some(path) => create(path, &shown),
    }
}

fn create(path: &std::path::Path, shown: &str) -> Result<(), Failure> {
    use std::io::Write;
    let created = std::fs::File::create_new(path);
    created.and_then(|mut file| file.write_all(shown.as_bytes())).map_err(|error| {
        let message = format!("cannot write {}: {error}", escaped(path));
        Failure::new(message, "name a file that does not exist, where you may write")
    })
}

async fn look(args: &Args, places: &Places<'_>) -> Result<Found, Failure> {
    let source = Arc::new(Source::find(&args.source, places, &args.selection).await?);
    match &args.destination {
        Some(destination) => both(args, places, source, destination).await,
        None => {
            let listed = Listed::new(source.list_all().await?, source.root.as_ref()).await;
            Ok(Found { source, listed, other: None })
        }
    }
}

async fn both(
    args: &Args,
    places: &Places<'_>,
    source: Arc<Source>,
    destination: &OsStr,
) -> Result<Found, Failure> {
    let target = Target::existing(places, destination).await?;
    check::different_places(&source, &target)?;
    let place = &target.place;
    let (root, _) = place.factory.get_root(&place.path, &RootOptions::default()).await?;
    let options = SyncOptions { hooks: select::hooks(&source), ..SyncOptions::default() };
    let sync = BtrSync::new(Arc::clone(&source.root), Arc::clone(&root));
    let Survey { src, dst, plan } = sync.survey(&options).await?;
    let (all, there) = (source.list_all().await?, target.root.list().await?);
    let transfer = Transfer::new(&target.path).replicate_dirs(args.replicate_dirs);
    let partial = partial(&plan, root.as_ref(), &transfer).await?;
    let diff = Diff::new(&src, &dst, &default_keys(), &default_keys());
    let (sizes, sizes_there) = (source.root.sizes().await, target.root.sizes().await);
    let listed = Listed { all: there, read_only: dst, sizes: sizes_there };
    let other = Other { root, listed, target, diff, plan, partial };
    Ok(Found { source, listed: Listed { all, read_only: src, sizes }, other: Some(other) })
}

/// What a sync would continue, in the directories that it would receive into.
async fn partial(
    plan: &Plan,
    root: &dyn BtrfsRoot,
    transfer: &Transfer,
) -> Result<Vec<Partial>, Failure> {
    let vols = plan.steps().flat_map(|step| &step.vols);
    let directories: BTreeSet<PathBuf> = vols.map(|vol| transfer.directory(vol)).collect();
    let mut partial = Vec::new();
    for directory in directories {
        partial.extend(root.partial(&directory).await?);
    }
    Ok(partial)
}
