//! A shell that stays: scripts go in, answers come out, all over one login.
//!
//! Starting a command on a connection that is open already still takes ten times as long as the
//! command itself, so whatever is small goes through this one shell. It ends when its input does, and so
//! with this process, however that ends.

use std::io::{Read, Write};
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use uuid::Uuid;

use super::error::{CommandError, Ended};
use super::script::Script;
use super::session::{is_of_ssh, program, told};
use crate::agent::{Carrier, GREETING, Greeted};
use crate::process::{Feed, Piped, Words, ends_within};
use crate::{Cancel, Flow};

/// How much an answer may hold, in bytes: some hundred thousand subvolumes.
const LARGEST: usize = 512 << 20;

/// How long a shell may take to end once nobody wants anything of it.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How long after the end of a connection a signal to us may be noticed.
pub(super) const INTERRUPTED: Duration = Duration::from_millis(100);

/// A running shell that answers scripts. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Channel {
    child: Child,
    input: Option<Feed>,
    output: Flow,
    stderr: Words,
    mark: String,
    host: String,
    cancel: Cancel,
    /// Whether the shell runs behind ssh.
    remote: bool,
}

/// What a command has become.
#[derive(Debug)]
pub(super) enum Opened {
    Shell(Channel),
    /// Not what was asked for: whoever keeps the other side lets nobody have a shell, but a btrsync.
    Agent(Greeted),
}

impl Channel {
    /// Starts a shell by a command that ends in [`MANY`](super::script::MANY), and waits until it is there,
    /// or a btrsync in its place.
    pub(super) fn open(
        command: impl FnOnce(&str) -> Command,
        host: &str,
        remote: bool,
        cancel: &Cancel,
    ) -> Result<Opened, CommandError> {
        let mark = new_mark();
        let program = program(remote);
        let failed = |source| CommandError::Start { program, source };
        let Piped { child, input, output, stderr } =
            Piped::start(&mut command(&mark), cancel).map_err(failed)?;
        let raw = output.try_clone().map_err(failed)?;
        let (input, output) = (Some(input), Flow::new(output, cancel));
        let (host, cancel) = (host.to_owned(), cancel.clone());
        let mut channel = Self { child, input, output, stderr, mark, host, cancel, remote };
        // Before that comes whatever the login prints.
        let (mut printed, ready) = (Vec::new(), format!("\n{} ready\n", channel.mark));
        let other = match channel.read_into(&mut printed, &ready, Some(GREETING)) {
            Ok(other) => other,
            Err(error) => return Err(error.of_login(&printed)),
        };
        match channel.input.take_if(|_| other) {
            None => Ok(Opened::Shell(channel)),
            Some(input) => {
                let (early, carrier) = (printed, Box::new(channel));
                Ok(Opened::Agent(Greeted { early, input, output: raw, carrier }))
            }
        }
    }

    /// Starts a shell on this machine, where nothing else can come.
    pub(super) fn start(
        command: impl FnOnce(&str) -> Command,
        host: &str,
        remote: bool,
        cancel: &Cancel,
    ) -> Result<Self, CommandError> {
        match Self::open(command, host, remote, cancel)? {
            Opened::Shell(channel) => Ok(channel),
            Opened::Agent(_) => {
                let (host, what) = (host.to_owned(), "it is no shell".to_owned());
                Err(CommandError::Answer { host, command: "sh", what })
            }
        }
    }

