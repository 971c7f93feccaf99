//! What `btrsync clean` tells: what is left on standard output, failures on standard error.

use std::io::{self, Write};
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use btrsync::Unfinished;
use btrsync::sync::root::Leftover;
use btrsync::text::escaped;
use serde_json::{Map, json};

use super::Tally;
use crate::advice::Failure;
use crate::args::Mode;
use crate::exit::Exit;
use crate::report::{put_path, write_line};
use crate::size;

pub(super) struct Tell {
    pub(super) json: bool,
    pub(super) quiet: u8,
}

impl Tell {
    pub(super) fn found(&self, root: &str, found: &[Leftover], mode: Mode) {
        if self.json {
            return found.iter().for_each(|left| self.event("leftover", left));
        }
        if found.is_empty() {
            return self.say("Nothing is left of interrupted runs");
        }
        if mode != Mode::Go {
            self.say(&format!("At destination {root}\nLeft by interrupted runs:"));
            let now = SystemTime::now();
            found.iter().for_each(|left| self.say(&line(left, now)));
            self.say(AFTERWARDS);
        }
    }

    pub(super) fn removed(&self, left: &Leftover, by_us: bool) {
        let word = if by_us { "removed" } else { "gone already" };
        match self.json {
            true => self.event("removed", left),
            false => self.say(&format!("{word} {}", escaped(&left.path))),
        }
    }

    pub(super) fn note(&self, text: &str) {
        if self.json {
            print(&json!({"event": "note", "message": text}).to_string());
        } else if self.quiet == 0 {
            super::super::tell(&format!("btrsync: note: {text}\n"));
        }
    }

    pub(super) fn failure(&self, failure: &Failure) {
        let Failure { message, hint, .. } = failure;
        if self.json {
            print(&json!({"event": "error", "message": message, "hint": hint}).to_string());
        }
        if self.quiet < 2 {
            super::super::fail(failure);
        }
    }

    pub(super) fn question(&self) -> Box<dyn Write> {
        if self.json { Box::new(io::stderr()) } else { Box::new(io::stdout()) }
    }

    pub(super) fn summary(&self, tally: &Tally, exit: Exit) {
        if self.json {
            print(
                &json!({
                    "event": "summary",
                    "outcome": exit.word(),
                    "exit_code": exit.code(),
                    "found": tally.found,
                    "removed": tally.removed,
                    "failed": tally.failed,
                })
                .to_string(),
            );
        } else if tally.removed + tally.failed > 0 {
            let failed =
                if tally.failed > 0 { format!(", {} not", tally.failed) } else { String::new() };
            self.say(&format!("{} of {} removed{failed}", tally.removed, tally.found));
        }
    }

    fn event(&self, event: &str, left: &Leftover) {
        let mut object = Map::new();
        object.insert("event".into(), event.into());
        put_path(&mut object, "path", Some(&left.path));
        object.insert("kind".into(), word(left.kind).into());
        let made = left.made.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        object.insert("made".into(), made.map(|made| made.as_secs()).into());
        object.insert("bytes".into(), left.bytes.into());
        print(&serde_json::Value::from(object).to_string());
    }

    fn say(&self, line: &str) {
        if self.quiet == 0 {
            print(line);
        }
    }
}

const AFTERWARDS: &str =
    "A run that sends the same subvolumes into the same directory continues what it can of these.";

fn line(left: &Leftover, now: SystemTime) -> String {
    let what = match left.kind {
        Unfinished::Staging => "a subvolume that was not received to its end",
        Unfinished::Checkpoint => "a snapshot that a rerun goes on from",
        Unfinished::Dump => "a stream file that was not written to its end",
        Unfinished::Stream => "the beginning of a stream file that a rerun goes on from",
    };
    let age = left.made.and_then(|made| now.duration_since(made).ok());
    let age = age.map(|age| format!(", {} old", size::time(age))).unwrap_or_default();
    let bytes = left.bytes.map(|bytes| format!(", {}", size::bytes(bytes))).unwrap_or_default();
    format!("{}\t{what}{bytes}{age}", escaped(&left.path))
}

fn word(kind: Unfinished) -> &'static str {
    match kind {
        Unfinished::Staging => "staging",
        Unfinished::Checkpoint => "checkpoint",
        Unfinished::Dump => "dump",
        Unfinished::Stream => "stream",
    }
}

/// Where that cannot be written, the exit code still says how it ended.
fn print(line: &str) {
    write_line(io::stdout(), line, &AtomicBool::default());
}
