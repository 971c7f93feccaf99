//! How much of a stream came how often, as the binary tells it.
//!
//! The hazard is a transfer that starts over without anyone noticing: all is right then, but for the
//! amounts.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::scene::Scene;
use crate::support::{Ended, paths};

/// What may be under way between a sender and what the receiver has applied: the pipe, what was read of
/// it ahead, and a command that is not complete.
const UNDER_WAY: u64 = (1 << 20) + (128 << 10) + (256 << 10);

/// The first command of a stream, which comes again where a btrsync leaves out what follows it.
const FIRST: u64 = 128;

/// How many bytes of a stream there are, or have been sent, by the names of the subvolumes.
pub(crate) type Amounts = BTreeMap<String, u64>;

/// The lengths of the streams, from an undisturbed run.
#[track_caller]
pub(crate) fn whole(scene: &Scene) -> Amounts {
    let all = Ended::of(&mut scene.one_by_one(&["-y", "--json"])).exits(0);
    scene.is_complete();
    scene.clear();
    sent(&all)
}

/// How much of each transfer was through, at most, as the last word of a run says it. The very last line
/// of one that was killed may be incomplete.
pub(crate) fn sent(ended: &Ended) -> Amounts {
    let (mut amounts, mut there) = (Amounts::new(), Amounts::new());
    let events = ended.out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for event in events {
        let amount = |name: &str| event[name].as_u64().unwrap();
        match event["event"].as_str() {
            Some("resume") => drop(there.insert(paths(&event), amount("resumed_bytes"))),
            Some("progress" | "done") => {
                let names = paths(&event);
                let through = amount("sent_bytes") + there.get(&names).copied().unwrap_or(0);
                let most = amounts.entry(names).or_default();
                *most = through.max(*most);
            }
            _ => {}
        }
    }
    amounts
}

/// Takes the larger of what two runs have sent.
pub(crate) fn add(before: &mut Amounts, sent: Amounts) {
    for (names, sent) in sent {
        let most = before.entry(names).or_default();
        *most = sent.max(*most);
    }
}

/// Asserts that the run after an interruption has sent what was missing and no more; returns how much
/// was there.
///
/// `whole` has the lengths of the streams, `before` what interrupted runs have sent of each transfer, and
/// `every` how often they made a checkpoint; where that is not known, any amount may be sent again.
#[track_caller]
pub(crate) fn judge(again: &Ended, whole: &Amounts, before: &Amounts, every: Option<u64>) -> u64 {
    let mut all = 0;
    assert!(again.events_of("restart").is_empty(), "it starts over: {again:#?}");
    for done in again.events_of("done") {
        let amount = |name: &str| done[name].as_u64().unwrap();
        let (resumed, sent, names) = (amount("resumed_bytes"), amount("sent_bytes"), paths(&done));
        let twice = (resumed + sent).checked_sub(total(whole, &names));
        let most = if resumed > 0 { FIRST * names.split('+').count() as u64 } else { 0 };
        assert!(twice.is_some_and(|twice| twice <= most), "{names}: {twice:?} twice: {again:#?}");
        all += resumed;
        let Some(every) = every else { continue };
        for (of, reached) in before.iter().filter(|(of, _)| of.ends_with(&names)) {
            let complete = total(whole, of) - total(whole, &names);
            let lost = reached.saturating_sub(complete + resumed);
            assert!(
                lost <= every + UNDER_WAY,
                "{lost} of {reached} bytes of {of} are lost: {again:#?}"
            );
        }
    }
    all
}

/// The length of the streams of all that is named, joined by `+`.
fn total(whole: &Amounts, names: &str) -> u64 {
    names.split('+').map(|name| whole[name]).sum()
}
