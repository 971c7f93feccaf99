//! The send of the next transfer is begun while the present one is being completed, and at no other time.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use btrsync::sync::{BtrSync, Hooks, SyncOptions, Transfer};

use crate::doubles::{Fault, Log, Recorder, Watcher};
use crate::setup::hooked;

const CHAIN: &str = "a ro; b<a ro; c<b ro";

/// What two doubles are asked to send, and what is done, with a receive that lasts for a while.
async fn told(dst: fn(Recorder) -> Recorder, options: SyncOptions) -> String {
    let log = Log::default();
    let src = Arc::new(Recorder::new(CHAIN, &log).here());
    let dst = Arc::new(dst(Recorder::new("", &log).slow(Duration::from_millis(20))));
    let transfer = Transfer::new("in").observer(Arc::new(Watcher(log.clone())));
    BtrSync::new(src, dst).sync(&transfer, &options).await;
    let lines = log.take();
    let words = lines.split("; ").filter_map(|line| {
        let mut words = line.split([' ', '<']);
        let (word, vol) = (words.next()?, words.next()?);
        ["send", "unsent", "done"].contains(&word).then(|| format!("{word} {vol}"))
    });
    words.collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn the_next_send_is_begun_before_the_end_of_a_receive_and_used() {
    let told = told(Recorder::here, SyncOptions::default()).await;
    assert_eq!(told, "send a; send b; done a; send c; done b; done c");
}

#[tokio::test]
async fn what_was_begun_ends_with_a_failure() {
    let fails = |dst: Recorder| dst.here().fault("a", Fault::Receiving);
    let told = told(fails, SyncOptions::default()).await;
    assert_eq!(told, "send a; send b; unsent b");
}

#[tokio::test]
async fn nothing_is_begun_where_it_is_not_certain_or_goes_elsewhere() {
    let whole = "send a; done a; send b; done b; send c; done c";
    let parallel = SyncOptions { parallel: NonZeroUsize::new(2), ..SyncOptions::default() };
    assert_eq!(told(Recorder::here, parallel).await, whole);
    let stopped = hooked(Hooks::default().stop(|_| true));
    assert_eq!(told(Recorder::here, stopped).await, "send a; done a");
    assert_eq!(told(|elsewhere| elsewhere, SyncOptions::default()).await, whole);
}
