//! `BtrSync.sync`: its arguments and its result.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use btrsync::Cancel;
use btrsync::sync::{BtrSync, Hooks, Outcome, SyncOptions, Transfer};

use crate::doubles::{Log, Recorder};
use crate::notation::is;
use crate::setup::{Noting, hooked, one_by_one, run, sync, transfers};

const CHAIN: &str = "A; a1<A ro; a2<A ro; a3<A ro";
const STAR: &str = "a ro; b<a ro; c<a ro; d<a ro; e<a ro; f<b ro";

#[tokio::test]
async fn btrsync_sync_trans() {
    // Everything that happens goes through it: the transfers, and the errors outside of them.
    let trans = Noting { log: Log::default(), fails: &[] };
    sync(CHAIN, "").sync(&trans, &SyncOptions::default()).await;
    assert_eq!(trans.log.take(), "a1; a2<a1; a3<a2");
    let broken = Arc::new(Recorder::broken(&Log::default()));
    let sync = BtrSync::new(broken.clone(), broken);
    let outcome = sync.sync(&trans, &SyncOptions::default()).await;
    assert_eq!(trans.log.take(), "err double cannot list its subvolumes");
    assert!(outcome.unplanned && !outcome.is_success());
}

#[tokio::test]
async fn btrsync_sync_batch() {
    let batch = SyncOptions { batch: true, ..SyncOptions::default() };
    assert_eq!(transfers(&sync(STAR, "+a"), &batch).await, "b+c+d+e<a; f<b");
    let directories = "a ro; x/b<a ro; y/c<a ro; x/d<a ro";
    assert_eq!(transfers(&sync(directories, "+a"), &batch).await, "b+d<a; c<a");
    // One pack of several volumes is one send and one receive.
    let log = Log::default();
    let [src, dst] = [STAR, "+a"].map(|side| Arc::new(Recorder::new(side, &log)));
    BtrSync::new(src, dst).sync(&Transfer::new("in"), &batch).await;
    let expected = "send b+c+d+e<a; receive 4 into in; send f<b; receive 1 into in";
    assert_eq!(log.take(), expected);
}

/// Syncs the star with up to `parallel` transfers at once, and returns how many there were at most.
async fn most_at_once(parallel: Option<usize>) -> usize {
    let log = Log::default();
    let src = Arc::new(Recorder::new(STAR, &log));
    let dst = Arc::new(Recorder::new("+a", &log).slow(Duration::from_millis(20)));
    let most = dst.most();
    let parallel = parallel.and_then(NonZeroUsize::new);
    let options = SyncOptions { parallel, ..SyncOptions::default() };
    let outcome = BtrSync::new(src, dst).sync(&Transfer::new(""), &options).await;
    assert_eq!((outcome.done.len(), outcome.is_success()), (5, true));
    most.load(Ordering::SeqCst)
}

#[tokio::test]
async fn btrsync_sync_parallel() {
    assert_eq!(most_at_once(None).await, 1);
    assert_eq!(most_at_once(Some(1)).await, 1);
    assert_eq!(most_at_once(Some(3)).await, 3);
    // Never more than the group has: f waits for b.
    assert_eq!(most_at_once(Some(100)).await, 4);
}

#[tokio::test]
async fn serial_ends_at_the_first_error() {
    let (asked, outcome) = run(&sync(STAR, "+a"), &SyncOptions::default(), &["c<a"]).await;
    assert_eq!(asked, "b<a; c<a");
    assert_eq!((outcome.done.len(), outcome.failed, outcome.left), (1, 1, 3));
}

#[tokio::test]
async fn parallel_lets_the_group_finish_and_then_ends() {
    for at_once in [1, 2, 9] {
        let parallel = NonZeroUsize::new(at_once);
        let options = SyncOptions { parallel, ..SyncOptions::default() };
        let (asked, outcome) = run(&sync(STAR, "+a"), &options, &["b<a"]).await;
        assert_eq!(asked, "b<a; c<a; d<a; e<a", "{at_once} at once");
        assert_eq!((outcome.done.len(), outcome.failed, outcome.left), (3, 1, 1));
    }
}

#[tokio::test]
async fn btrsync_sync_transfer_existing() {
    let existing = SyncOptions { transfer_existing: true, ..SyncOptions::default() };
    let sync = sync(CHAIN, "+a1");
    assert_eq!(transfers(&sync, &SyncOptions::default()).await, "a2<a1; a3<a2");
    assert_eq!(transfers(&sync, &existing).await, "a1<a1; a2<a1; a3<a2");
}