    /// Runs a script and returns what it prints.
    pub(super) fn ask(&mut self, script: &Script, sudo: &str) -> Result<Vec<u8>, CommandError> {
        let line = script.line(&self.mark, sudo);
        let written = match &mut self.input {
            Some(input) => input.write_all(&line),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        written.map_err(|error| self.lost(error))?;
        let answer = self.read_until(&format!("\n{}.\n", self.mark))?;
        self.judge(answer)
    }

    /// Takes the answer apart: output, status, what was said on standard error.
    fn judge(&self, mut answer: Vec<u8>) -> Result<Vec<u8>, CommandError> {
        let begin = format!("\n{} ", self.mark).into_bytes();
        let at = find(&answer, &begin).ok_or_else(|| self.garbled())?;
        let rest = &answer[at + begin.len()..];
        let end = rest.iter().position(|c| *c == b'\n').ok_or_else(|| self.garbled())?;
        let status = String::from_utf8_lossy(&rest[..end]).into_owned();
        if status != "0" {
            let ended = Ended { status, stderr: &rest[end..], mark: &self.mark };
            return Err(ended.into_error(&self.host));
        }
        answer.truncate(at);
        Ok(answer)
    }

    fn garbled(&self) -> CommandError {
        let what = "its end is missing".to_owned();
        CommandError::Answer { host: self.host.clone(), command: "sh", what }
    }

    /// Reads up to and without `end`.
    fn read_until(&mut self, end: &str) -> Result<Vec<u8>, CommandError> {
        let mut answer = Vec::new();
        self.read_into(&mut answer, end, None)?;
        Ok(answer)
    }

    /// Reads up to and without `end`; or until `other` has come, with all that was read, and returns whether
    /// it was that.
    fn read_into(
        &mut self,
        answer: &mut Vec<u8>,
        end: &str,
        other: Option<&[u8]>,
    ) -> Result<bool, CommandError> {
        let mut block = vec![0; 64 * 1024];
        loop {
            match self.output.read(&mut block) {
                Ok(0) => return Err(self.lost(std::io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => answer.extend_from_slice(&block[..count]),
                Err(error) => return Err(self.lost(error)),
            }
            if answer.ends_with(end.as_bytes()) {
                answer.truncate(answer.len() - end.len());
                return Ok(false);
            }
            if other.is_some_and(|other| find(answer, other).is_some()) {
                return Ok(true);
            }
            if answer.len() > LARGEST {
                return Err(self.garbled());
            }
        }
    }

    /// Tells why the shell is gone, or cannot be talked to.
    fn lost(&mut self, source: std::io::Error) -> CommandError {
        self.input = None;
        // Ctrl-C reaches ssh as soon as us, and then its end means nothing else.
        if crate::cancel::is_cancelled(&source) || self.cancel.is_cancelled_within(INTERRUPTED) {
            return CommandError::Cancelled;
        }
        if !self.has_ended() {
            return CommandError::Talk { host: self.host.clone(), source };
        }
        let status = match self.child.wait() {
            Ok(status) => status,
            Err(source) => return CommandError::Start { program: program(self.remote), source },
        };
        let (host, stderr) = (self.host.clone(), self.stderr.last(|_| false));
        let by_ssh = self.remote && is_of_ssh(status);
        let status = told(status);
        match by_ssh {
            true => CommandError::Ssh { host, status, stderr },
            false => CommandError::Failed { host, command: "sh".into(), status, stderr },
        }
    }

    /// Waits for the process to end, for some time.
    pub(super) fn has_ended(&mut self) -> bool {
        ends_within(&mut self.child, PATIENCE)
    }

    /// Ends the shell.
    pub(super) fn close(mut self) {
        self.input = None;
        // Dropped, it is killed where it has not ended.
        self.has_ended();
    }

    /// Lets ssh end by itself: killed while it asks for a password, it would leave a terminal that does not
    /// show what is typed.
    fn terminate(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (true, Ok(None), Some(pid)) = (self.remote, self.child.try_wait(), pid) {
            // It fails only for what has ended.
            let _ = kill_process(pid, Signal::TERM);
            self.has_ended();
        }
    }
}

impl Carrier for Channel {
    fn words(&mut self) -> String {
        self.lost(std::io::ErrorKind::UnexpectedEof.into()).to_string()
    }

    fn end(self: Box<Self>) {
        self.close();
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.input = None;
        self.terminate();
        // Both fail only where it has ended and been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a text that nothing can contain that was written before.
pub(super) fn new_mark() -> String {
    Uuid::new_v4().simple().to_string()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::super::script::MANY;
    use super::*;

    fn channel() -> Channel {
        let command = |mark: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", MANY, "sh", mark]);
            command
        };
        Channel::start(command, "here", false, &Cancel::new().unwrap()).unwrap()
    }

    #[test]
    fn answers_are_kept_apart_byte_for_byte() {
        let mut channel = channel();
        let all: Vec<u8> = (1..=255).chain(*b"\n\n").collect();
        let echo = Script::new("printf '%s' \"$1\"").arg(OsStr::from_bytes(&all));
        assert_eq!(channel.ask(&echo, "").unwrap(), all);
        assert_eq!(channel.ask(&Script::new(":"), "").unwrap(), b"");
        assert_eq!(channel.ask(&Script::new("printf 'a\\0b\\n'"), "").unwrap(), b"a\0b\n");
        channel.close();
    }

    #[test]
    fn a_failure_says_which_command_and_why_and_the_shell_goes_on() {
        let mut channel = channel();
        let error = channel.ask(&Script::new("r ls /nonexistent; echo no"), "").unwrap_err();
        assert!(error.to_string().starts_with("'ls /nonexistent' failed on here ("), "{error}");
        assert!(error.to_string().contains("No such file"), "{error}");
        assert_eq!(channel.ask(&Script::new("echo yes"), "").unwrap(), b"yes\n");
    }

    #[test]
    fn an_ssh_that_still_asks_may_put_the_terminal_right_before_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let [asks, restored] = ["asks", "restored"].map(|name| dir.path().join(name));
        let cancel = Cancel::new().unwrap();
        let ssh = |_: &str| {
            let script = "trap 'sleep 0.2; touch \"$2\"; exit 1' TERM; touch \"$1\"; while :; do sleep 0.05; done";
            let mut command = Command::new("sh");
            command.args(["-c", script, "ssh"]).args([&asks, &restored]);
            command
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !asks.exists() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                cancel.cancel();
            });
            let error = Channel::start(ssh, "far", true, &cancel).unwrap_err();
            assert!(matches!(error, CommandError::Cancelled), "{error}");
        });
        assert!(restored.exists());
    }

    #[test]
    fn a_shell_that_dies_is_told() {
        let mut channel = channel();
        let error = channel.ask(&Script::new("kill -9 $$"), "").unwrap_err();
        assert!(error.to_string().contains("signal: 9"), "{error}");
    }
}
