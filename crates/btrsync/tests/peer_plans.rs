//! The same relations, levels and plans as the Python btrsync, on random forests.
//!
//! Its answers are in `fixtures/peer-plans.txt`; `fixtures/make-peer-plans.py` asked for them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod notation;

use btrsync::btrfs::{Forest, Subvolume};
use btrsync::sync::{Hooks, Step};
use notation::{Case, case, name};

const PEER: &str = include_str!("fixtures/peer-plans.txt");

/// A question to the peer and its answers.
struct Asked<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Asked<'a> {
    fn parse(block: &'a str) -> Self {
        let fields = block.lines().filter(|line| !line.starts_with('#'));
        let fields = fields.map(|line| line.split_once(':').unwrap());
        Self(fields.map(|(key, value)| (key, value.trim())).collect())
    }

    fn all() -> Vec<Self> {
        let blocks = PEER.split("\n\n").map(Asked::parse);
        blocks.filter(|asked| !asked.0.is_empty()).collect()
    }

    fn get(&self, key: &str) -> &'a str {
        let found = self.0.iter().find(|(name, _)| *name == key);
        found.unwrap_or_else(|| panic!("no {key}")).1
    }

    fn names(&self, key: &str) -> Vec<String> {
        sorted(self.get(key).split_whitespace().map(str::to_owned))
    }

    fn case(&self) -> Case {
        let (skipped, refused) = (self.names("skipped"), self.names("refused"));
        let is_in =
            |names: &[String], vol: &Subvolume| names.iter().any(|other| vol.name == **other);
        let hooks = Hooks::default()
            .target(move |vol| !is_in(&skipped, vol))
            .check(move |vol, _| !is_in(&refused, vol));
        let mut case = case(self.get("source"), self.get("dest")).hooks(hooks);
        case.source = unchanged(self.get("source"));
        if self.get("existing") == "yes" { case.transfer_existing() } else { case }
    }
}

/// The peer looks at no transactions: to it nothing was changed after snapshots of it were taken.
fn unchanged(source: &str) -> Forest {
    let vols = notation::side(source).into_iter();
    let vols = vols.map(|vol| Subvolume { otransid: vol.ctransid.max(Some(100)), ..vol });
    Forest::new(vols.collect(), |vol| vol.read_only)
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn pair(vol: &Subvolume, parent: Option<&Subvolume>) -> String {
    match parent {
        Some(parent) => format!("{}<{}", name(vol), name(parent)),
        None => name(vol).to_owned(),
    }
}

/// Compares each case and names all that differ, not only the first.
#[track_caller]
fn compare(what: &str, ours_and_peers: impl Fn(&Asked<'_>) -> (Vec<String>, Vec<String>)) {
    let asked = Asked::all();
    assert!(asked.len() >= 300, "{} cases are too few", asked.len());
    let differing = asked.iter().filter_map(|asked| {
        let (ours, peers) = ours_and_peers(asked);
        let (source, dest) = (asked.get("source"), asked.get("dest"));
        (ours != peers).then(|| format!("{source}\n  at {dest}\n  {ours:?}\n  {peers:?}"))
    });
    let differing: Vec<String> = differing.collect();
    let some = &differing[..differing.len().min(5)];
    assert!(differing.is_empty(), "{} {what} differ:\n{}", differing.len(), some.join("\n"));
}

#[test]
fn relations_equal_the_peers() {
    compare("relations", |asked| {
        let forest = asked.case().source;
        let ours = sorted(forest.iter().map(|vol| pair(vol, forest.parent(vol))));
        (ours, asked.names("relations"))
    });
}

#[test]
fn levels_equal_the_peers() {
    compare("levels", |asked| {
        let forest = asked.case().source;
        let ours = forest
            .levels()
            .into_iter()
            .map(|level| sorted(level.iter().map(|vol| name(vol).to_owned())).join(" "));
        let peers = asked.get("levels").split('|').map(str::trim).filter(|level| !level.is_empty());
        let peers = peers.map(|level| sorted(level.split(' ').map(str::to_owned)).join(" "));
        (ours.collect(), peers.collect())
    });
}

/// Cuts the peer's list of transfers into groups as long as ours; it tells no groups in its plan.
fn grouped(peers: &str, groups: &[Vec<Step>]) -> Vec<String> {
    let mut peers = peers.split_whitespace().map(str::to_owned);
    let take = groups.iter().map(|group| sorted(peers.by_ref().take(group.len())).join(" "));
    let mut grouped: Vec<String> = take.collect();
    grouped.extend(peers);
    grouped
}

#[test]
fn plans_equal_the_peers() {
    compare("plans", |asked| {
        let plan = asked.case().plan();
        let show = |step: &Step| pair(&step.vols[0], step.parent.as_ref());
        let ours = plan.groups.iter().map(|group| sorted(group.iter().map(show)).join(" "));
        (ours.collect(), grouped(asked.get("plan"), &plan.groups))
    });
}
