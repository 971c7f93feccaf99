//! A transfer that is given up in the middle: nothing under the final name, and nothing that hangs.
//!
//! Alone in its process, one test at a time: they count its threads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use btrsync::Cancel;
use btrsync::sync::root::{RootError, SendRequest, StreamMeta};
use btrsync::sync::{BtrSync, Job, Observer, ProgressTransfer, SyncOptions, Transfer};
use btrsync_testutil::{LoopFs, assert_identical, require_btrfs};
use support::{Root, bulk, entries, eventually, listed, root};

#[allow(dead_code, unreachable_pub, reason = "shared with local_root, which uses all of it")]
#[path = "local_root/support.rs"]
mod support;

static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Large enough that it is under way for a while.
const SIZE: usize = 32 << 20;

/// Throws a switch when the first bytes have flowed, and keeps the errors.
struct Thrower {
    cancel: Cancel,
    errors: Mutex<Vec<String>>,
}

impl Thrower {
    fn new() -> Arc<Self> {
        Arc::new(Self { cancel: Cancel::new().unwrap(), errors: Mutex::default() })
    }
}

impl Observer for Thrower {
    fn report_progress(&self, _: &Job<'_>, total: u64, _: u64, _: &str) {
        if total > 0 {
            self.cancel.cancel();
        }
    }

    fn err(&self, error: &RootError, _: Option<&Job<'_>>) {
        self.errors.lock().unwrap().push(error.to_string());
    }
}

fn watched(thrower: &Arc<Thrower>) -> ProgressTransfer {
    let transfer = Transfer::new("").observer(thrower.clone());
    ProgressTransfer::new(transfer).period(Duration::from_millis(10))
}

async fn source() -> (LoopFs, Root) {
    let fs = LoopFs::new();
    bulk(fs.path(), "origin", "one", SIZE);
    let root = root(fs.path()).await;
    (fs, root)
}

/// The threads of this process that are at work for the library.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() == "btrsync").count()
}

/// Demands that what was under way ends, leaves nothing, and that a rerun finishes the job.
async fn ends_cleanly(src: &Root, from: &Path, to: &Path) {
    eventually("the threads have ended", || threads() == 0);
    assert!(entries(to).is_empty(), "left: {:?}", entries(to));
    // A root of its own: a lock that is still held would show.
    let sync = BtrSync::new(src.clone(), root(to).await);
    let outcome = sync.sync(&Transfer::new(""), &SyncOptions::default()).await;
    assert_eq!((outcome.done.len(), outcome.failed), (1, 0));
    assert_identical(&from.join("one"), &to.join("one"));
}

#[tokio::test]
async fn a_thrown_switch_ends_a_transfer() {
    require_btrfs!();
    let _alone = ONE_AT_A_TIME.lock().await;
    let ((from, src), to) = (source().await, LoopFs::new());
    let thrower = Thrower::new();
    let cancel = Some(thrower.cancel.clone());
    let options = SyncOptions { cancel, ..SyncOptions::default() };
    let sync = BtrSync::new(src.clone(), root(to.path()).await);
    let outcome = sync.sync(&watched(&thrower), &options).await;
    assert_eq!((outcome.done.len(), outcome.failed), (0, 1), "it was over too soon");
    // That it was cancelled is told, and not that a pipe broke for it.
    assert_eq!(*thrower.errors.lock().unwrap(), ["cancelled"]);
    drop(sync);
    ends_cleanly(&src, from.path(), to.path()).await;
}

#[tokio::test]
async fn a_dropped_sync_ends_a_transfer() {
    require_btrfs!();
    let _alone = ONE_AT_A_TIME.lock().await;
    let ((from, src), to) = (source().await, LoopFs::new());
    let thrower = Thrower::new();
    let sync = BtrSync::new(src.clone(), root(to.path()).await);
    let (transfer, options) = (watched(&thrower), SyncOptions::default());
    // Its switch is not that of the sync: it only says when there is something to drop.
    let under_way = async {
        while !thrower.cancel.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        _ = sync.sync(&transfer, &options) => panic!("it was over too soon"),
        () = under_way => {}
    }
    assert!(threads() > 0, "nothing was under way");
    drop(sync);
    ends_cleanly(&src, from.path(), to.path()).await;
}

#[tokio::test]
async fn dropped_ends_of_a_transfer_by_hand_end_too() {
    require_btrfs!();
    let _alone = ONE_AT_A_TIME.lock().await;
    let ((from, src), to) = (source().await, LoopFs::new());
    let one = listed(&src, "one").await;
    let (vols, cancel) = (std::slice::from_ref(&one), Cancel::new().unwrap());
    let request = SendRequest::full(vols, &cancel);
    // A flow that nobody reads: the send ends when it is dropped.
    let (flow, sent) = src.send(request).await.unwrap();
    drop((flow, sent));
    eventually("the send has ended", || threads() == 0);
    // A receive whose completion nobody awaits: it ends with the switch.
    let dst = root(to.path()).await;
    let (flow, sent) = src.send(request).await.unwrap();
    let received = dst.receive(flow, "".as_ref(), StreamMeta::default()).await.unwrap();
    drop((sent, received));
    cancel.cancel();
    drop(dst);
    ends_cleanly(&src, from.path(), to.path()).await;
}

#[tokio::test]
async fn a_run_cancelled_among_transfers_at_once_finishes_none() {
    require_btrfs!();
    let _alone = ONE_AT_A_TIME.lock().await;
    let ((from, src), to) = (source().await, LoopFs::new());
    for name in ["two", "three"] {
        bulk(from.path(), &format!("of-{name}"), name, SIZE / 2);
    }
    let thrower = Thrower::new();
    let cancel = Some(thrower.cancel.clone());
    let parallel = std::num::NonZeroUsize::new(2);
    let options = SyncOptions { cancel, parallel, ..SyncOptions::default() };
    let sync = BtrSync::new(src.clone(), root(to.path()).await);
    let outcome = sync.sync(&watched(&thrower), &options).await;
    assert_eq!((outcome.done.len(), outcome.failed, outcome.left), (0, 2, 1));
    drop(sync);
    eventually("the threads have ended", || threads() == 0);
    assert!(entries(to.path()).is_empty(), "left: {:?}", entries(to.path()));
}
