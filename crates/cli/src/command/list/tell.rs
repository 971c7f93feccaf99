//! What `btrsync list` tells.

use std::time::SystemTime;

use btrsync::sync::picture::Node;
use btrsync::text::escaped;

use super::super::seeing;
use super::Args;
use crate::advice::Failure;
use crate::screen::{Paint, Screen, Table};

pub(super) fn all(args: &Args, nodes: &[Node<'_>]) -> Result<(), Failure> {
    if args.json {
        let events = nodes.iter().map(|node| seeing::object("subvolume", node).into());
        return seeing::write(&seeing::events(events));
    }
    if nodes.is_empty() {
        return seeing::write("No subvolumes\n");
    }
    let now = seeing::now();
    let sizes = nodes.iter().any(|node| node.size.is_some());
    let mut table = Table::new(&head(args.verbose, sizes));
    nodes.iter().for_each(|node| put_row(&mut table, node, args.verbose, sizes, now));
    seeing::write_lines(|write| table.each_line(&Screen::stdout(args.width), write))
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

fn put_row(table: &mut Table, node: &Node<'_>, verbose: bool, sizes: bool, now: SystemTime) {
    let vol = node.vol;
    table.put(&escaped(&vol.path).to_text());
    table.put(&vol.id.to_string());
    table.put(&seeing::age(vol, now));
    if sizes {
        table.put(&seeing::size(node, |size| size.referenced)).right();
        table.put(&seeing::size(node, |size| size.exclusive)).right();
    }
    table.put(seeing::mode(vol));
    let paint = if node.claim.is_some() { Paint::Odd } else { Paint::Plain };
    table.put(&seeing::own_state(node)).paint(paint);
    let from = node.from.map(|from| escaped(from).to_text());
    table.put(&from.unwrap_or_default()).paint(Paint::Dim);
    if verbose {
        for uuid in [vol.uuid, vol.received_uuid] {
            table.put(&uuid.map(|it| it.to_string()).unwrap_or_default());
        }
    }
}
