//! What `btrsync list` tells.

use std::time::SystemTime;

use btrsync::sync::picture::Node;
use btrsync::sync::root::Size;
use btrsync::text::escaped;
use uuid::Uuid;

use super::super::seeing;
use super::Args;
use crate::advice::Failure;
use crate::screen::{Cell, Paint, Screen, Table};

pub(super) fn all(args: &Args, nodes: &[Node]) -> Result<(), Failure> {
    if args.json {
        let events = nodes.iter().map(|node| seeing::object("subvolume", node).into());
        return seeing::write(&seeing::events(events));
    }
    if nodes.is_empty() {
        return seeing::write("No subvolumes\n");
    }
    let now = seeing::now();
    let sizes = nodes.iter().any(|node| node.size.is_some());
    let rows = nodes.iter().map(|node| row(node, args.verbose, sizes, now)).collect();
    let table = Table { head: head(args.verbose, sizes), rows };
    let lines = table.lines(&Screen::stdout(args.width));
    seeing::write(&(lines.join("\n") + "\n"))
}

fn head(verbose: bool, sizes: bool) -> Vec<&'static str> {
    let mut head = vec!["PATH", "ID", "AGE", "MODE", "STATE", "COW PARENT"];
    if sizes {
        head.splice(3..3, ["SIZE", "EXCLUSIVE"]);
    }
    if verbose {
        head.extend(["UUID", "RECEIVED UUID"]);
    }
    head
}

fn row(node: &Node, verbose: bool, sizes: bool, now: SystemTime) -> Vec<Cell> {
    let vol = &node.vol;
    let from = node.from.as_ref().map(|from| escaped(from).to_string());
    let state = seeing::own_state(node);
    let paint = if node.claim.is_some() { Paint::Odd } else { Paint::Plain };
    let mut row = vec![
        Cell::new(escaped(&vol.path).to_string()),
        Cell::new(vol.id.to_string()),
        Cell::new(seeing::age(vol, now)),
        Cell::new(seeing::mode(vol)),
        Cell::new(state).paint(paint),
        Cell::new(from.unwrap_or_default()).paint(Paint::Dim),
    ];
    if sizes {
        let size = |amount: fn(Size) -> u64| Cell::new(seeing::size(node, amount)).right();
        row.splice(3..3, [size(|size| size.referenced), size(|size| size.exclusive)]);
    }
    if verbose {
        let uuid =
            |uuid: Option<Uuid>| Cell::new(uuid.map(|it| it.to_string()).unwrap_or_default());
        row.extend([uuid(vol.uuid), uuid(vol.received_uuid)]);
    }
    row
}
