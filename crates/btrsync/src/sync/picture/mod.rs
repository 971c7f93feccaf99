//! What there is on one side or on two, and what a sync would do: the picture that people are shown.
//!
//! The hazard is a picture that disagrees with the run. So nothing is decided here: what is sent, and from
//! which parent, is said by the plan, and what is an ancestor by the forest that the plan was made from.

mod lineage;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use self::lineage::Lineage;
use super::plan::{Plan, Step};
use super::suspects;
use crate::btrfs::{Diff, Forest, Problem, Subvolume, usable_parent};
use crate::receive::Partial;
use crate::sync::root::{Size, Sizes};

/// One side, as two listings show it.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// All subvolumes, also those that are writable.
    pub all: &'a Forest,
    /// Those that are read-only, with the relations that a plan goes by.
    pub read_only: &'a Forest,
    /// What its subvolumes hold, if that is known.
    pub sizes: Option<&'a Sizes>,
}

/// The other side, and what is known between the two.
#[derive(Debug, Clone, Copy)]
pub struct Other<'a> {
    /// The destination.
    pub side: Side<'a>,
    /// The equals of the source's read-only subvolumes there.
    pub diff: &'a Diff,
    /// What would be sent there.
    pub plan: &'a Plan,
    /// What interrupted runs have left there, and a sync would continue.
    pub partial: &'a [Partial],
}

/// What is shown of two sides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture<'a> {
    /// The subvolumes of the source, in id order.
    pub source: Vec<Node<'a>>,
    /// The subvolumes of the destination that are no copies, in id order.
    pub destination: Vec<Node<'a>>,
}

/// A subvolume in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'a> {
    /// The subvolume.
    pub vol: &'a Subvolume,
    /// Under which of the others it stands: the nearest that is shown and from which it descends.
    pub under: Option<usize>,
    /// The path of what it descends from, shown or not. That is its COW parent. A writable subvolume
    /// stands behind its newest snapshot, as what it became since.
    pub from: Option<&'a Path>,
    /// Where it was received: why that does not say what it holds.
    pub claim: Option<Problem>,
    /// What it holds, if that is known and was asked for.
    pub size: Option<Size>,
    /// Where it is, if two sides were looked at.
    pub state: Option<State>,
    /// The transfer that would send it.
    pub step: Option<&'a Step>,
}

/// On which sides a subvolume is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// On both.
    Both {
        /// The paths of its copies.
        copies: Vec<PathBuf>,
    },
    /// Only at the source.
    Source,
    /// Only at the destination.
    Destination,
    /// At the source, and a part of it at the destination.
    Partial {
        /// How much of its stream is there.
        bytes: u64,
    },
    /// The destination has something that should be a copy, and may hold other data.
    Doubtful {
        /// Why.
        problem: Problem,
        /// The paths of what it has.
        copies: Vec<PathBuf>,
    },
}

/// Shows those subvolumes of one side that are wanted.
pub fn show<'a>(side: Side<'a>, wanted: impl Fn(&Subvolume) -> bool) -> Vec<Node<'a>> {
    let lineage = Lineage::new(side);
    let Lineage { vols, parents, .. } = &lineage;
    let shown: Vec<usize> = (0..vols.len()).filter(|number| wanted(vols[*number])).collect();
    let mut places = vec![None; vols.len()];
    shown.iter().enumerate().for_each(|(place, number)| places[*number] = Some(place));
    let nearest = lineage.nearest(|number| places[number].is_some());
    let node = |number: usize| Node {
        vol: vols[number],
        under: nearest[number].and_then(|number| places[number]),
        from: parents[number].map(|parent| vols[parent].path.as_path()),
        claim: vols[number].received_uuid.and_then(|_| suspects::problem(vols[number])),
        size: side.sizes.and_then(|sizes| sizes.get(&vols[number].id)).copied(),
        state: None,
        step: None,
    };
    shown.into_iter().map(node).collect()
}

/// Shows two sides: what is wanted of the source, and what is wanted of the rest of the destination.
pub fn compare<'a>(
    source: Side<'a>,
    wanted: impl Fn(&Subvolume) -> bool,
    other: Other<'a>,
    rest: impl Fn(&Subvolume) -> bool,
) -> Picture<'a> {
    let steps: HashMap<u64, &Step> = other
        .plan
        .steps()
        .flat_map(|step| step.vols.iter().map(move |vol| (vol.id, step)))
        .collect();
    let mut picture = Picture { source: show(source, wanted), ..Picture::default() };
    for node in &mut picture.source {
        node.step = steps.get(&node.vol.id).copied();
        node.state = Some(state(node.vol, other));
    }
    let copies: std::collections::HashSet<u64> =
        source.read_only.iter().flat_map(|vol| other.diff.equals(vol)).copied().collect();
    picture.destination = show(other.side, |vol| rest(vol) && !copies.contains(&vol.id));
    for node in &mut picture.destination {
        node.state = Some(State::Destination);
    }
    picture
}

fn state(vol: &Subvolume, other: Other<'_>) -> State {
    // What can be written is never sent, so nothing is a copy of it.
    let equals = if vol.read_only { other.diff.equals(vol) } else { &[] };
    let equals: Vec<&Subvolume> =
        equals.iter().filter_map(|id| other.side.read_only.get(*id)).collect();
    let copies = equals.iter().map(|there| there.path.clone()).collect();
    let judged: Vec<_> = equals.iter().map(|there| usable_parent(vol, there)).collect();
    match judged.last() {
        _ if judged.contains(&Ok(())) => State::Both { copies },
        Some(Err(problem)) => State::Doubtful { problem: *problem, copies },
        _ => part(vol, other.partial).map_or(State::Source, |bytes| State::Partial { bytes }),
    }
}

/// How much is there of the stream that would be sent.
fn part(vol: &Subvolume, partial: &[Partial]) -> Option<u64> {
    let is_of = |part: &&Partial| {
        vol.stream_uuid() == Some(part.uuid)
            && vol.ctransid.is_none_or(|ctransid| ctransid == part.ctransid)
    };
    Some(partial.iter().find(is_of)?.prefix.bytes)
}
