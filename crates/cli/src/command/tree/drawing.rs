//! The words and lines of the picture, which are the same in whatever form it is shown.

use std::time::SystemTime;

use btrsync::sync::picture::{Node, Picture, State};
use btrsync::sync::{Problem, Step};
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
    /// The columns behind that of the subvolumes.
    pub(super) columns: Vec<Column>,
}

/// What a column tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Age,
    Size,
    Exclusive,
    Mode,
    State,
    Sync,
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
    age: String,
    size: String,
    exclusive: String,
    pub(super) mode: &'static str,
    state: String,
    /// What a sync would do.
    sync: String,
    pub(super) paint: Paint,
}

impl Column {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Age => "AGE",
            Self::Size => "SIZE",
            Self::Exclusive => "EXCLUSIVE",
            Self::Mode => "MODE",
            Self::State => "STATE",
            Self::Sync => "A SYNC WOULD",
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Size | Self::Exclusive)
    }

    /// Those of a picture: two sides have more to tell than one, and sizes are rarely known.
    fn all(looked: &Looked<'_>) -> Vec<Self> {
        let Picture { source, destination } = &looked.picture;
        let sizes = source.iter().chain(destination).any(|node| node.size.is_some());
        let compares = looked.destination.is_some();
        let all = [Self::Age, Self::Size, Self::Exclusive, Self::Mode, Self::State, Self::Sync];
        let is_told = |column: &Self| match column {
            Self::Sync => compares,
            column => sizes || !column.is_number(),
        };
        all.into_iter().filter(is_told).collect()
    }
}

impl Drawing {
    pub(super) fn new(looked: &Looked<'_>) -> Self {
        let now = seeing::now();
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
        Self { title, forests, columns: Column::all(looked) }
    }

    /// The names of the columns.
    pub(super) fn head(&self) -> Vec<&'static str> {
        ["SUBVOLUME"].into_iter().chain(self.columns.iter().map(|column| column.title())).collect()
    }
}

impl Entry {
    /// What stands in a column.
    pub(super) fn says(&self, column: Column) -> &str {
        match column {
            Column::Age => &self.age,
            Column::Size => &self.size,
            Column::Exclusive => &self.exclusive,
            Column::Mode => self.mode,
            Column::State => &self.state,
            Column::Sync => &self.sync,
        }
    }
}

fn entries(nodes: &[Node<'_>], now: SystemTime) -> Vec<Entry> {
    let under: Vec<Option<usize>> = nodes.iter().map(|node| node.under).collect();
    let entry = |row: Row| {
        let node = &nodes[row.node];
        Entry {
            row,
            under: node.under,
            path: escaped(&node.vol.path).to_string(),
            age: seeing::age(node.vol, now),
            size: seeing::size(node, |size| size.referenced),
            exclusive: seeing::size(node, |size| size.exclusive),
            mode: seeing::mode(node.vol),
            state: state(node),
            sync: sync(node),
            paint: paint(node),
        }
    };
    layout::rows(&under).into_iter().map(entry).collect()
}

fn state(node: &Node<'_>) -> String {
    let own = seeing::own_state(node);
    let place = match &node.state {
        None => return own.into_owned(),
        Some(State::Both { .. }) => "both".to_owned(),
        Some(State::Source) => "only here".to_owned(),
        Some(State::Destination) => "only there".to_owned(),
        Some(State::Partial { bytes }) => format!("partial, {}", size::bytes(*bytes)),
        Some(State::Doubtful {
            problem: Problem::Generation | Problem::Changed | Problem::Branch,
            ..
        }) => "diverged".to_owned(),
        Some(State::Doubtful { .. }) => "doubtful".to_owned(),
    };
    if node.claim.is_some() { format!("{place}; {own}") } else { place }
}

fn sync(node: &Node<'_>) -> String {
    match (node.step, &node.state) {
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

fn paint(node: &Node<'_>) -> Paint {
    match &node.state {
        _ if node.claim.is_some() => Paint::Odd,
        Some(State::Doubtful { .. } | State::Partial { .. }) => Paint::Odd,
        Some(State::Both { .. }) => Paint::Good,
        Some(_) if node.step.is_some() => Paint::New,
        _ => Paint::Plain,
    }
}
