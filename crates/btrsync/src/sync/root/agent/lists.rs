//! What a root of the other side lists. It may be anything, and as much as it likes to send.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub(super) use crate::agent::is_below;
use crate::agent::{Answer, Bytes, Impossible, Request};
use crate::btrfs::{Forest, Subvolume};
use crate::receive::Partial;
use crate::sync::root::error::RootError;

use super::Far;

/// How many subvolumes a listing may have: more than fit on a filesystem that still works.
const MOST: usize = 4_000_000;

/// How much of a list of paths is asked for at once, in bytes.
const PIECE: usize = 256 * 1024;

pub(super) fn list(far: &Far) -> Result<Forest, RootError> {
    let client = &far.client;
    let channel = client.call(&Request::List { root: far.id() }, client.cancel())?;
    let (mut vols, mut shown) = (Vec::new(), HashSet::new());
    loop {
        match client.answer(&channel, client.cancel())? {
            Answer::Vols(more) if vols.len() + more.len() <= MOST => {
                for vol in more {
                    let is_shown = !vol.left_out;
                    let vol = Subvolume::try_from(vol).map_err(|what| client.garbled(what.0))?;
                    shown.extend(is_shown.then_some(vol.id));
                    vols.push(vol);
                }
            }
            Answer::Done => return Ok(Forest::new(vols, |vol| shown.contains(&vol.id))),
            _ => return Err(client.garbled("its listing is none")),
        }
    }
}

pub(super) fn partial(far: &Far, path: Bytes) -> Result<Vec<Partial>, RootError> {
    let client = &far.client;
    let Answer::Partial(parts) = client.ask(&Request::Partial { root: far.id(), path })? else {
        return Err(client.garbled("it does not say what was interrupted"));
    };
    let parts = parts.into_iter().map(Partial::try_from).collect::<Result<_, Impossible>>();
    parts.map_err(|what| client.garbled(what.0))
}

pub(super) fn show(far: &Far, path: Bytes) -> Result<Subvolume, RootError> {
    match far.client.ask(&Request::Show { root: far.id(), path })? {
        Answer::Vol(vol) => vol.try_into().map_err(|what: Impossible| far.client.garbled(what.0)),
        _ => Err(far.client.garbled("it does not show a subvolume")),
    }
}

/// Asks for all paths, in pieces that fit into a message.
pub(super) fn occupied(far: &Far, paths: &[PathBuf]) -> Result<Vec<PathBuf>, RootError> {
    let mut taken = Vec::new();
    let mut rest = paths;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(fitting(rest));
        taken.extend(taken_of(far, piece)?);
        rest = later;
    }
    Ok(taken)
}

/// How many paths fit into a message; one at least.
fn fitting(paths: &[PathBuf]) -> usize {
    let mut size = 0;
    let over = |path: &PathBuf| {
        size += path.as_os_str().len() + 8;
        size > PIECE
    };
    paths.iter().position(over).unwrap_or(paths.len()).max(1)
}

fn taken_of(far: &Far, paths: &[PathBuf]) -> Result<Vec<PathBuf>, RootError> {
    let asked = paths.iter().map(Bytes::of).collect();
    match far.client.ask(&Request::Occupied { root: far.id(), paths: asked })? {
        Answer::Paths(taken) => {
            let taken: Vec<PathBuf> = taken.into_iter().map(Bytes::into_path).collect();
            // Only what was asked for, in the order of that.
            let is_taken = |path: &&PathBuf| taken.iter().any(|taken| taken == Path::new(path));
            Ok(paths.iter().filter(is_taken).cloned().collect())
        }
        _ => Err(far.client.garbled("it does not say what is occupied")),
    }
}
