//! For programs.

use std::path::PathBuf;

use btrsync::sync::Step;
use btrsync::sync::picture::{Node, Picture, State};
use serde_json::{Map, Value};

use super::super::seeing;
use crate::report::{kind, put_path, put_paths};

pub(super) fn all(picture: &Picture<'_>) -> String {
    let source = picture.source.iter().map(|node| event(node, "source"));
    let destination = picture.destination.iter().map(|node| event(node, "destination"));
    seeing::events(source.chain(destination))
}

fn event(node: &Node<'_>, side: &str) -> Value {
    let mut object = seeing::object("subvolume", node);
    object.insert("side".into(), side.into());
    state(&mut object, node.state.as_ref());
    let step = node.step;
    object.insert("kind".into(), step.map(kind).into());
    put_path(
        &mut object,
        "parent",
        step.and_then(|step| Some(step.parent.as_ref()?.path.as_path())),
    );
    object.insert("reason".into(), step.map(|step: &Step| step.reason.to_string()).into());
    object.into()
}

fn state(object: &mut Map<String, Value>, state: Option<&State>) {
    let word = state.map(|state| match state {
        State::Both { .. } => "both",
        State::Source => "source",
        State::Destination => "destination",
        State::Partial { .. } => "partial",
        State::Doubtful { .. } => "doubtful",
    });
    object.insert("state".into(), word.into());
    match state {
        Some(State::Partial { bytes }) => {
            object.insert("partial_bytes".into(), (*bytes).into());
        }
        Some(State::Both { copies }) => {
            put_paths(object, "copies", copies.iter().map(PathBuf::as_path));
        }
        Some(State::Doubtful { problem, copies }) => {
            object.insert("problem".into(), problem.to_string().into());
            put_paths(object, "copies", copies.iter().map(PathBuf::as_path));
        }
        _ => {}
    }
}
