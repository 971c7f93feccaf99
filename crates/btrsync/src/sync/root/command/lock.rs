//! Keeps other runs out of a directory of the other side: with the same flock on the directory itself
//! that runs on that machine take.
//!
//! It is held by a script that lives as long as the root, and ends with the connection. Locks are nested:
//! each is held by a `flock` around the shell that waits for the next.
//!
//! The hazard is a connection of which only this side knows that it is dead: sshd waits for a word of us for
//! hours, and the lock would keep the rerun out for as long. So the script gets a sign of life now and then, an
//! empty line, and where that stays away for too long it ends the connection itself, with all that runs
//! over it.

use std::collections::HashSet;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::super::error::{Holder, RootError};
use super::Shell;
use super::script::{Script, escape};
use super::session::{Lines, Session};
use crate::process::Feed;
use crate::{Cancel, thread};

/// Reads a directory a line, and answers `held`, `busy` and who listens for the other holder, or `failed` and
/// the status of `flock`. `$1` is for how many seconds nothing may come, or empty.
///
/// `g` gets a line; what `timeout` starts for that ends with 1 at the end of the input, and is another process
/// after each line, which `w` finds for the holder of a lock: the child of the child of its `flock`.
const LOCK: &str = r#"
L="S='$S'; "'E="-E 75"; B=75; flock -n $E /dev/null true 2>/dev/null || { E=; B=1; }; printf "held\0"
g() { if test -z "$1"; then IFS= read -r l; return; fi
  l=$(timeout "$1" sh -c "IFS= read -r l && printf \"%s.\" \"\$l\""); s=$?; l=${l%.}; case $s in 0|1) return $s;; esac
  c=; read -r c <"/proc/$2/comm"; case $c in *ssh*|dropbear) kill "$2";; esac; exit 3; }
w() { i=$(stat -c %i -- "$1"); while read -r _ k _ _ o f _; do case $k:$f in FLOCK:*:"$i")
  for d in 1 2; do n=; read -r n _ <"/proc/$o/task/$o/children"; o=$n; test -n "$o" || exit; done; echo "$o"; exit;; esac; done </proc/locks; } 2>/dev/null
while g "$1" "$2"; do test -n "$l" || continue; p=$(printf "%b." "$l"); p=${p%.}
  $S flock -n $E "$p" sh -c "$0" "$0" "$1" "$2" 2>/dev/null; s=$?
  case $s in 0|3) exit $s;; $B) printf "busy %s\0" "$(w "$p")";; *) printf "failed $s\0";; esac; done'
command -v timeout >/dev/null || set -- ""
exec sh -c "$L" "$L" "$1" "$PPID"
"#;

/// How many signs of life come at least in the time that the script waits for one.
const SIGNS: u32 = 6;

/// How often they come at least: who finds the lock taken looks for them.
const OFTEN: Duration = Duration::from_secs(1);

/// The locks of a root.
#[derive(Debug, Default)]
pub(super) struct Locks {
    holder: Option<Holding>,
    held: HashSet<PathBuf>,
}

/// The script that holds them. Dropped, it gets no more signs of life, and ends.
#[derive(Debug)]
struct Holding {
    input: Arc<Mutex<Feed>>,
    answers: Lines,
    session: Session,
    over: Cancel,
}

/// What became of a wish for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// It was taken now.
    Taken,
    /// This root has it already.
    Held,
    /// The other side has no `flock`.
    Unknown,
}

impl Locks {
    /// Locks a directory, unless this root has done so already.
    pub(super) fn lock(&mut self, shell: &Shell, path: &Path) -> Result<Lock, RootError> {
        if self.held.contains(path) {
            return Ok(Lock::Held);
        }
        let answer = self.ask(shell, path)?;
        if let Some(listener) = answer.strip_prefix(b"busy ") {
            let (path, holder) = (shell.shown(path), holder(shell, listener));
            return Err(RootError::Locked { path, pid: None, holder });
        }
        match answer.as_slice() {
            b"held" => {
                self.held.insert(path.to_path_buf());
                Ok(Lock::Taken)
            }
            b"failed 127" => Ok(Lock::Unknown),
            other => {
                let what = String::from_utf8_lossy(other).into_owned();
                Err(shell.garbled("flock", &what).into())
            }
        }
    }

    fn ask(&mut self, shell: &Shell, path: &Path) -> Result<Vec<u8>, RootError> {
        let holding = match &mut self.holder {
            Some(holding) => holding,
            None => self.holder.insert(Holding::start(shell)?),
        };
        let mut line = Vec::new();
        path.as_os_str().as_bytes().iter().for_each(|byte| escape(*byte, &mut line));
        line.push(b'\n');
        let written = lock(&holding.input).write_all(&line);
        written.map_err(|error| holding.session.explain(&error))?;
        Ok(holding.answers.answer(&mut holding.session)?)
    }
}

impl Holding {
    fn start(shell: &Shell) -> Result<Self, RootError> {
        let failed = |source| RootError::System { what: "hold a lock", source };
        let (cancel, patience) = (shell.link.cancel(), shell.link.patience());
        let seconds = patience.map(|time| time.as_secs_f64().ceil().to_string());
        let script = Script::new(LOCK).arg(seconds.unwrap_or_default());
        let (mut session, output) = shell.link.start(&script, shell.sudo, cancel)?;
        let mut answers = Lines::new(output, cancel);
        answers.answer(&mut session)?;
        let input = session.take_input().ok_or_else(|| shell.garbled("flock", "no input"))?;
        let (input, over) = (Arc::new(Mutex::new(input)), cancel.child().map_err(failed)?);
        if let Some(patience) = patience {
            let (input, over) = (Arc::downgrade(&input), over.clone());
            drop(
                thread::run(move || live(&input, &over, OFTEN.min(patience / SIGNS)))
                    .map_err(failed)?,
            );
        }
        Ok(Self { input, answers, session, over })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

/// What is known of a run that holds a lock: where it gets signs of life, who listens for them changes.
fn holder(shell: &Shell, listener: &[u8]) -> Holder {
    let listener = std::str::from_utf8(listener).ok().and_then(|pid| pid.parse().ok());
    listener.map_or(shell.holder(), Holder::Hears)
}

/// Gives signs of life until nobody wants the locks any more, or the script has ended.
fn live(input: &Weak<Mutex<Feed>>, over: &Cancel, period: Duration) {
    while !over.is_cancelled_within(period) {
        let Some(input) = input.upgrade() else { return };
        if lock(&input).write_all(b"\n").is_err() {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
