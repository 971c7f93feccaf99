//! Tells programs: one JSON object a line on standard output. The fields are a stable interface,
//! documented in `docs/json.md`; new ones may be added, none is renamed or removed.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use btrsync::sync::root::RootError;
use btrsync::sync::{Busy, Done, Estimate, Estimates, Job, Step};
use serde_json::{Map, Value, json};

use super::{Preview, Report, Summary, kind, verdict, waiting, write_line};
use crate::advice::Failure;
use crate::args::Args;
use crate::checking::Checked;
use crate::exit::Exit;
use crate::log::{Priority, marked};

/// Tells programs.
pub(super) struct Json {
    period: Duration,
    begin: Instant,
    quiet: u8,
    /// Of the source that is sent from.
    estimates: Mutex<Estimates>,
    cut_off: AtomicBool,
}

impl Json {
    pub(super) fn new(args: &Args) -> Self {
        Self {
            period: args.progress_period,
            begin: Instant::now(),
            quiet: args.quiet,
            estimates: Mutex::default(),
            cut_off: AtomicBool::default(),
        }
    }

    /// Writes an event, in one piece.
    fn write(&self, event: &Value) {
        write_line(io::stdout().lock(), event, &self.cut_off);
    }
}

/// What every event of a transfer says of it.
fn transfer(event: &str, step: &Step, into: &Path) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("event".into(), event.into());
    put_paths(&mut object, "volumes", step.vols.iter().map(|vol| vol.path.as_path()));
    put_path(&mut object, "parent", step.parent.as_ref().map(|parent| parent.path.as_path()));
    object.insert("kind".into(), kind(step).into());
    let clones = step.clones.iter().map(|vol| vol.path.as_path());
    put_paths(&mut object, "clones", clones);
    object.insert("reason".into(), step.reason.to_string().into());
    if let Some(held) = step.reason.held() {
        put_path(&mut object, "relative", Some(held));
        object.insert("hint".into(), step.reason.way_out().into());
    }
    put_path(&mut object, "into", Some(into));
    object
}

/// What an event within a transfer says of it.
fn about(event: &str, job: &Job<'_>) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("event".into(), event.into());
    put_paths(&mut object, "volumes", job.step.vols.iter().map(|vol| vol.path.as_path()));
    object
}

/// Adds a path as text, and where it is not UTF-8 also as bytes.
pub(crate) fn put_path(object: &mut Map<String, Value>, name: &str, path: Option<&Path>) {
    object.insert(name.into(), path.map_or(Value::Null, text));
    if let Some(bytes) = path.and_then(bytes) {
        object.insert(format!("{name}_bytes"), bytes);
    }
}

/// Adds paths as [`put_path`]; the list of bytes has null for those that are UTF-8.
pub(crate) fn put_paths<'a>(
    object: &mut Map<String, Value>,
    name: &str,
    paths: impl Iterator<Item = &'a Path> + Clone,
) {
    object.insert(name.into(), paths.clone().map(text).collect());
    let bytes: Vec<Option<Value>> = paths.map(bytes).collect();
    if bytes.iter().any(Option::is_some) {
        object.insert(format!("{name}_bytes"), json!(bytes));
    }
}

/// Adds what was measured of a transfer: `bytes`, and whether that is all of it.
fn put_estimate(object: &mut Map<String, Value>, estimate: Option<Estimate>) {
    let bytes = estimate.map(|estimate| estimate.bytes);
    let word = match estimate {
        None => "unknown",
        Some(Estimate { is_whole: true, .. }) => "measured",
        Some(_) => "at-least",
    };
    object.insert("estimated_bytes".into(), bytes.into());
    object.insert("estimate".into(), word.into());
}

/// A path for a program; that of the root itself is `.`.
fn text(path: &Path) -> Value {
    if path.as_os_str().is_empty() { ".".into() } else { path.to_string_lossy().into() }
}

fn bytes(path: &Path) -> Option<Value> {
    let name: &OsStr = path.as_os_str();
    if name.to_str().is_some() { None } else { Some(json!(name.as_bytes())) }
}

impl Report for Json {
    fn preview(&self, preview: &Preview<'_>) {
        *self.estimates.lock().unwrap_or_else(PoisonError::into_inner) = preview.estimates.clone();
        let all = preview.steps.iter().map(|step| ("transfer", step));
        let refused = preview.refused.iter().map(|step| ("skip", step));
        for (event, (step, into)) in refused.chain(all) {
            let mut object = transfer(event, step, into);
            object.insert("source".into(), preview.source.clone().into());
            object.insert("destination".into(), preview.destination.clone().into());
            put_estimate(&mut object, preview.estimates.of(step));
            self.write(&object.into());
        }
    }

