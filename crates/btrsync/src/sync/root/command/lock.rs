//! Keeps other runs out of a directory of the other side: with the same flock on the directory itself
//! that runs on that machine take.
//!
//! It is held by a script that lives as long as the root, and ends with the connection. Locks are nested:
//! each is held by a `flock` around the shell that waits for the next.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::super::error::RootError;
use super::Shell;
use super::script::{Script, escape};
use super::session::{Lines, Session};

/// Reads a directory a line, and answers `held`, `busy`, or `failed` and the status of `flock`.
const LOCK: &str = r#"
L="S='$S'; "'E="-E 75"; B=75; flock -n $E /dev/null true 2>/dev/null || { E=; B=1; }; printf "held\0"; while IFS= read -r l; do p=$(printf "%b." "$l"); p=${p%.}; $S flock -n $E "$p" sh -c "$0" "$0" 2>/dev/null; s=$?; case $s in 0) exit;; $B) printf "busy\0";; *) printf "failed $s\0";; esac; done'
exec sh -c "$L" "$L"
"#;

/// The locks of a root.
#[derive(Debug, Default)]
pub(super) struct Locks {
    holder: Option<(Session, Lines)>,
    held: HashSet<PathBuf>,
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
        match answer.as_slice() {
            b"held" => {
                self.held.insert(path.to_path_buf());
                Ok(Lock::Taken)
            }
            b"busy" => Err(RootError::Locked { path: shell.shown(path), pid: None }),
            b"failed 127" => Ok(Lock::Unknown),
            other => {
                let what = String::from_utf8_lossy(other).into_owned();
                Err(shell.garbled("flock", &what).into())
            }
        }
    }

    fn ask(&mut self, shell: &Shell, path: &Path) -> Result<Vec<u8>, RootError> {
        let (session, answers) = match &mut self.holder {
            Some(holder) => holder,
            None => self.holder.insert(start(shell)?),
        };
        let mut line = Vec::new();
        path.as_os_str().as_bytes().iter().for_each(|byte| escape(*byte, &mut line));
        line.push(b'\n');
        session.write(&line)?;
        session.flush()?;
        Ok(answers.answer(session)?)
    }
}

fn start(shell: &Shell) -> Result<(Session, Lines), RootError> {
    let cancel = shell.link.cancel();
    let (mut session, output) = shell.link.start(&Script::new(LOCK), shell.sudo, cancel)?;
    let mut answers = Lines::new(output, cancel);
    answers.answer(&mut session)?;
    Ok((session, answers))
}
