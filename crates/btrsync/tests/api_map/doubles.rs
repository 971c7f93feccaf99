//! Roots in memory that note what they are asked to do, for the order of calls.
//!
//! Real transfers are tested on real filesystems; a double proves nothing about those.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use btrsync::Flow;
use btrsync::btrfs::{Forest, Subvolume};
use btrsync::sync::root::{BtrfsRoot, Completion, RootError, SendRequest, StreamMeta};
use btrsync::sync::{Done, Job, Observer, Received};

use crate::notation::{forest, name};

/// What the doubles and the observer have been called with, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// Takes what was noted since the last time, joined by `; `.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join("; ")
    }
}

/// What goes wrong with a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It cannot be sent.
    Send,
    /// The send breaks off.
    Sending,
    /// It cannot be received.
    Receive,
    /// The receive breaks off.
    Receiving,
}

/// A root in memory.
#[derive(Debug)]
pub(crate) struct Recorder {
    forest: Option<Forest>,
    /// What it tells of a subvolume when it is asked for that one.
    told: Option<Forest>,
    log: Log,
    faults: Vec<(&'static str, Fault)>,
    /// How long each receive takes, for a number of bytes.
    pause: Duration,
    /// Whether it claims to be of this process.
    here: bool,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Recorder {
    pub(crate) fn new(side: &str, log: &Log) -> Self {
        Self {
            forest: Some(forest(side)),
            told: None,
            log: log.clone(),
            faults: Vec::new(),
            pause: Duration::ZERO,
            here: false,
            running: Arc::default(),
            most: Arc::default(),
        }
    }

    /// Cannot even be listed.
    pub(crate) fn broken(log: &Log) -> Self {
        Self { forest: None, ..Self::new("", log) }
    }

    /// Tells more of each subvolume than it lists.
    pub(crate) fn telling(mut self, side: &str) -> Self {
        self.told = Some(forest(side));
        self
    }

    pub(crate) fn fault(mut self, vol: &'static str, fault: Fault) -> Self {
        self.faults.push((vol, fault));
        self
    }

    pub(crate) fn slow(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    pub(crate) fn here(mut self) -> Self {
        self.here = true;
        self
    }

    /// The most transfers that were received at once.
    pub(crate) fn most(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.most)
    }

    fn fails(&self, vol: &str, fault: Fault) -> Result<(), RootError> {
        fails(&self.faults, vol, fault)
    }
}

fn fails(faults: &[(&str, Fault)], vol: &str, fault: Fault) -> Result<(), RootError> {
    match faults.contains(&(vol, fault)) {
        true => Err(broken_by(fault)),
        false => Ok(()),
    }
}

pub(crate) fn broken_by(fault: Fault) -> RootError {
    let operation = match fault {
        Fault::Send => "send",
        Fault::Sending => "go on sending",
        Fault::Receive => "receive",
        Fault::Receiving => "go on receiving",
    };
    RootError::Unsupported { root: "double".to_owned(), operation }
}

fn names(vols: &[Subvolume]) -> String {
    vols.iter().map(name).collect::<Vec<_>>().join("+")
}

/// Shows volumes and their parent: `b+c<a`.
pub(crate) fn pack(vols: &[Subvolume], parent: Option<&Subvolume>) -> String {
    match parent {
        Some(parent) => format!("{}<{}", names(vols), name(parent)),
        None => names(vols),
    }
}

#[async_trait]
impl BtrfsRoot for Recorder {
    fn name(&self) -> String {
        "double".to_owned()
    }

    async fn list(&self) -> Result<Forest, RootError> {
        let operation = "list its subvolumes";
        let failed = || RootError::Unsupported { root: self.name(), operation };
        self.forest.clone().ok_or_else(failed)
    }

    async fn complete(&self, mut vols: Vec<Subvolume>) -> Result<Vec<Subvolume>, RootError> {
        let Some(told) = &self.told else { return Ok(vols) };
        vols.sort_by_key(|vol| vol.id);
        self.log.add(format!("complete {}", names(&vols)));
        let tell = |vol: &Subvolume| Subvolume {
            ambiguous: Some(false),
            ..told.get(vol.id).unwrap().clone()
        };
        Ok(vols.iter().map(tell).collect())
    }

    async fn show(&self, _: &Path) -> Result<Subvolume, RootError> {
        Err(RootError::Unsupported { root: self.name(), operation: "show" })
    }

    async fn occupied(&self, _: &[PathBuf]) -> Result<Vec<PathBuf>, RootError> {
        Ok(Vec::new())
    }

    async fn lock(&self, _: &Path) -> Result<(), RootError> {
        Ok(())
    }

    fn is_here(&self) -> bool {
        self.here
    }

    /// The stream is the names; the receiving double reads from it what to call itself.
    async fn send(&self, request: SendRequest<'_>) -> Result<(Flow, Completion<()>), RootError> {
        let names = names(request.vols);
        self.log.add(format!("send {}", pack(request.vols, request.parent)));
        self.fails(&names, Fault::Send)?;
        let (writer, flow) = Flow::pipe(request.cancel).unwrap();
        let broken = self.fails(&names, Fault::Sending);
        let unsent = Unsent(Some(self.log.clone()), names.clone());
        let sent = async move {
            unsent.wanted();
            std::fs::File::from(writer).write_all(names.as_bytes()).unwrap();
            broken
        };
        Ok((flow, Box::pin(sent)))
    }

    async fn receive(
        &self,
        mut flow: Flow,
        path: &Path,
        meta: StreamMeta,
    ) -> Result<Completion<Vec<Received>>, RootError> {
        self.log.add(format!("receive {} into {}", meta.uuids.len(), path.display()));
        self.fails("any", Fault::Receive)?;
        let (running, most, pause) = (self.running.clone(), self.most.clone(), self.pause);
        let faults = self.faults.clone();
        let received = async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(pause).await;
            running.fetch_sub(1, Ordering::SeqCst);
            let mut names = String::new();
            flow.read_to_string(&mut names).map_err(|_| RootError::Cancelled)?;
            fails(&faults, &names, Fault::Receiving).map(|()| Vec::new())
        };
        Ok(Box::pin(received))
    }
}

/// Notes a send that was begun for nothing.
struct Unsent(Option<Log>, String);

impl Unsent {
    fn wanted(mut self) {
        self.0 = None;
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.0.iter().for_each(|log| log.add(format!("unsent {}", self.1)));
    }
}

/// An observer that notes what it is told.
pub(crate) struct Watcher(pub(crate) Log);

impl Observer for Watcher {
    fn report(&self, job: &Job<'_>, into: &Path) {
        let step = pack(&job.step.vols, job.step.parent.as_ref());
        let (src, dst) = (job.src.name(), job.dst.name());
        self.0.add(format!("report {step} from {src} to {dst} into {}", into.display()));
    }

    fn report_progress(&self, _: &Job<'_>, total: u64, prev: u64, sequence: &str) {
        self.0.add(format!("progress {prev}-{total}{sequence}"));
    }

    fn report_done(&self, job: &Job<'_>, into: &Path, done: Done) {
        let step = pack(&job.step.vols, job.step.parent.as_ref());
        self.0.add(format!("done {step} into {}, {} bytes", into.display(), done.bytes));
    }

    fn err(&self, error: &RootError, job: Option<&Job<'_>>) {
        let step = job.map(|job| pack(&job.step.vols, job.step.parent.as_ref()));
        self.0.add(format!("err {}: {error}", step.unwrap_or_default()));
    }
}
