//! `Transfer`: its arguments, what it tells, and what it does on errors.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use btrsync::sync::root::{Completion, RootError};
use btrsync::sync::{BtrSync, Cancelled, SyncOptions, Transfer, Transferring};

use crate::doubles::{Fault, Log, Recorder, Watcher, broken_by};
use crate::notation::side;
use crate::setup::OneJob;

#[tokio::test]
async fn transfer_recvpath() {
    let one = OneJob::new("d/a ro");
    Transfer::new("backup/here").transf(&one.job()).await.unwrap();
    assert_eq!(one.log.take(), "send a; receive 1 into backup/here");
    // The root's own directory, as '.' in the Python one.
    Transfer::new("").transf(&one.job()).await.unwrap();
    assert_eq!(one.log.take(), "send a; receive 1 into ");
    assert_eq!(Transfer::new("b").target(&side("d/a ro")[0]), Path::new("b/a"));
}

#[tokio::test]
async fn transfer_replicate_dirs() {
    let one = OneJob::new("d/e/a ro");
    let transfer = Transfer::new("backup").replicate_dirs(true);
    transfer.transf(&one.job()).await.unwrap();
    assert_eq!(one.log.take(), "send a; receive 1 into backup/d/e");
    assert_eq!(transfer.target(&side("d/e/a ro")[0]), Path::new("backup/d/e/a"));
    assert_eq!(transfer.directory(&side("a ro")[0]), Path::new("backup"));
    let flat = transfer.replicate_dirs(false);
    assert_eq!(flat.directory(&side("d/e/a ro")[0]), Path::new("backup"));
}

#[tokio::test]
async fn transfer_err_e_args() {
    let mut one = OneJob::new("a ro");
    one.src = Recorder::new("a ro", &one.log).fault("a", Fault::Send);
    let transfer = one.transfer("in");
    assert_eq!(transfer.transf(&one.job()).await, Err(Cancelled));
    let log = one.log.take();
    assert!(log.ends_with("send a; err a: double cannot send"), "{log}");
    // An error that belongs to no transfer comes without a job.
    transfer.err(&RootError::Cancelled, None);
    assert_eq!(one.log.take(), "err : cancelled");
}

#[tokio::test]
async fn transfer_report_vols_par_src_dst() {
    let mut one = OneJob::new("a ro; b ro");
    one.step.parent = side("p ro").pop();
    one.transfer("in").transf(&one.job()).await.unwrap();
    let log = one.log.take();
    // It comes first, before anything is sent.
    assert!(log.starts_with("report a+b<p from double to double into in; send a+b<p; "), "{log}");
}

#[tokio::test]
async fn transfer_report_done_vols_par_src_dst() {
    let mut one = OneJob::new("a ro; b ro");
    one.step.parent = side("p ro").pop();
    one.transfer("in").transf(&one.job()).await.unwrap();
    let log = one.log.take();
    assert!(log.ends_with("; receive 2 into in; done a+b<p into in, 3 bytes"), "{log}");
    // It does not come for what failed.
    one.dst = Recorder::new("", &one.log).fault("a+b", Fault::Receiving);
    one.transfer("in").transf(&one.job()).await.unwrap_err();
    let log = one.log.take();
    assert!(log.ends_with("; err a+b<p: double cannot go on receiving"), "{log}");
}

#[tokio::test]
async fn transfer_transf_vols_par_src_dst() {
    let one = OneJob::new("a ro");
    let done = Transfer::new("in").transf(&one.job()).await.unwrap();
    assert_eq!((one.log.take().as_str(), done.bytes), ("send a; receive 1 into in", 1));
}

#[tokio::test]
async fn transfer_transf_raises_cancellederror() {
    for (fault, vol) in [
        (Fault::Send, "a"),
        (Fault::Sending, "a"),
        (Fault::Receive, "any"),
        (Fault::Receiving, "a"),
    ] {
        let mut one = OneJob::new("a ro");
        one.src = Recorder::new("", &one.log).fault(vol, fault);
        one.dst = Recorder::new("", &one.log).fault(vol, fault);
        let result = one.transfer("in").transf(&one.job()).await;
        assert_eq!(result, Err(Cancelled), "{fault:?}");
        // After telling it, once.
        let log = one.log.take();
        assert_eq!(log.matches("err ").count(), 1, "{log}");
        assert!(log.ends_with(&format!("err a: {}", broken_by(fault))), "{log}");
        assert!(!log.contains("done"), "{log}");
    }
}

