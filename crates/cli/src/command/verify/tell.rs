//! What `btrsync verify` tells: verdicts on standard output, failures on standard error.

use std::io;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};

use crate::advice::Failure;
use crate::checking::{Checked, Found, Tally};
use crate::exit::Exit;
use crate::report::{verdict, write_line};

pub(super) struct Tell {
    pub(super) json: bool,
    pub(super) quiet: u8,
}

impl Tell {
    pub(super) fn checked(&self, checked: &Checked) {
        if self.json {
            return event(&verdict::event(checked));
        }
        let wanted = match checked.found {
            Found::Equal => self.quiet == 0,
            _ => self.quiet < 2,
        };
        if wanted {
            verdict::lines(checked).iter().for_each(|line| say(line));
        }
    }

    pub(super) fn failure(&self, failure: &Failure) {
        if self.json {
            let Failure { message, hint, .. } = failure;
            event(&json!({"event": "error", "message": message, "hint": hint}));
        }
        if self.quiet < 2 {
            super::super::fail(failure);
        }
    }

    pub(super) fn summary(&self, tally: &Tally, exit: Exit) {
        if self.json {
            event(&json!({
                "event": "summary",
                "outcome": exit.word(),
                "exit_code": exit.code(),
                "equal": tally.equal,
                "different": tally.different,
                "missing": tally.missing,
                "unchecked": tally.unchecked,
            }));
        } else if self.quiet == 0 && tally.all() > 0 {
            say(&verdict::sum(tally));
        }
    }
}

fn event(event: &Value) {
    say(&event.to_string());
}

/// Where that cannot be written, the exit code still says it.
fn say(line: &str) {
    write_line(io::stdout(), line, &AtomicBool::default());
}
