//! Large forests of the shapes that planning could be slow on, for a benchmark and for a test.
//!
//! The hazard is a walk that starts anew for each member of a long chain: with ten snapshots nobody
//! notices, with 100,000 the plan takes hours.
#![allow(unreachable_pub, reason = "a module of several programs")]

use std::time::{Duration, Instant};

use btrsync::btrfs::{Diff, Forest, Subvolume, default_keys};
use btrsync::sync::{CloneSources, Hooks, Plan, PlanOptions, plan};
use uuid::Uuid;

/// Two sides and how to plan between them.
pub struct Shape {
    pub name: &'static str,
    source: Vec<Subvolume>,
    dest: Vec<Subvolume>,
    hooks: Hooks,
    options: PlanOptions,
}

fn number(id: u64) -> Uuid {
    Uuid::from_u128(id.into())
}

/// A read-only snapshot of the subvolume whose UUID is `of`.
fn snapshot(id: u64, of: u64) -> Subvolume {
    Subvolume {
        id,
        uuid: Some(number(id)),
        parent_uuid: Some(number(of)),
        path: format!("snapshots/{id}").into(),
        name: id.to_string().into(),
        ctransid: Some(id),
        otransid: Some(id),
        read_only: true,
        ..Subvolume::default()
    }
}

/// A copy of a volume at the destination, received before the volume was changed if `stale`.
fn copy(vol: &Subvolume, stale: bool) -> Subvolume {
    Subvolume {
        uuid: Some(number(vol.id + (1 << 40))),
        parent_uuid: None,
        received_uuid: vol.stream_uuid(),
        stransid: vol.ctransid.map(|now| now - u64::from(stale)),
        ..vol.clone()
    }
}

fn shape(name: &'static str, source: Vec<Subvolume>) -> Shape {
    let hooks = Hooks::default();
    let options = PlanOptions { clones: CloneSources::Always, ..PlanOptions::default() };
    Shape { name, source, dest: Vec::new(), hooks, options }
}

const FIRST: u64 = 256;
const ORIGIN: u64 = 5;

/// All shapes, of `count` snapshots each.
pub fn all(count: u64) -> Vec<Shape> {
    let ids = FIRST..FIRST + count;
    let siblings = || ids.clone().map(|id| snapshot(id, ORIGIN)).collect::<Vec<_>>();
    let chain = || ids.clone().map(|id| snapshot(id, id - 1)).collect::<Vec<_>>();
    let star = || ids.clone().map(|id| snapshot(id, FIRST)).collect::<Vec<_>>();
    let origins = || ids.clone().map(|id| snapshot(id, id % 1000)).collect::<Vec<_>>();
    let newest = FIRST + count - 1;
    vec![
        shape("chain", chain()),
        shape("siblings of a deleted origin", siblings()),
        shape("star", star()),
        Shape {
            options: PlanOptions { batch: true, ..PlanOptions::default() },
            ..shape("star, batch", star())
        },
        shape("1000 origins", origins()),
        all_there(shape("all there", siblings())),
        Shape {
            hooks: Hooks::default().target(move |vol| vol.id == newest),
            ..oldest_there(shape("oldest there, newest wanted", siblings()))
        },
        Shape {
            hooks: Hooks::default().check(|_, _| false),
            ..oldest_there(shape("oldest there, all refused", siblings()))
        },
        alternating(siblings()),
        one_received_uuid(siblings()),
    ]
}

fn all_there(shape: Shape) -> Shape {
    Shape { dest: shape.source.iter().map(|vol| copy(vol, false)).collect(), ..shape }
}

fn oldest_there(shape: Shape) -> Shape {
    Shape { dest: shape.source.iter().take(1).map(|vol| copy(vol, false)).collect(), ..shape }
}

/// Every second one is at the destination and of no use; the others are refused.
fn alternating(mut source: Vec<Subvolume>) -> Shape {
    source.iter_mut().for_each(|vol| vol.otransid = Some(1));
    let dest = source.iter().step_by(2).map(|vol| copy(vol, true)).collect();
    let hooks = Hooks::default().check(|_, parent| parent.is_some());
    Shape { dest, hooks, ..shape("every second stale, rest refused", source) }
}

/// Snapshots of a received subvolume that was made writable: all carry its received UUID.
fn one_received_uuid(mut source: Vec<Subvolume>) -> Shape {
    source.iter_mut().for_each(|vol| vol.received_uuid = Some(number(1)));
    all_there(Shape { hooks: Hooks::default(), ..shape("one received UUID for all", source) })
}

impl Shape {
    /// Makes the plan, as a sync would from two listings, and tells how long that took.
    pub fn measure(&self) -> (Plan, Duration) {
        let (source, dest) = (self.source.clone(), self.dest.clone());
        let begin = Instant::now();
        let source = Forest::new(source, |vol| vol.read_only);
        let dest = Forest::new(dest, |vol| vol.read_only);
        let diff = Diff::new(&source, &dest, &default_keys(), &default_keys());
        let plan = plan(&source, &dest, &diff, &self.hooks, self.options);
        (plan, begin.elapsed())
    }
}
