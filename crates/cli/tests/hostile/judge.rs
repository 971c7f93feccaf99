//! What is expected of one stream, and whether it came so.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::arena::Arena;
use crate::bounded::{self, Ended, MEMORY};
use crate::secret;
use crate::watch::{Watch, is_subvolume, remove_result};

/// Only a failure waits so long; a loaded machine must not look like one.
const PATIENCE: Duration = Duration::from_secs(20);
/// No line of any output may begin with this: a name brought it there.
pub(crate) const FORGED: &str = "forged";

type Check = Box<dyn Fn(&Path) -> Result<(), String>>;

/// How a stream must end. Whatever is expected, it stays confined and bounded.
pub(crate) enum Expect {
    /// Failure, and nothing is there.
    Refused,
    /// Success, and the subvolume is what the stream says.
    Lands(Check),
    /// One of the two: what it does may be seen as harmless.
    Either(Check),
}

/// One stream.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) stream: Vec<u8>,
    pub(crate) expect: Expect,
    /// The subvolumes that it may bring.
    pub(crate) brings: Vec<Vec<u8>>,
    pub(crate) args: &'static [&'static str],
    pub(crate) limit: Duration,
    /// Whether they may be there although a later one failed.
    pub(crate) leaves: bool,
    /// Whether the result is too deep or too large to be read.
    pub(crate) unread: bool,
}

impl Case {
    fn new(name: impl Into<String>, stream: Vec<u8>, expect: Expect) -> Self {
        let brings = vec![b"new".to_vec()];
        let name = name.into();
        let (args, limit) = (&[][..], PATIENCE);
        Self { name, stream, expect, brings, args, limit, leaves: false, unread: false }
    }

    pub(crate) fn bringing(mut self, names: &[&[u8]]) -> Self {
        self.brings = names.iter().map(|name| name.to_vec()).collect();
        self
    }

    /// Lets what was complete stay when a later subvolume fails.
    pub(crate) fn leaving(mut self) -> Self {
        self.leaves = true;
        self
    }

    /// Asks something of the result, should there be one.
    pub(crate) fn holding(mut self, check: impl Fn(&Path) -> Result<(), String> + 'static) -> Self {
        self.expect = Expect::Either(Box::new(check));
        self
    }

    pub(crate) fn with_args(mut self, args: &'static [&'static str]) -> Self {
        self.args = args;
        self.name += &args.concat();
        self
    }

    pub(crate) fn unread(mut self, seconds: u64) -> Self {
        self.unread = true;
        self.limit = Duration::from_secs(seconds);
        self
    }
}

/// A stream that must be refused.
pub(crate) fn refused(name: impl Into<String>, stream: Vec<u8>) -> Case {
    Case::new(name, stream, Expect::Refused)
}

/// A stream that may be refused and may be taken.
pub(crate) fn either(name: impl Into<String>, stream: Vec<u8>) -> Case {
    Case::new(name, stream, Expect::Either(Box::new(|_| Ok(()))))
}

/// A stream that must be taken, with what must hold for the subvolume.
pub(crate) fn lands(
    name: impl Into<String>,
    stream: Vec<u8>,
    check: impl Fn(&Path) -> Result<(), String> + 'static,
) -> Case {
    Case::new(name, stream, Expect::Lands(Box::new(check)))
}

/// Runs one case and returns what is wrong with what it did.
pub(crate) fn judge(arena: &Arena, watch: &Watch, case: &Case, command: Command) -> Vec<String> {
    let ended = bounded::run(command, case.limit);
    let mut wrong = judge_end(case, &ended);
    wrong.extend(judge_output(&ended.output));
    wrong.extend(judge_result(arena, case, &ended));
    for name in &case.brings {
        if ended.status.is_some_and(|status| status.success()) || case.leaves {
            remove_result(&arena.dest().join(as_name(name)));
        }
    }
    wrong.extend(watch.changes(arena));
    if !wrong.is_empty() {
        wrong.push(format!("after {:?} it had said: {}", ended.took, ended.output.escape_ascii()));
    }
    wrong
}

fn judge_end(case: &Case, ended: &Ended) -> Vec<String> {
    let mut wrong = Vec::new();
    let code = ended.status.map(|status| status.code());
    match (code, &case.expect) {
        (None, _) => wrong.push(format!("it did not end in {:?}", case.limit)),
        (Some(None), _) => wrong.push(format!("it died: {:?}", ended.status)),
        // What a panic of a Rust program exits with.
        (Some(Some(101)), _) => wrong.push("it panicked".to_owned()),
        (Some(Some(0)), Expect::Refused) => wrong.push("it took the stream".to_owned()),
        (Some(Some(code @ 1..)), Expect::Lands(_)) => {
            wrong.push(format!("it refused the stream, with {code}"));
        }
        (Some(Some(_)), _) => {}
    }
    if ended.peak > MEMORY {
        wrong.push(format!("it took {} MiB of memory", ended.peak >> 20));
    }
    wrong
}

/// A name must not be able to steer a terminal, or to look like a line of the program's own.
fn judge_output(output: &[u8]) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = String::from_utf8_lossy(output);
    if text.chars().any(|c| !matches!(c, '\n' | '\t') && c.is_control()) {
        wrong.push("it printed control characters".to_owned());
    }
    if text.lines().any(|line| line.starts_with(FORGED)) {
        wrong.push("it printed a forged line".to_owned());
    }
    if std::str::from_utf8(output).is_err() {
        wrong.push("it printed what is no UTF-8".to_owned());
    }
    wrong
}

fn judge_result(arena: &Arena, case: &Case, ended: &Ended) -> Vec<String> {
    if !ended.status.is_some_and(|status| status.success()) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for name in &case.brings {
        let path = arena.dest().join(as_name(name));
        if !is_subvolume(&path) {
            wrong.push(format!("{} is no subvolume", path.display()));
        } else if !case.unread {
            let holders = secret::holders(&path).into_iter();
            wrong.extend(holders.map(|path| format!("{} holds the secret", path.display())));
        }
        if let Expect::Lands(check) | Expect::Either(check) = &case.expect {
            wrong.extend(check(&path).err());
        }
    }
    wrong
}

fn as_name(name: &[u8]) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(name)
}
