//! The words and lines of the picture, which are the same in whatever form it is shown.

use std::time::SystemTime;

use btrsync::sync::Step;
use btrsync::sync::picture::{Node, State};
use btrsync::text::escaped;

use super::super::seeing;
use super::Looked;
use super::layout::{self, Row};
use crate::screen::Paint;
use crate::size;

/// The whole picture: a forest or two.
pub(super) struct Drawing {
    pub(super) title: String,
    pub(super) forests: Vec<Drawn>,
    /// Whether two sides were looked at.
    pub(super) compares: bool,
}

/// A forest.
pub(super) struct Drawn {
    pub(super) title: String,
    pub(super) entries: Vec<Entry>,
}

/// A subvolume of the picture.
pub(super) struct Entry {
    pub(super) row: Row,
    pub(super) under: Option<usize>,
    pub(super) path: String,
    pub(super) age: String,
    pub(super) mode: &'static str,
    pub(super) state: String,
    /// What a sync would do.
    pub(super) sync: String,
    pub(super) paint: Paint,
}

pub(super) const HEAD: [&str; 5] = ["SUBVOLUME", "AGE", "MODE", "STATE", "A SYNC WOULD"];

impl Drawing {
    pub(super) fn new(looked: &Looked) -> Self {
        let now = SystemTime::now();
        let source = escaped(&looked.source);
        let mut forests = vec![Drawn {
            title: format!("Source {source}"),
            entries: entries(&looked.picture.source, now),
        }];
        let mut title = format!("Subvolumes of {source}");
        if let Some(destination) = &looked.destination {
            let destination = escaped(destination);
            title = format!("From {source} to {destination}");
            forests.push(Drawn {
                title: format!("Only at destination {destination}"),
                entries: entries(&looked.picture.destination, now),
            });
        }
        Self { title, forests, compares: looked.destination.is_some() }
    }

    /// The names of the columns.
    pub(super) fn head(&self) -> &'static [&'static str] {
        if self.compares { &HEAD } else { &HEAD[..4] }
    }
}

impl Entry {
    /// What stands in the columns behind the first.
    pub(super) fn columns(&self) -> [&str; 4] {
        [&self.age, self.mode, &self.state, &self.sync]
    }
}

fn entries(nodes: &[Node], now: SystemTime) -> Vec<Entry> {
    let under: Vec<Option<usize>> = nodes.iter().map(|node| node.under).collect();
    let entry = |row: Row| {
        let node = &nodes[row.node];
        Entry {
            row,
            under: node.under,
            path: escaped(&node.vol.path).to_string(),
            age: seeing::age(&node.vol, now),
            mode: seeing::mode(&node.vol),
            state: state(node),
            sync: sync(node),
            paint: paint(node),
        }
    };
    layout::rows(&under).into_iter().map(entry).collect()
}

fn state(node: &Node) -> String {
    let own = seeing::own_state(node);
    let place = match &node.state {
        None => return own,
        Some(State::Both { .. }) => "both".to_owned(),
        Some(State::Source) => "only here".to_owned(),
        Some(State::Destination) => "only there".to_owned(),
        Some(State::Partial { bytes }) => format!("partial, {}", size::bytes(*bytes)),
        Some(State::Doubtful { .. }) => "doubtful".to_owned(),
    };
    if node.claim.is_some() { format!("{place}; {own}") } else { place }
}

fn sync(node: &Node) -> String {
    match (&node.step, &node.state) {
        (Some(step), Some(State::Partial { .. })) => format!("go on: {}", how(step)),
        (Some(step), _) => format!("send {}", how(step)),
        (None, Some(State::Doubtful { problem, .. })) => format!("leave it out: {problem}"),
        _ => String::new(),
    }
}

fn how(step: &Step) -> String {
    match &step.parent {
        Some(parent) => format!("incremental from {}", escaped(&parent.path)),
        None => format!("full: {}", step.reason),
    }
}

fn paint(node: &Node) -> Paint {
    match &node.state {
        _ if node.claim.is_some() => Paint::Odd,
        Some(State::Doubtful { .. } | State::Partial { .. }) => Paint::Odd,
        Some(State::Both { .. }) => Paint::Good,
        Some(_) if node.step.is_some() => Paint::New,
        _ => Paint::Plain,
    }
}
