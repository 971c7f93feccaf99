//! What `list` and `tree` have in common: they look, and leave everything as it is.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use btrsync::btrfs::Subvolume;
use btrsync::sync::Problem;
use btrsync::sync::picture::Node;
use btrsync::sync::root::Size;
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

/// Writes to standard output. A reader that has left has seen what it wanted.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message = format!("cannot write to standard output: {error}");
            Err(Failure::new(message, "see where it goes to"))
        }
        _ => Ok(()),
    }
}

/// What an event says of a subvolume.
pub(super) fn object(event: &str, node: &Node) -> Map<String, Value> {
    let (vol, mut object) = (&node.vol, Map::new());
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
    put_path(&mut object, "cow_parent", node.from.as_deref().map(Path::new));
    object.insert("claim".into(), node.claim.map(claim).into());
    object
}

/// What its own side tells of a subvolume.
pub(super) fn own_state(node: &Node) -> String {
    match (node.vol.received_uuid, node.claim) {
        (None, _) => String::new(),
        (_, None) => "received".to_owned(),
        (_, Some(problem)) => format!("received, {}", claim(problem)),
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
pub(super) fn size(node: &Node, amount: impl FnOnce(Size) -> u64) -> String {
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
