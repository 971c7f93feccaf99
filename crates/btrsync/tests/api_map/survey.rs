//! `BtrSync::survey`: what is asked for that a listing leaves out, and how often.

use std::sync::Arc;

use btrsync::sync::{BtrSync, SyncOptions};

use crate::doubles::{Log, Recorder};
use crate::notation::show;

const SOURCE: &str = "A; a1<A ro; a2<A ro; a3<A ro; a4<A ro; a5<A ro";
const LISTED: &str = "c1 =a1 ro mute; c2 =a2 ro mute; c3 =a3 ro mute; c4 =a4 ro mute";

/// As [`survey`], but it is the source that tells when asked, and the destination lists all.
async fn survey_source(source: &str, told: &str, dest: &str) -> (String, String) {
    let log = Log::default();
    let src = Recorder::new(source, &log).telling(told);
    let sync = BtrSync::new(Arc::new(src), Arc::new(Recorder::new(dest, &log)));
    let survey = sync.survey(&SyncOptions::default()).await.unwrap();
    (log.take(), show(&survey.plan))
}

#[tokio::test]
async fn what_may_be_an_ancestor_is_asked_for() {
    let listed = "A; a ro dumb; b<a ro; c<a ro later; s<A ro dumb; t<A ro";
    for (told, questions, plan) in [
        (
            "A; a ro; b<a ro; c<a ro later; s<A ro; t<A ro",
            "complete a+s",
            "[a full] [s full] | [b incr a] [c incr a] [t incr s]",
        ),
        // Changed after b was taken of it, and after s was taken.
        (
            "A; a ro changed; b<a ro; c<a ro later; s<A ro changed; t<A ro",
            "complete a+s",
            "[a full] [b full] [s full] [t full] | [c incr a]",
        ),
        // What is not told could be anything.
        (listed, "complete a+s", "[a full] [b full] [s full] [t full] | [c incr a]"),
    ] {
        let found = survey_source(listed, told, "").await;
        assert_eq!(found, (questions.to_owned(), plan.to_owned()), "{told}");
    }
    // Not where nothing is to be sent.
    let there = survey_source("a ro dumb; b<a ro", "a ro; b<a ro", "+a; +b").await;
    assert_eq!(there, (String::new(), String::new()));
}

/// Plans against a destination that lists [`LISTED`] and tells `told` when asked; returns the questions
/// and the plan.
async fn survey(source: &str, told: &str) -> (String, String) {
    let log = Log::default();
    let src = Recorder::new(source, &log);
    let dst = Recorder::new(LISTED, &log).telling(told);
    let sync = BtrSync::new(Arc::new(src), Arc::new(dst));
    let survey = sync.survey(&SyncOptions::default()).await.unwrap();
    (log.take(), show(&survey.plan))
}

#[tokio::test]
async fn only_what_a_plan_relies_on_is_asked_for() {
    let told = "c1 =a1 ro; c2 =a2 ro; c3 =a3 ro; c4 =a4 ro";
    for (source, told, questions, plan) in [
        (SOURCE, told, "complete c4", "[a5 incr a4]"),
        // Changed since it was sent: the plan that follows relies on another.
        (
            "A; a1<A ro; a2<A ro; a3<A ro; a4<a3 ro changed; a5<a4 ro later",
            told,
            "complete c4; complete c3",
            "[a5 incr a3]",
        ),
        // The number of rounds is bounded, whatever is found.
        (
            "A; a1<A ro; a2<A ro; a3<a2 ro changed; a4<a3 ro later changed; a5<a4 ro later later",
            told,
            "complete c4; complete c3; complete c1+c2",
            "[a5 incr a2]",
        ),
        // What cannot be told is not asked for again.
        (SOURCE, LISTED, "complete c4", "[a5 incr a4]"),
    ] {
        assert_eq!(survey(source, told).await, (questions.to_owned(), plan.to_owned()), "{source}");
    }
}

#[tokio::test]
async fn nothing_is_asked_for_where_no_plan_relies_on_it() {
    let nothing_new = "A; a1<A ro; a2<A ro; a3<A ro; a4<A ro";
    assert_eq!(survey(nothing_new, LISTED).await, (String::new(), String::new()));
    let full = survey("B; b1<B ro; b2<B ro", LISTED).await;
    assert_eq!(full, (String::new(), "[b1 full] | [b2 incr b1]".to_owned()));
}