/// Demands that the hooks of a call win over those of the instance, and end with the call.
async fn wins(source: &str, dest: &str, instance: Hooks, call: Hooks, expected: [&str; 2]) {
    let sync = sync(source, dest).with_hooks(instance);
    assert_eq!(transfers(&sync, &SyncOptions::default()).await, expected[0]);
    assert_eq!(transfers(&sync, &hooked(call)).await, expected[1]);
    assert_eq!(transfers(&sync, &SyncOptions::default()).await, expected[0]);
}

#[tokio::test]
async fn btrsync_sync_volgroups() {
    let instance = Hooks::default().volgroups(|_| Vec::new());
    let call = Hooks::default().volgroups(one_by_one);
    wins(CHAIN, "", instance, call, ["", "a1; a2<a1; a3<a2"]).await;
}

#[tokio::test]
async fn btrsync_sync_target() {
    let instance = Hooks::default().target(|vol| is(vol, "a1"));
    let call = Hooks::default().target(|vol| is(vol, "a2"));
    wins(CHAIN, "", instance, call, ["a1", "a2"]).await;
}

#[tokio::test]
async fn btrsync_sync_parent() {
    let instance = Hooks::default().parent(|_, _| None);
    let call = Hooks::default().parent(|view, vol| view.parent(vol));
    wins(CHAIN, "+a1", instance, call, ["a2; a3", "a2<a1; a3<a2"]).await;
}

#[tokio::test]
async fn btrsync_sync_check() {
    let instance = Hooks::default().check(|_, _| false);
    let call = Hooks::default().check(|_, parent| parent.is_some());
    wins(CHAIN, "+a1", instance, call, ["", "a2<a1; a3<a2"]).await;
}

#[tokio::test]
async fn btrsync_sync_stop() {
    let instance = Hooks::default().stop(|_| true);
    let call = Hooks::default().stop(|vols| is(&vols[0], "a2"));
    wins(CHAIN, "", instance, call, ["a1", "a1; a2<a1"]).await;
    // Those under way at once are finished.
    let parallel = NonZeroUsize::new(2);
    let hooks = Hooks::default().stop(|_| true);
    let options = SyncOptions { parallel, ..hooked(hooks) };
    let (asked, outcome) = run(&sync(STAR, "+a"), &options, &[]).await;
    assert_eq!(asked, "b<a; c<a");
    assert_eq!((outcome.is_success(), outcome.done.len(), outcome.left), (true, 2, 3));
}

#[tokio::test]
async fn btrsync_sync_returns() {
    let (_, outcome) = run(&sync(CHAIN, "+a1"), &SyncOptions::default(), &[]).await;
    assert!(outcome.is_success());
    let names: Vec<_> = outcome.done.iter().map(|(step, _)| step.vols[0].name.clone()).collect();
    assert_eq!(names, ["a2", "a3"]);
    let (_, nothing) = run(&sync("", ""), &SyncOptions::default(), &[]).await;
    assert_eq!(nothing, Outcome::default());
    assert!(nothing.is_success());
    let (_, failed) = run(&sync(CHAIN, ""), &SyncOptions::default(), &["a1"]).await;
    assert!(!failed.is_success());
    assert_eq!((failed.failed, failed.left), (1, 2));
}

#[tokio::test]
async fn a_plan_can_be_made_without_running_it() {
    let (sync, options) = (sync(CHAIN, "+a1"), SyncOptions::default());
    let plan = sync.plan(&options).await.unwrap();
    assert_eq!(crate::notation::show(&plan), "[a2 incr a1] | [a3 incr a2]");
    let trans = Noting { log: Log::default(), fails: &[] };
    assert!(sync.run(&plan, &trans, &options).await.is_success());
    assert_eq!(trans.log.take(), "a2<a1; a3<a2");
}

#[tokio::test]
async fn a_thrown_switch_begins_nothing() {
    let cancel = Cancel::new().unwrap();
    cancel.cancel();
    let options = SyncOptions { cancel: Some(cancel), ..SyncOptions::default() };
    let (asked, outcome) = run(&sync(CHAIN, ""), &options, &[]).await;
    assert_eq!((asked.as_str(), outcome.left), ("", 3));
    assert!(outcome.cancelled && !outcome.is_success());
}
