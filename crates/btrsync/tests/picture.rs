//! What is shown of one side or two, in the notation of the planner's cases.
//!
//! The hazard is a picture that disagrees with the plan: each case is made from a real one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod notation;

use btrsync::btrfs::{Diff, Forest, default_keys};
use btrsync::receive::{Partial, Prefix};
use btrsync::sync::picture::{Node, Other, Side, State, compare, show};
use btrsync::sync::{Hooks, PlanOptions, plan};

use notation::{forest, name, side, uuid};

fn everything(text: &str) -> Forest {
    Forest::new(side(text), |_| true)
}

/// Each as `NAME<UNDER`.
fn places(nodes: &[Node<'_>]) -> String {
    let place = |node: &Node<'_>| match node.under {
        Some(under) => format!("{}<{}", name(node.vol), name(nodes[under].vol)),
        None => name(node.vol).to_owned(),
    };
    nodes.iter().map(place).collect::<Vec<_>>().join(" ")
}

fn shown(text: &str, wanted: &str) -> String {
    let (all, read_only) = (everything(text), forest(text));
    let side = Side { all: &all, read_only: &read_only, sizes: None };
    places(&show(side, |vol| wanted.is_empty() || wanted.split(' ').any(|it| it == name(vol))))
}

/// The states of the source's, then those that only the destination has; `*` where it would be sent.
fn states(source: &str, dest: &str, partial: &[Partial]) -> String {
    let (src, dst) = (forest(source), forest(dest));
    let (all, there) = (everything(source), everything(dest));
    let diff = Diff::new(&src, &dst, &default_keys(), &default_keys());
    let plan = plan(&src, &dst, &diff, &Hooks::default(), PlanOptions::default());
    let side = Side { all: &there, read_only: &dst, sizes: None };
    let other = Other { side, diff: &diff, plan: &plan, partial };
    let picture =
        compare(Side { all: &all, read_only: &src, sizes: None }, |_| true, other, |_| true);
    let word = |node: &Node<'_>| {
        let state = match node.state.as_ref().unwrap() {
            State::Both { .. } => "both".to_owned(),
            State::Source => "source".to_owned(),
            State::Destination => "destination".to_owned(),
            State::Partial { bytes } => format!("partial {bytes}"),
            State::Doubtful { problem, .. } => format!("{problem:?}"),
        };
        let claim = node.claim.map(|claim| format!(" ({claim:?})")).unwrap_or_default();
        let sent = if node.step.is_some() { "*" } else { "" };
        format!("{}{sent} {state}{claim}", name(node.vol))
    };
    let nodes = picture.source.iter().chain(&picture.destination);
    nodes.map(word).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_writable_subvolume_stands_behind_its_newest_snapshot() {
    assert_eq!(shown("A changed; a1<A ro; a2<A ro", ""), "A<a2 a1 a2<a1");
    assert_eq!(shown("A; B<A; C<B", ""), "A B<A C<B");
    assert_eq!(shown("a ro; w<a changed; x<w", ""), "a w<a x<w");
}

#[test]
fn snapshots_of_a_deleted_origin_stand_in_a_line() {
    assert_eq!(shown("a<dead ro; b<dead ro; c<dead ro", ""), "a b<a c<b");
}

#[test]
fn what_is_not_shown_is_passed_over() {
    assert_eq!(shown("A changed; a<A ro; b<A ro; c<A ro", "A a c"), "A<c a c<a");
    assert_eq!(shown("a<dead ro; b<dead ro", "b"), "b");
}

#[test]
fn uuids_in_a_circle_end() {
    assert_eq!(shown("A<B; B<A", ""), "A B<A");
    assert_eq!(shown("A<A", ""), "A");
}

#[test]
fn each_state_is_told() {
    assert_eq!(
        states("A changed; a<A ro; b<A ro", "+a; x ro", &[]),
        "A source; a both; b* source; x destination"
    );
    assert_eq!(states("a ro changed", "c =a ro old", &[]), "a Generation");
    let claims = states("a ro", "w =a", &[]);
    assert_eq!(claims, "a* source; w destination (Writable)");
}

#[test]
fn a_part_counts_only_of_the_same_generation() {
    let part = |ctransid| {
        let prefix = Prefix { bytes: 5, ..Prefix::default() };
        [Partial { uuid: uuid("a"), ctransid, parent: None, prefix }]
    };
    assert_eq!(states("a ro", "", &part(7)), "a* partial 5");
    assert_eq!(states("a ro", "", &part(8)), "a* source");
}

#[test]
fn a_long_line_is_no_deeper_than_a_short_one() {
    let chain = (0..20_000).map(|i| format!("v{i}<dead ro")).collect::<Vec<_>>().join(";");
    let nodes = shown(&chain, "v0 v19999");
    assert_eq!(nodes, "v0 v19999<v0");
}
