//! What is checked before anything is sent, so that a refusal leaves the destination as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use btrsync::btrfs::{Forest, Subvolume};
use btrsync::sync::{Plan, Transfer};
use btrsync::text::escaped;

use crate::advice::{EXISTS, Failure};
use crate::select::{Source, What};
use crate::target::Target;

/// Refuses to send a directory into itself.
pub(crate) fn different_places(source: &Source, target: &Target) -> Result<(), Failure> {
    if source.is_directory(&target.place) {
        let message = format!(
            "source and destination are the same directory, {}",
            escaped(&target.place.shown())
        );
        return Err(Failure::new(message, "name another destination, on another filesystem"));
    }
    Ok(())
}

/// Tells a source that names nothing that can be sent.
pub(crate) async fn selects_something(source: &Source, src: &Forest) -> Result<(), Failure> {
    if src.iter().any(|vol| source.what.names(vol)) {
        return Ok(());
    }
    let writable = writable(source).await?;
    let argument = escaped(&source.argument);
    match (&source.what, writable) {
        (What::Below(_), 0) => Ok(()),
        (What::Exactly(_), 0) => {
            let message = format!(
                "{argument} is not among the subvolumes that can be sent from {}",
                source.root.name()
            );
            Err(Failure::new(
                message,
                "check --scope; names of the form .btrsync-….partial are never sent",
            ))
        }
        (What::Exactly(_), _) => {
            let message =
                format!("{argument} is a writable subvolume, and only read-only ones can be sent");
            Err(Failure::new(message, SNAPSHOT))
        }
        (What::Matching(_), 0) => {
            let message = format!("no subvolume of {} matches {argument}", source.root.name());
            Err(Failure::new(message, "quote the pattern; '*' also matches '/'"))
        }
        (_, count) => {
            let message = format!(
                "no read-only subvolume is in {argument}; {count} there can be written and so not be sent"
            );
            Err(Failure::new(message, SNAPSHOT))
        }
    }
}

const SNAPSHOT: &str = "make read-only snapshots with 'btrfs subvolume snapshot -r' and send those";

/// Counts the writable subvolumes that a source names.
async fn writable(source: &Source) -> Result<usize, Failure> {
    let all = source.list_all().await?;
    Ok(all.iter().filter(|vol| !vol.read_only && source.what.names(vol)).count())
}

/// Refuses a plan in which two volumes would get the same name, or one a name that is taken: what
/// stands there is no copy of it that is known, or it would not be in the plan.
pub(super) async fn names_are_free(
    plan: &Plan,
    transfer: &Transfer,
    target: &Target,
) -> Result<(), Failure> {
    if target.dumps {
        return Ok(());
    }
    let mut targets: BTreeMap<PathBuf, &Subvolume> = BTreeMap::new();
    for vol in plan.steps().flat_map(|step| &step.vols) {
        if let Some(other) = targets.insert(transfer.target(vol), vol) {
            return Err(collision(other, vol));
        }
    }
    let paths: Vec<PathBuf> = targets.keys().cloned().collect();
    let taken = target.root.occupied(&paths).await?;
    match taken.first().and_then(|path| Some((path, targets.get(path)?))) {
        Some((path, vol)) => Err(occupied(path, vol, taken.len(), target)),
        None => Ok(()),
    }
}

fn collision(one: &Subvolume, other: &Subvolume) -> Failure {
    let message = format!(
        "{} and {} would both be received as {}",
        escaped(&one.path),
        escaped(&other.path),
        escaped(&one.name)
    );
    Failure::new(message, "give -r to keep their directories, or exclude one with -x")
}

fn occupied(path: &Path, vol: &Subvolume, count: usize, target: &Target) -> Failure {
    let more = match count {
        1 => String::new(),
        n => format!(", and {} other names are taken too", n - 1),
    };
    let message = format!(
        "cannot receive {}: {}/{} already exists{more}",
        escaped(&vol.path),
        target.root.name().trim_end_matches('/'),
        escaped(path),
    );
    Failure::new(message, EXISTS)
}
