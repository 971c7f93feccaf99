//! Which features of a sync follow from the facts.

use btrsync::sync::root::{Facts, Progs};

/// A feature, and why there is none where there is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Feature {
    pub(super) name: &'static str,
    pub(super) lacks: Option<&'static str>,
    /// What there is of it.
    pub(super) how: String,
}

fn feature(name: &'static str, has: bool, lacks: &'static str) -> Feature {
    Feature { name, lacks: (!has).then_some(lacks), how: String::new() }
}

const BTRSYNC: &str = "needs a btrsync there, and a key that allows it";

/// What a location can take part in, as source and as destination.
pub(super) fn alone(facts: &Facts) -> Vec<Feature> {
    let version = facts.machine.send_version.unwrap_or(1);
    vec![
        feature("incremental", lists(facts), "the subvolumes cannot be listed"),
        feature("estimate", facts.native && may(facts, "send"), BTRSYNC),
        feature("resume", facts.native && may(facts, "receive"), BTRSYNC),
        feature("verify", facts.native && may(facts, "send"), BTRSYNC),
        feature("locks", locks(facts), "needs a btrsync there, or flock"),
        feature("compressed streams", version > 1, "needs Linux 6.0 there"),
    ]
}

/// What holds between a source and a destination.
pub(super) fn between(source: &Facts, destination: &Facts) -> Vec<Feature> {
    let digests = |side: &Facts| side.native && may(side, "send");
    let both = digests(source) && digests(destination);
    let version = sends(source).min(receives(destination));
    let lists = lists(source) && lists(destination);
    let how = format!("version {version} of send streams is the youngest that both have");
    vec![
        Feature { name: "stream", lacks: None, how },
        feature("incremental", lists, "the subvolumes of one side cannot be listed"),
        feature("estimate", source.native, "needs a btrsync at the source"),
        feature("resume", destination.native, "needs a btrsync at the destination"),
        feature("verify", both, "needs a btrsync on both sides, and keys that allow to read"),
        feature("locks", locks(destination), "needs a btrsync at the destination, or flock"),
        feature(
            "compressed streams",
            version > 1 && writes_encoded(destination),
            "needs Linux 6.0 at the source, 5.18 at the destination, and btrsync or btrfs-progs 6.2 there",
        ),
    ]
}

/// Whether the key that was used allows something.
fn may(facts: &Facts, word: &str) -> bool {
    facts.allowed.as_ref().is_none_or(|words| words.iter().any(|one| one == word))
}

fn lists(facts: &Facts) -> bool {
    facts.site.as_ref().is_some_and(|site| site.left.is_some())
}

fn locks(facts: &Facts) -> bool {
    facts.native || facts.machine.flock
}

fn sends(facts: &Facts) -> u32 {
    facts.machine.send_version.unwrap_or(1)
}

/// Ours receives all that there are; `btrfs receive` before 6.2 damages some of version 2.
fn receives(facts: &Facts) -> u32 {
    let progs = |progs: &Progs| numbers(&progs.version) >= (6, 2);
    match facts.native {
        true => 3,
        false if facts.machine.progs.as_ref().is_some_and(progs) => 2,
        false => 1,
    }
}

/// Whether the kernel takes extents as they are; where it does not tell which it is, by what it sends.
fn writes_encoded(facts: &Facts) -> bool {
    numbers(&facts.machine.kernel) >= (5, 18) || sends(facts) > 1
}

/// The first two numbers of a version.
fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    (next(), next())
}
