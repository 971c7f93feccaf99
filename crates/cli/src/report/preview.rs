//! A plan, before it is run: a table on a terminal, and elsewhere a line for each transfer, as of the Python
//! btrsync, which `cut` takes apart.

use std::collections::BTreeSet;
use std::path::Path;

use btrsync::sync::{Estimate, Estimates, Step};
use btrsync::text::escaped;

use super::Preview;
use crate::screen::{Paint, Screen, Table};
use crate::size;

const HEAD: [&str; 5] = ["SUBVOLUME", "SEND", "SIZE", "INTO", "WHY"];

/// All transfers in a table that fits the screen, and under it what can be done against full ones.
pub(super) fn table(preview: &Preview<'_>, screen: &Screen) -> Vec<String> {
    let mut table = Table::new(&HEAD);
    for (step, into) in &preview.steps {
        put_rows(&mut table, step, into, preview.estimates);
    }
    let mut lines = table.lines(screen);
    let ways: BTreeSet<&str> =
        preview.steps.iter().filter_map(|(step, _)| step.reason.way_out()).collect();
    lines.extend(ways.into_iter().map(|way_out| format!("  what next: {way_out}")));
    lines
}

fn put_rows(table: &mut Table, step: &Step, into: &Path, estimates: &Estimates) {
    let size = size_of(step, estimates).map(size::estimate).unwrap_or_default();
    let (kind, paint, why) = match &step.parent {
        Some(parent) => ("incr", Paint::Good, format!("from {}", escaped(&parent.path))),
        None => ("full", Paint::New, step.reason.to_string()),
    };
    for vol in &step.vols {
        table.put(&escaped(&vol.path).to_string());
        table.put(kind).paint(paint);
        table.put(&size).right();
        table.put(&escaped(into).to_string());
        table.put(&why).sentence();
    }
}

/// What is known of the size of a transfer. Of a batch, only the whole is known.
pub(super) fn size_of(step: &Step, estimates: &Estimates) -> Option<Estimate> {
    estimates.of(step).filter(|_| step.vols.len() == 1)
}

/// What all of it amounts to, in a line.
pub(super) fn total(preview: &Preview<'_>) -> Option<String> {
    let total = size::estimate(preview.total?);
    let number = preview.steps.iter().map(|(step, _)| step.vols.len()).sum();
    let free = preview.space.map(|space| format!("; {} are free there", size::bytes(space.free)));
    Some(format!("In all {total} in {}{}", super::count(number), free.unwrap_or_default()))
}
