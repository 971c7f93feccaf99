//! One bad input, judged by everything that is promised of it.
//!
//! The hazard is a check that comes too late: whatever is refused must leave the destination as it was,
//! to the nanosecond of its times.

use std::path::Path;
use std::process::Command;

use super::{Ended, State, no_leftover};

/// Runs a bad command for people and for programs: it must end with `code`, say all of `words` and what
/// to do next, and leave the filesystem of the destination untouched.
#[track_caller]
pub(crate) fn refuses(code: i32, words: &[&str], top: &Path, command: impl Fn() -> Command) {
    let before = State::of(top);
    fails(code, words, command);
    before.unchanged(top);
}

/// Does as [`refuses`], for what fails only when the transfer has begun: the destination may have been
/// touched, but holds what it held.
#[track_caller]
pub(crate) fn gives_up(code: i32, words: &[&str], top: &Path, command: impl Fn() -> Command) {
    let before = State::of(top);
    fails(code, words, command);
    before.same_content(top);
    no_leftover(top);
}

#[track_caller]
fn fails(code: i32, words: &[&str], command: impl Fn() -> Command) {
    let ended = Ended::of(command().arg("-y")).exits(code).complains(words);
    assert!(ended.err.starts_with("btrsync: "), "{ended:#?}");
    ended.complains(&["\n  what next: "]);
    let ended = Ended::of(command().args(["-y", "--json"])).exits(code);
    let errors = ended.events_of("error");
    assert_eq!(errors.len(), 1, "{ended:#?}");
    let text = errors[0].to_string();
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text:?}");
    }
    assert!(errors[0]["hint"].is_string(), "{ended:#?}");
    let last = ended.events().pop().unwrap();
    assert_eq!(
        (&last["event"], last["exit_code"].as_i64()),
        (&"summary".into(), Some(code.into()))
    );
}
