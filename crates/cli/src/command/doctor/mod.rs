//! `btrsync doctor`: what stands in the way of a sync, here and at each location, and what to do about it.
//!
//! The hazard is advice from a guess. So what is there is gathered first, by whatever would do the work of a sync
//! ([`Facts`]), and what it means is decided from that alone. It reads, and changes nothing.

mod check;
mod feature;
mod login;
mod tell;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

use btrsync::sync::root::Facts;

use self::check::{Check, Role, State};
use self::feature::Feature;
use super::seeing;
use crate::advice::Failure;
use crate::exit::Exit;
use crate::places::{Places, Side};
use crate::shared_args::Machines;

const EXAMPLES: &str = "\
Without LOCATION it looks at this machine alone. Of several, the last is a DESTINATION and the others are SOURCES,
as in a sync with the same options; then what holds between them is told too. Nothing is changed anywhere.

Examples:
  btrsync doctor
      this machine: kernel, rights, programs
  btrsync doctor nas:/srv/backup
      whether one can log in there, what is installed, and what is there
  btrsync doctor /snapshots/ nas:/srv/backup
      both sides of a sync, and which features it will have
  btrsync doctor --json --sudo-dest me@nas:/srv/backup | jq -r 'select(.state == \"bad\").do'
      what must be done, for a program to read

Exit codes:
  0 nothing prevents a sync    1 something does    2 wrong usage    130 interrupted";

/// Checks what a sync needs, here and at locations, and says what to do.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync doctor", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// What to look at: paths, here or as HOST:PATH
    #[arg(value_name = "LOCATION", value_hint = clap::ValueHint::AnyPath)]
    locations: Vec<OsString>,

    #[command(flatten)]
    machines: Machines,

    /// Write one JSON object a line to standard output, and nothing else there
    #[arg(long, help_heading = seeing::TOLD)]
    json: bool,
}

/// What was found at a location, or on this machine.
struct Found {
    /// The argument; none for this machine.
    location: Option<OsString>,
    checks: Vec<Check>,
    features: Vec<Feature>,
}

/// All that is told.
struct Examined {
    found: Vec<Found>,
    /// What holds between each source and the destination.
    between: Vec<(OsString, Vec<Feature>)>,
}

pub(super) fn main(args: &Args) -> Exit {
    let ended = seeing::run(&args.machines, async |places| examine(args, places).await);
    seeing::end(args.json, &ended.and_then(|examined| tell(args, &examined)))
}

fn tell(args: &Args, examined: &Examined) -> Result<(), Failure> {
    tell::all(args.json, examined)?;
    let checks = || examined.found.iter().flat_map(|found| &found.checks);
    match checks().filter(|check| check.state == State::Bad).count() {
        0 => Ok(()),
        1 => Err(Failure::new("one thing prevents a sync", "see above")),
        count => Err(Failure::new(format!("{count} things prevent a sync"), "see above")),
    }
}

async fn examine(args: &Args, places: &Places<'_>) -> Result<Examined, Failure> {
    let mut examined = Examined { found: Vec::new(), between: Vec::new() };
    // Sudo may ask for a password, so it is left alone where it is for another machine.
    let sudo = args.locations.is_empty() && places.sudo(Side::Source);
    let here = places.here(sudo).examine(None).await?;
    let some_here = args.locations.iter().any(is_here);
    if !some_here {
        let role = if args.locations.is_empty() { Role::Machine } else { Role::Client };
        examined.found.push(Found::new(None, &here, role));
    }
    let mut sides: Vec<(&OsString, Facts)> = Vec::new();
    for (at, location) in args.locations.iter().enumerate() {
        let role = Role::of(at, args.locations.len());
        let looked = look(places, location, role).await;
        match looked {
            Ok(facts) => {
                examined.found.push(Found::new(Some(location), &facts, role));
                sides.push((location, facts));
            }
            Err(failure) if failure.exit == Exit::Failed => {
                let (location, checks) = (Some(location.clone()), vec![login::check(failure)]);
                examined.found.push(Found { location, checks, features: Vec::new() });
            }
            Err(failure) => return Err(failure),
        }
    }
    if let (Some((last, sources)), true) = (sides.split_last(), sides.len() == args.locations.len())
    {
        let between = |(source, facts): &(&OsString, Facts)| {
            ((*source).clone(), feature::between(facts, &last.1))
        };
        let fits = |source: &&(&OsString, Facts)| {
            feature::is_conceivable(&source.1) && feature::is_conceivable(&last.1)
        };
        examined.between = sources.iter().filter(fits).map(between).collect();
    }
    Ok(examined)
}

async fn look(places: &Places<'_>, location: &OsString, role: Role) -> Result<Facts, Failure> {
    let side = if role == Role::Destination { Side::Destination } else { Side::Source };
    let (factory, path) = places.reach(location, side, role == Role::Either).await?;
    Ok(factory.examine(Some(&path)).await?)
}

fn is_here(location: &OsString) -> bool {
    matches!(crate::location::parse(location), Ok(crate::location::Location::Here(_)))
}

impl Found {
    fn new(location: Option<&OsString>, facts: &Facts, role: Role) -> Self {
        let checks = check::all(facts, role);
        let features = match role {
            Role::Either if feature::is_conceivable(facts) => feature::alone(facts),
            _ => Vec::new(),
        };
        Self { location: location.cloned(), checks, features }
    }
}
