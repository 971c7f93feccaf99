//! What came of a check: for people in lines, for programs as an event.

use btrsync::text::escaped;
use btrsync::verify::{Difference, What};
use serde_json::{Map, Value, json};

use super::json::put_path;
use crate::checking::{Checked, Found, Tally};

const KEPT: &str = "the copy is kept; once you know why it differs, delete it and send it again";
const ROOT_TIME: &str =
    "'btrfs receive' leaves the time of the receive there; verify with --ignore-root-mtime";

/// The verdict, and what belongs to it.
pub(crate) fn lines(checked: &Checked) -> Vec<String> {
    let vol = escaped(&checked.vol);
    let copy = checked.copy.as_deref().map(|copy| format!(" -> {}", escaped(copy)));
    let copy = copy.unwrap_or_default();
    match &checked.found {
        Found::Equal => vec![format!("{vol}\tequal{copy}")],
        Found::Missing => vec![format!("{vol}\tmissing at the destination")],
        Found::Unchecked(failure) => {
            let first = format!("{vol}\tcould not be checked{copy}: {}", failure.message);
            let hint = failure.hint.iter().map(|hint| format!("  what next: {hint}"));
            std::iter::once(first).chain(hint).collect()
        }
        Found::Different { differences, total } => {
            let noun = if *total == 1 { "difference" } else { "differences" };
            let first = format!("{vol}\tdifferent{copy} ({total} {noun})");
            let more = total - differences.len();
            let more = (more > 0).then(|| format!("  and {more} more"));
            let named = differences.iter().map(|difference| format!("  {difference}"));
            let hint = format!("  what next: {}", hint(differences, *total));
            std::iter::once(first).chain(named).chain(more).chain([hint]).collect()
        }
    }
}

fn hint(differences: &[Difference], total: usize) -> &'static str {
    match differences {
        [Difference { path, what: What::Modified(..) }] if total == 1 => {
            if path.as_os_str().is_empty() { ROOT_TIME } else { KEPT }
        }
        _ => KEPT,
    }
}

/// How all checks ended, in a line.
pub(crate) fn sum(tally: &Tally) -> String {
    let parts = [
        (tally.equal, "equal"),
        (tally.different, "different"),
        (tally.missing, "missing"),
        (tally.unchecked, "could not be checked"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, word)| format!("{number} {word}")).collect();
    format!("{} checked: {}", tally.all(), parts.join(", "))
}

/// The event of a check.
pub(crate) fn event(checked: &Checked) -> Value {
    let mut object = Map::new();
    object.insert("event".into(), "verify".into());
    put_path(&mut object, "volume", Some(&checked.vol));
    put_path(&mut object, "copy", checked.copy.as_deref());
    object.insert("outcome".into(), word(&checked.found).into());
    match &checked.found {
        Found::Equal | Found::Missing => {}
        Found::Different { differences, total } => {
            object.insert("differences".into(), differences.iter().map(difference).collect());
            object.insert("total".into(), json!(total));
        }
        Found::Unchecked(failure) => {
            object.insert("message".into(), failure.message.clone().into());
            object.insert("hint".into(), failure.hint.clone().into());
        }
    }
    object.into()
}

fn word(found: &Found) -> &'static str {
    match found {
        Found::Equal => "equal",
        Found::Different { .. } => "different",
        Found::Missing => "missing",
        Found::Unchecked(_) => "unchecked",
    }
}

fn difference(difference: &Difference) -> Value {
    let mut object = Map::new();
    put_path(&mut object, "path", Some(&difference.path));
    object.insert("what".into(), difference.what.word().into());
    object.insert("message".into(), difference.what.to_string().into());
    object.into()
}