    fn note(&self, text: &str) {
        self.write(&json!({"event": "note", "message": text}));
    }

    fn warn(&self, vol: &Path, text: &str, hint: &str) {
        let mut object = Map::new();
        object.insert("event".into(), "warning".into());
        put_path(&mut object, "subvolume", Some(vol));
        object.insert("message".into(), text.into());
        object.insert("hint".into(), hint.into());
        self.write(&object.into());
    }

    fn question(&self) -> Box<dyn Write> {
        Box::new(io::stderr())
    }

    fn progress_period(&self) -> Option<Duration> {
        Some(self.period)
    }

    fn begin(&self, job: &Job<'_>, into: &Path) {
        self.write(&transfer("start", job.step, into).into());
    }

    fn progress(&self, job: &Job<'_>, total: u64, prev: u64) {
        let mut object = about("progress", job);
        object.insert("sent_bytes".into(), total.into());
        let known = self.estimates.lock().unwrap_or_else(PoisonError::into_inner).of(job.step);
        put_estimate(&mut object, known);
        let rate = total.saturating_sub(prev) as f64 / self.period.as_secs_f64();
        object.insert("bytes_per_second".into(), (rate as u64).into());
        object.insert("seconds".into(), seconds(self.begin.elapsed()));
        self.write(&object.into());
    }

    fn resumed(&self, job: &Job<'_>, bytes: u64) {
        let mut object = about("resume", job);
        object.insert("resumed_bytes".into(), bytes.into());
        self.write(&object.into());
    }

    fn restarted(&self, job: &Job<'_>) {
        self.write(&about("restart", job).into());
    }

    fn waits(&self, job: &Job<'_>, busy: Busy) {
        let mut object = about("wait", job);
        object.insert("message".into(), waiting(busy).into());
        object.insert("attempt".into(), busy.attempt.into());
        object.insert("seconds".into(), seconds(busy.pause));
        self.write(&object.into());
    }

    fn without_clones(&self, job: &Job<'_>, error: &RootError) {
        let mut object = about("warning", job);
        let message = format!("starts over without clones: {error}");
        object.insert("message".into(), message.into());
        object.insert("hint".into(), Value::Null);
        self.write(&object.into());
    }

    fn done(&self, job: &Job<'_>, into: &Path, done: Done) {
        let mut object = transfer("done", job.step, into);
        object.insert("sent_bytes".into(), done.bytes.into());
        object.insert("resumed_bytes".into(), done.resumed.into());
        object.insert("wire_bytes".into(), done.wire.into());
        object.insert("seconds".into(), seconds(done.elapsed));
        self.write(&object.into());
    }

    fn checked(&self, checked: &Checked) {
        self.write(&verdict::event(checked));
    }

    fn failure(&self, failure: &Failure, job: Option<&Job<'_>>) {
        let mut object = Map::new();
        object.insert("event".into(), "error".into());
        if let Some(job) = job {
            let paths = job.step.vols.iter().map(|vol| vol.path.as_path());
            put_paths(&mut object, "volumes", paths);
        }
        object.insert("message".into(), failure.message.clone().into());
        object.insert("hint".into(), failure.hint.clone().into());
        self.write(&object.into());
        if self.quiet < 2 {
            let text = format!("btrsync: {}\n", failure.message);
            let _ = io::stderr().write_all(marked(Priority::Error, &text).as_bytes());
        }
    }

    fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Relaxed)
    }

    fn summary(&self, summary: &Summary, exit: Exit) {
        self.write(&json!({
            "event": "summary",
            "outcome": exit.word(),
            "exit_code": exit.code(),
            "planned": summary.planned,
            "done": summary.done,
            "failed": summary.failed,
            "left": summary.left,
            "subvolumes": summary.subvolumes,
            "sent_bytes": summary.bytes,
            "resumed_bytes": summary.resumed,
            "wire_bytes": summary.wire,
            "seconds": seconds(summary.elapsed),
            "equal": summary.checks.equal,
            "different": summary.checks.different,
            "missing": summary.checks.missing,
            "unchecked": summary.checks.unchecked,
        }));
    }
}

/// A time in seconds, to the millisecond.
fn seconds(time: Duration) -> Value {
    (time.as_millis() as f64 / 1000.0).into()
}