#[tokio::test]
async fn transfer_try_await_aw() {
    let one = OneJob::new("a ro");
    let transfer = one.transfer("in");
    assert_eq!(transfer.try_await(&one.job(), async { Ok(7) }).await, Ok(7));
    assert_eq!(one.log.take(), "");
    let failing = async { Err::<(), _>(broken_by(Fault::Send)) };
    assert_eq!(transfer.try_await(&one.job(), failing).await, Err(Cancelled));
    assert_eq!(one.log.take(), "err a: double cannot send");
}

fn ends(result: Result<(), RootError>) -> Completion<()> {
    Box::pin(async { result })
}

#[tokio::test]
async fn transfer_try_gather_coroutines() {
    let one = OneJob::new("a ro");
    let (transfer, log) = (one.transfer("in"), one.log.clone());
    let both = ["one", "two"].map(|line| -> Completion<()> {
        let log = log.clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            log.add(line);
            Ok(())
        })
    });
    transfer.try_gather(&one.job(), &one.cancel, both.into()).await.unwrap();
    assert_eq!(one.log.take(), "one; two");
    assert!(!one.cancel.is_cancelled());
    transfer.try_gather(&one.job(), &one.cancel, Vec::new()).await.unwrap();
}

#[tokio::test]
async fn transfer_try_gather_raises_cancellederror() {
    let one = OneJob::new("a ro");
    let transfer = one.transfer("in");
    // The other would wait for ever; it is cancelled by the switch, and awaited.
    let (switch, log) = (one.cancel.clone(), one.log.clone());
    let waiting: Completion<()> = Box::pin(async move {
        while !switch.is_cancelled() {
            tokio::task::yield_now().await;
        }
        log.add("ended");
        Err(RootError::Cancelled)
    });
    let both = vec![waiting, ends(Err(broken_by(Fault::Receiving)))];
    let job = one.job();
    let gathered = transfer.try_gather(&job, &one.cancel, both);
    let in_time = tokio::time::timeout(Duration::from_secs(10), gathered);
    assert_eq!(in_time.await.expect("the other is not cancelled"), Err(Cancelled));
    // Only the cause is told, not that the other was cancelled for it.
    assert_eq!(one.log.take(), "ended; err a: double cannot go on receiving");
}

#[tokio::test]
async fn of_two_causes_both_are_told_and_of_none_one_consequence() {
    let one = OneJob::new("a ro");
    let transfer = one.transfer("in");
    let both = vec![ends(Err(broken_by(Fault::Sending))), ends(Err(broken_by(Fault::Receiving)))];
    transfer.try_gather(&one.job(), &one.cancel, both).await.unwrap_err();
    let expected = "err a: double cannot go on sending; err a: double cannot go on receiving";
    assert_eq!(one.log.take(), expected);
    let both = vec![ends(Err(RootError::Cancelled)), ends(Err(RootError::Cancelled))];
    transfer.try_gather(&one.job(), &one.cancel, both).await.unwrap_err();
    assert_eq!(one.log.take(), "err a: cancelled");
}

#[tokio::test]
async fn a_whole_sync_tells_its_observer_everything_in_order() {
    let log = Log::default();
    let src = Arc::new(Recorder::new("a ro; b<a ro", &log));
    let dst = Arc::new(Recorder::new("", &log).fault("b", Fault::Receiving));
    let transfer = Transfer::new("in").observer(Arc::new(Watcher(log.clone())));
    let outcome = BtrSync::new(src, dst).sync(&transfer, &SyncOptions::default()).await;
    assert_eq!((outcome.done.len(), outcome.failed), (1, 1));
    assert_eq!(
        log.take().split("; ").collect::<Vec<_>>(),
        [
            "report a from double to double into in",
            "send a",
            "receive 1 into in",
            "done a into in, 1 bytes",
            "report b<a from double to double into in",
            "send b<a",
            "receive 1 into in",
            "err b<a: double cannot go on receiving",
        ]
    );
}
