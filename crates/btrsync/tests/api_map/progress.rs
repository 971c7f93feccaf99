//! `ProgressTransfer`: a transfer that reports while it runs.

use std::time::Duration;

use btrsync::Counter;
use btrsync::sync::root::RootError;
use btrsync::sync::{Cancelled, ProgressTransfer, Transferring};

use crate::doubles::{Fault, Recorder, broken_by};
use crate::setup::OneJob;

/// A job whose receive takes 3.25 s of the runtime's time, and a transfer that reports its progress.
///
/// The clock of these tests is paused: it jumps ahead whenever everything waits.
fn slow() -> (OneJob, ProgressTransfer) {
    let mut one = OneJob::new("a ro");
    one.dst = Recorder::new("", &one.log).slow(Duration::from_millis(3_250));
    let transfer = ProgressTransfer::new(one.transfer("in"));
    (one, transfer)
}

/// The progress among what was noted.
fn progress(log: &str) -> Vec<&str> {
    log.split("; ").filter_map(|line| line.strip_prefix("progress ")).collect()
}

#[tokio::test(start_paused = true)]
async fn progresstransfer_period() {
    let (one, transfer) = slow();
    transfer.clone().period(Duration::from_millis(500)).transf(&one.job()).await.unwrap();
    assert_eq!(progress(&one.log.take()).len(), 6, "at 0.5 s, 1 s, and so on to 3 s");
    transfer.transf(&one.job()).await.unwrap();
    assert_eq!(progress(&one.log.take()).len(), 3, "once a second where nothing else is said");
    let (one, transfer) = slow();
    transfer.period(Duration::ZERO).transf(&one.job()).await.unwrap();
    assert!(progress(&one.log.take()).len() <= 350, "never more often than every 10 ms");
}

#[tokio::test(start_paused = true)]
async fn progresstransfer_prog_seq() {
    let (one, transfer) = slow();
    transfer.sequence(["-", "+"]).transf(&one.job()).await.unwrap();
    assert_eq!(progress(&one.log.take()), ["0-0-", "0-0+", "0-0-"], "it starts anew at its end");
    // Each transfer begins with the first.
    let (one, transfer) = slow();
    let transfer = transfer.sequence(["1", "2"]);
    for _ in 0..2 {
        transfer.transf(&one.job()).await.unwrap();
        assert_eq!(progress(&one.log.take()), ["0-01", "0-02", "0-01"]);
    }
}

#[tokio::test]
async fn progresstransfer_kwargs() {
    // The arguments of the Transfer are given to the Transfer.
    let one = OneJob::new("d/a ro");
    let transfer = ProgressTransfer::new(one.transfer("in").replicate_dirs(true));
    transfer.transf(&one.job()).await.unwrap();
    assert!(one.log.take().contains("receive 1 into in/d"));
}

#[tokio::test]
async fn progresstransfer_err_e_args() {
    let one = OneJob::new("a ro");
    let transfer = ProgressTransfer::new(one.transfer("in"));
    transfer.err(&RootError::Cancelled, Some(&one.job()));
    assert_eq!(one.log.take(), "err a: cancelled");
}

#[tokio::test(start_paused = true)]
async fn progresstransfer_progress_flow_seq() {
    // For as long as it is polled.
    let (one, transfer) = slow();
    let job = one.job();
    let transfer = transfer.sequence(["."]);
    let reporting = transfer.progress(&job, Counter::default());
    tokio::time::timeout(Duration::from_millis(2_500), reporting).await.unwrap_err();
    assert_eq!(one.log.take(), "progress 0-0.; progress 0-0.");
}

#[tokio::test]
async fn progresstransfer_report_vols_par_src_dst() {
    let one = OneJob::new("a ro");
    ProgressTransfer::new(one.transfer("in")).transf(&one.job()).await.unwrap();
    assert!(one.log.take().starts_with("report a from double to double into in; "));
}

#[tokio::test]
async fn progresstransfer_report_done_vols_par_src_dst() {
    let one = OneJob::new("a ro");
    ProgressTransfer::new(one.transfer("in")).transf(&one.job()).await.unwrap();
    assert!(one.log.take().ends_with("; done a into in, 1 bytes"));
}

#[tokio::test(start_paused = true)]
async fn progresstransfer_report_progress_total_prev_seq() {
    use std::io::{Read, Write};
    let one = OneJob::new("a ro");
    let (writer, mut flow) = btrsync::Flow::pipe(&one.cancel).unwrap();
    let transfer = ProgressTransfer::new(one.transfer("in")).sequence(["/"]);
    let (job, counter) = (one.job(), flow.counter());
    let reporting = transfer.progress(&job, counter);
    let flowing = async {
        let mut writer = std::fs::File::from(writer);
        for bytes in [3, 4] {
            writer.write_all(&vec![0; bytes]).unwrap();
            flow.read_exact(&mut vec![0; bytes]).unwrap();
            tokio::time::sleep(Duration::from_millis(1_100)).await;
        }
    };
    tokio::select! { () = reporting => {}, () = flowing => {} }
    assert_eq!(one.log.take(), "progress 0-3/; progress 3-7/");
}

#[tokio::test(start_paused = true)]
async fn progresstransfer_transf_vols_par_src_dst() {
    let (one, transfer) = slow();
    let done = transfer.transf(&one.job()).await.unwrap();
    assert_eq!(done.bytes, 1);
    let log = one.log.take();
    let last = log.rsplit("; ").next().unwrap();
    assert!(last.starts_with("done a"), "nothing is reported after the end: {log}");
}

#[tokio::test]
async fn progresstransfer_transf_raises_cancellederror() {
    let mut one = OneJob::new("a ro");
    one.dst = Recorder::new("", &one.log).fault("a", Fault::Receiving);
    let transfer = ProgressTransfer::new(one.transfer("in"));
    assert_eq!(transfer.transf(&one.job()).await, Err(Cancelled));
    assert!(one.log.take().ends_with("err a: double cannot go on receiving"));
}

#[tokio::test]
async fn progresstransfer_try_await_aw() {
    // It is the Transfer's; a clone of that reports to the same observer.
    let one = OneJob::new("a ro");
    let transfer = one.transfer("in");
    let _progress = ProgressTransfer::new(transfer.clone());
    let failing = async { Err::<(), _>(broken_by(Fault::Send)) };
    assert_eq!(transfer.try_await(&one.job(), failing).await, Err(Cancelled));
    assert_eq!(one.log.take(), "err a: double cannot send");
}

#[tokio::test]
async fn progresstransfer_try_gather_coroutines() {
    let one = OneJob::new("a ro");
    let transfer = one.transfer("in");
    let _progress = ProgressTransfer::new(transfer.clone());
    transfer.try_gather(&one.job(), &one.cancel, Vec::new()).await.unwrap();
}

#[tokio::test]
async fn progresstransfer_try_gather_raises_cancellederror() {
    let one = OneJob::new("a ro");
    let transfer = one.transfer("in");
    let _progress = ProgressTransfer::new(transfer.clone());
    let failing = Box::pin(async { Err(broken_by(Fault::Send)) });
    let result = transfer.try_gather(&one.job(), &one.cancel, vec![failing]).await;
    assert_eq!(result, Err(Cancelled));
    assert!(one.cancel.is_cancelled());
}
