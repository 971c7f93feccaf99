//! What `btrsync doctor` tells, to people and to programs.

use btrsync::text::escaped;
use serde_json::{Value, json};

use super::check::{Check, State};
use super::feature::Feature;
use super::{Examined, Found};
use crate::advice::Failure;
use crate::command::seeing;
use crate::screen::{Paint, Screen};

pub(super) fn all(json: bool, examined: &Examined) -> Result<(), Failure> {
    match json {
        true => seeing::write(&seeing::events(events(examined).into_iter())),
        false => seeing::write(&text(examined, &Screen::stdout(None))),
    }
}

/// Lines for people.
pub(super) fn text(examined: &Examined, screen: &Screen) -> String {
    let mut text = String::new();
    for found in &examined.found {
        let title = found.location.as_ref().map(|location| escaped(location).to_string());
        let title = title.unwrap_or_else(|| "this machine".to_owned());
        text += &format!("{}\n", screen.paint(Paint::Bold, &title));
        found.checks.iter().for_each(|check| text += &line(check, screen));
        text += &features(&found.features, screen);
    }
    for (source, between) in &examined.between {
        let title = format!("from {} to the destination", escaped(source));
        text += &format!("{}\n", screen.paint(Paint::Bold, &title));
        text += &features(between, screen);
    }
    text
}

fn line(check: &Check, screen: &Screen) -> String {
    let (word, paint) = word(check.state);
    let mut line = format!("  {} {:<12} {}\n", screen.paint(paint, word), check.name, check.found);
    if let Some(todo) = &check.todo {
        line += &format!("       {:<12} {}\n", "", screen.paint(Paint::Dim, &format!("-> {todo}")));
    }
    line
}

fn features(features: &[Feature], screen: &Screen) -> String {
    let line = |feature: &Feature| {
        let (word, paint) =
            if feature.lacks.is_none() { ("yes ", Paint::Good) } else { ("no  ", Paint::Odd) };
        let what = feature.lacks.unwrap_or(&feature.how);
        let line = format!("  {} {:<18} {what}", screen.paint(paint, word), feature.name);
        format!("{}\n", line.trim_end())
    };
    features.iter().map(line).collect()
}

fn word(state: State) -> (&'static str, Paint) {
    match state {
        State::Ok => ("ok  ", Paint::Good),
        State::Warn => ("warn", Paint::Odd),
        State::Bad => ("bad ", Paint::Bad),
    }
}

fn events(examined: &Examined) -> Vec<Value> {
    let mut events: Vec<Value> = examined.found.iter().flat_map(of_location).collect();
    for (source, features) in &examined.between {
        let source = escaped(source).to_string();
        let event = |feature| of_feature(feature, json!({"event": "between", "source": source}));
        events.extend(features.iter().map(event));
    }
    events
}

fn of_location(found: &Found) -> Vec<Value> {
    let location = found.location.as_ref().map(|location| escaped(location).to_string());
    let check = |check: &Check| {
        json!({
            "event": "check", "location": location, "name": check.name,
            "state": word(check.state).0.trim_end(), "found": check.found, "do": check.todo,
        })
    };
    let head = json!({"event": "feature", "location": location});
    let features = found.features.iter().map(|feature| of_feature(feature, head.clone()));
    found.checks.iter().map(check).chain(features).collect()
}

fn of_feature(feature: &Feature, mut event: Value) -> Value {
    event["name"] = feature.name.into();
    event["has"] = feature.lacks.is_none().into();
    event["found"] =
        Some(feature.lacks.unwrap_or(&feature.how)).filter(|text| !text.is_empty()).into();
    event
}
