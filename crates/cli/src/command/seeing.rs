//! What `list` and `tree` have in common: they look, and leave everything as it is.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use btrsync::btrfs::{Forest, Subvolume};
use btrsync::sync::Problem;
use btrsync::sync::picture::{Node, Side};
use btrsync::sync::root::{BtrfsRoot, Size, Sizes};
use serde_json::{Map, Value, json};

use crate::advice::Failure;
use crate::exit::Exit;
use crate::places::Places;
use crate::report::put_path;
use crate::shared_args::Machines;
use crate::size;

pub(super) const TOLD: &str = "What is told";

/// Looks at places, with connections that are closed afterwards.
pub(super) fn run<T>(
    machines: &Machines,
    look: impl AsyncFnOnce(&Places<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (cancel, interrupted) = super::cancelled_by_signals()?;
    let failed =
        |error| Failure::new(format!("cannot start: {error}"), "check the system's limits");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let ended = runtime.map_err(failed)?.block_on(async {
        let places = Places::new(machines, &cancel).only_looking();
        let ended = look(&places).await;
        if let Some(note) = places.unseen() {
            super::tell(&format!("btrsync: note: {note}\n"));
        }
        places.close().await;
        ended
    });
    match ended {
        Err(_) if interrupted.is_set() => {
            Err(Failure { message: "interrupted".into(), hint: None, ..Failure::interrupted() })
        }
        ended => ended,
    }
}

/// What one side holds.
pub(super) struct Listed {
    pub(super) all: Forest,
    pub(super) read_only: Forest,
    pub(super) sizes: Option<Sizes>,
}

impl Listed {
    pub(super) async fn new(all: Forest, root: &dyn BtrfsRoot) -> Self {
        Self { read_only: all.read_only(), all, sizes: root.sizes().await }
    }

    pub(super) fn side(&self) -> Side<'_> {
        Side { all: &self.all, read_only: &self.read_only, sizes: self.sizes.as_ref() }
    }
}

/// Tells how it ended, and to programs in any case.
pub(super) fn end(json: bool, ended: &Result<(), Failure>) -> Exit {
    let exit = ended.as_ref().err().map_or(Exit::Done, |failure| failure.exit);
    let mut last = Vec::new();
    if let Err(failure) = ended {
        super::fail(failure);
        let Failure { message, hint, .. } = failure;
        last.push(json!({"event": "error", "message": message, "hint": hint}));
    }
    last.push(json!({"event": "summary", "outcome": exit.word(), "exit_code": exit.code()}));
    match json.then(|| write(&events(last.into_iter()))) {
        Some(Err(failure)) if ended.is_ok() => super::fail(&failure),
        _ => exit,
    }
}

/// Events, one a line.
pub(super) fn events(events: impl Iterator<Item = Value>) -> String {
    events.map(|event| format!("{event}\n")).collect()
}

/// Writes to standard output.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes lines to standard output as they are made, many at once.
pub(super) fn write_lines(make: impl FnOnce(&mut dyn FnMut(&str))) -> Result<(), Failure> {
    const MANY: usize = 64 * 1024;
    let (mut out, mut text, mut ended) = (io::stdout().lock(), String::new(), Ok(()));
    make(&mut |line| {
        text += line;
        text.push('\n');
        if text.len() >= MANY && ended.is_ok() {
            ended = out.write_all(text.as_bytes());
            text.clear();
        }
    });
    written(ended.and_then(|()| out.write_all(text.as_bytes())).and_then(|()| out.flush()))
}

/// What became of writing. A reader that has left has seen what it wanted.
fn written(ended: io::Result<()>) -> Result<(), Failure> {
    match ended {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message = format!("cannot write to standard output: {error}");
            Err(Failure::new(message, "see where it goes to"))
        }
        _ => Ok(()),
    }
}

/// What an event says of a subvolume.
pub(super) fn object(event: &str, node: &Node<'_>) -> Map<String, Value> {
    let (vol, mut object) = (node.vol, Map::new());
    let uuid = |uuid: Option<uuid::Uuid>| Value::from(uuid.map(|uuid| uuid.to_string()));
    let made = vol.otime.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    object.insert("event".into(), event.into());
    put_path(&mut object, "path", Some(&vol.path));
    object.insert("id".into(), vol.id.into());
    object.insert("made".into(), made.map(|made| made.as_secs()).into());
    object.insert("read_only".into(), vol.read_only.into());
    object.insert("uuid".into(), uuid(vol.uuid));
    object.insert("parent_uuid".into(), uuid(vol.parent_uuid));
    object.insert("received_uuid".into(), uuid(vol.received_uuid));
    let bytes = |amount: fn(&Size) -> u64| Value::from(node.size.as_ref().map(amount));
    object.insert("referenced_bytes".into(), bytes(|size| size.referenced));
    object.insert("exclusive_bytes".into(), bytes(|size| size.exclusive));
    put_path(&mut object, "cow_parent", node.from);
    object.insert("claim".into(), node.claim.map(claim).into());
    object
}

/// What its own side tells of a subvolume.
pub(super) fn own_state(node: &Node<'_>) -> Cow<'static, str> {
    match (node.vol.received_uuid, node.claim) {
        (None, _) => "".into(),
        (_, None) => "received".into(),
        (_, Some(problem)) => format!("received, {}", claim(problem)).into(),
    }
}

/// Why a received UUID does not say what a subvolume holds, in a word.
pub(super) fn claim(problem: Problem) -> &'static str {
    match problem {
        Problem::Writable => "writable",
        Problem::Ambiguous => "ambiguous",
        Problem::Changed => "changed",
        _ => "doubtful",
    }
}

/// An amount of what a subvolume holds; nothing where that is not known.
pub(super) fn size(node: &Node<'_>, amount: impl FnOnce(Size) -> u64) -> String {
    node.size.map(|known| size::bytes(amount(known))).unwrap_or_default()
}

pub(super) fn mode(vol: &Subvolume) -> &'static str {
    if vol.read_only { "ro" } else { "rw" }
}

/// The time that ages are told by; another than now for pictures that are to come out the same every time.
pub(super) fn now() -> SystemTime {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let fixed = fixed.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    fixed.unwrap_or_else(SystemTime::now)
}

/// How long ago it was made; nothing where that is not known.
pub(super) fn age(vol: &Subvolume, now: SystemTime) -> String {
    let made = vol.otime.map(|made| now.duration_since(made).unwrap_or_default());
    made.map(size::age).unwrap_or_default()
}
