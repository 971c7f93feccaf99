//! Which features of a sync follow from the facts.

use btrsync::sync::root::{Facts, OLDER};

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

/// Whether there can be any at a location: on another filesystem there is nothing to tell of.
pub(super) fn is_conceivable(facts: &Facts) -> bool {
    facts.site.as_ref().is_none_or(|site| site.filesystem == "btrfs")
}

/// What a location can take part in, as source and as destination.
pub(super) fn alone(facts: &Facts) -> Vec<Feature> {
    let version = facts.machine.send_version.unwrap_or(1);
    vec![
        feature("incremental", lists(facts), "the subvolumes cannot be listed"),
        feature("estimate", facts.native && may(facts, "send"), BTRSYNC),
        feature("resume", facts.native && may(facts, "receive"), BTRSYNC),
        feature("verify", facts.native && may(facts, "send"), BTRSYNC),
        feature("locks", locks(facts), "needs a btrsync there, or flock"),
        feature(
            "compressed streams",
            facts.native && version > 1,
            "needs a btrsync there, and Linux 6.0",
        ),
    ]
}

/// What holds between a source and a destination.
pub(super) fn between(source: &Facts, destination: &Facts) -> Vec<Feature> {
    let digests = |side: &Facts| side.native && may(side, "send");
    let both = digests(source) && digests(destination);
    let compressed = sends_compressed(source) && takes_compressed(destination);
    let lists = lists(source) && lists(destination);
    let how = if compressed { "version 2" } else { "version 1" }.to_owned();
    vec![
        Feature { name: "stream", lacks: None, how },
        feature("incremental", lists, "the subvolumes of one side cannot be listed"),
        feature("estimate", source.native, "needs a btrsync at the source"),
        feature("resume", destination.native, "needs a btrsync at the destination"),
        feature("verify", both, "needs a btrsync on both sides, and keys that allow to read"),
        feature("locks", locks(destination), "needs a btrsync at the destination, or flock"),
        Feature {
            how: decompressed(destination),
            ..feature("compressed streams", compressed, COMPRESSED)
        },
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

fn sends_compressed(facts: &Facts) -> bool {
    facts.native && facts.machine.send_version.unwrap_or(1) > 1
}

/// A btrsync that does not tell about its machine is older than these streams.
fn takes_compressed(facts: &Facts) -> bool {
    facts.native && facts.problem.as_deref() != Some(OLDER)
}

/// What becomes of compressed data at a kernel that is known to be too old for it.
fn decompressed(facts: &Facts) -> String {
    let kernel = &facts.machine.kernel;
    match !kernel.is_empty() && numbers(kernel) < (5, 18) {
        true => "decompressed at the destination: Linux 5.18 is the oldest that takes it as it is"
            .to_owned(),
        false => String::new(),
    }
}

const COMPRESSED: &str = "needs a btrsync on both sides, and Linux 6.0 at the source";

/// The first two numbers of a version.
fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    (next(), next())
}
