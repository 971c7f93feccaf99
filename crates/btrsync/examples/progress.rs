//! Shows what happens: an observer of its own prints each transfer and its progress.
//!
//! `cargo run --example progress SOURCE DESTINATION`, as root; both on btrfs.
#![allow(clippy::print_stdout, reason = "a program")]

use std::env;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use btrsync::sync::root::{RootError, RootOptions};
use btrsync::sync::{
    BtrSync, Done, Hooks, Job, Observer, ProgressTransfer, SyncOptions, Transfer, default_root,
};
use btrsync::text::escaped;

struct Printer;

fn name(job: &Job<'_>) -> String {
    job.step.vols.first().map(|vol| escaped(&vol.path).to_string()).unwrap_or_default()
}

impl Observer for Printer {
    fn report(&self, job: &Job<'_>, into: &Path) {
        println!("{} into {}: {}", name(job), escaped(into), job.step.reason);
    }

    fn report_progress(&self, job: &Job<'_>, total: u64, prev: u64, sequence: &str) {
        println!("{} {sequence} {total} bytes, {} since the last", name(job), total - prev);
    }

    fn report_done(&self, job: &Job<'_>, _: &Path, done: Done) {
        println!("{} done: {} bytes in {:?}", name(job), done.bytes, done.elapsed);
    }

    fn err(&self, error: &RootError, job: Option<&Job<'_>>) {
        println!("{} failed: {error}", job.map(name).unwrap_or_default());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (Some(source), Some(destination)) = (arguments.next(), arguments.next()) else {
        return Err("give a source and a destination".into());
    };
    let (local, options) = (default_root("local")?, RootOptions::default());
    let (src, below) = local.get_root(source.as_ref(), &options).await?;
    let (dst, recvpath) = local.get_root(destination.as_ref(), &options).await?;

    let transfer = Transfer::new(recvpath).observer(Arc::new(Printer));
    let transfer = ProgressTransfer::new(transfer)
        .period(Duration::from_millis(20))
        .sequence(["|", "/", "-", "\\"]);
    let only_below = Hooks::default().target(move |vol| vol.path.starts_with(&below));
    let sync = BtrSync::new(src, dst).with_hooks(only_below);
    let outcome = sync.sync(&transfer, &SyncOptions::default()).await;
    if outcome.is_success() { Ok(()) } else { Err("not everything was transferred".into()) }
}
