//! Writes what happens as JSON, one object a line: an observer of its own, with nothing but the library.
//!
//! `cargo run --example json SOURCE DESTINATION`, as root; both on btrfs.
#![allow(clippy::print_stdout, reason = "a program")]

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use btrsync::sync::root::{RootError, RootOptions};
use btrsync::sync::{
    BtrSync, Done, Hooks, Job, Observer, ProgressTransfer, SyncOptions, Transfer, default_root,
};
use btrsync::text::escaped;

struct Lines;

/// A string of JSON. `escaped` has no control characters, and writes bytes that are no UTF-8 as `\xff`.
fn string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Prints an event; what else is to be said of it comes as members that are JSON already.
fn event(kind: &str, job: Option<&Job<'_>>, more: &[(&str, String)]) {
    let mut line = format!("{{\"event\":{}", string(kind));
    let volumes = job.iter().flat_map(|job| job.step.vols.iter());
    let paths: Vec<String> = volumes.map(|vol| string(&escaped(&vol.path).to_string())).collect();
    let _ = write!(line, ",\"volumes\":[{}]", paths.join(","));
    for (name, value) in more {
        let _ = write!(line, ",\"{name}\":{value}");
    }
    println!("{line}}}");
}

impl Observer for Lines {
    fn report(&self, job: &Job<'_>, into: &Path) {
        event("begin", Some(job), &[("into", string(&escaped(into).to_string()))]);
    }

    fn report_progress(&self, job: &Job<'_>, total: u64, _: u64, _: &str) {
        event("progress", Some(job), &[("bytes", total.to_string())]);
    }

    fn report_done(&self, job: &Job<'_>, _: &Path, done: Done) {
        let seconds = done.elapsed.as_secs_f64().to_string();
        event("done", Some(job), &[("bytes", done.bytes.to_string()), ("seconds", seconds)]);
    }

    fn err(&self, error: &RootError, job: Option<&Job<'_>>) {
        event("error", job, &[("message", string(&error.to_string()))]);
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

    let transfer = Transfer::new(recvpath).observer(Arc::new(Lines));
    let transfer = ProgressTransfer::new(transfer).period(Duration::from_millis(20));
    let only_below = Hooks::default().target(move |vol| vol.path.starts_with(&below));
    let sync = BtrSync::new(src, dst).with_hooks(only_below);
    let outcome = sync.sync(&transfer, &SyncOptions::default()).await;
    if outcome.is_success() { Ok(()) } else { Err("not everything was transferred".into()) }
}
