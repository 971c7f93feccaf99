//! What the other side measures before anything is sent, and what interrupted runs have left there.

use super::Far;
use crate::Cancel;
use crate::agent::{Answer, Bytes, Impossible, Request, encode};
use crate::sync::Estimate;
use crate::sync::root::contract::Space;
use crate::sync::root::error::RootError;
use crate::sync::root::leftover::Leftover;

/// How many leftovers a directory may have.
const MOST: usize = 1_000_000;

/// Measures a send; where `enough` is thrown, what was measured until then is told.
pub(super) fn estimate(
    far: &Far,
    asked: &Request,
    enough: &Cancel,
) -> Result<Option<Estimate>, RootError> {
    let client = &far.client;
    let channel = client.call(asked, client.cancel())?;
    let answer = match client.answer(&channel, enough) {
        Err(RootError::Cancelled) if !client.cancel().is_cancelled() => {
            let word = encode(&Request::Enough).map_err(|what| client.garbled(what.0))?;
            let broken = |broken| client.broken(broken);
            channel.message(&word, client.cancel()).map_err(broken)?;
            client.answer(&channel, client.cancel())
        }
        other => other,
    };
    match answer? {
        Answer::Measured(measured) => Ok(measured.map(Into::into)),
        _ => Err(client.garbled("it does not say what it has measured")),
    }
}

pub(super) fn space(far: &Far, path: Bytes) -> Result<Option<Space>, RootError> {
    match far.client.ask(&Request::Space { root: far.id(), path })? {
        Answer::Space(room) => Ok(room.map(Into::into)),
        _ => Err(far.client.garbled("it does not say what room there is")),
    }
}

pub(super) fn leftovers(far: &Far, path: Bytes) -> Result<Vec<Leftover>, RootError> {
    let client = &far.client;
    let channel = client.call(&Request::Leftovers { root: far.id(), path }, client.cancel())?;
    let mut found = Vec::new();
    loop {
        match client.answer(&channel, client.cancel())? {
            Answer::Leftovers(more) if found.len() + more.len() <= MOST => {
                let more = more.into_iter().map(Leftover::try_from);
                let more = more.collect::<Result<Vec<_>, Impossible>>();
                found.extend(more.map_err(|what| client.garbled(what.0))?);
            }
            Answer::Done => return Ok(found),
            _ => return Err(client.garbled("it does not say what was left")),
        }
    }
}
