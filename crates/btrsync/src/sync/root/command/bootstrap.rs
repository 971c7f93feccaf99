//! Puts a btrsync where there is none: into the cache of whoever logs in, checked before each use.
//!
//! What lies there is run, perhaps as root, on a machine of which others have a part. So it is only ever in a
//! directory of that user alone, gets its name when all of it has arrived, and is hashed again before it is
//! started: what somebody has changed is replaced, and not run.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::error::RootError;
use super::super::ssh::{Elf, Program};
use super::script::Script;
use super::session::{Lines, Session};
use super::{CommandError, Link, Shell, place};
use crate::agent::Greeted;

/// The directory `d`, the file `f` of the name `$1` in it; whether the directory is that user's alone; whether a
/// file is the one of the hash `$2`.
macro_rules! cache {
    ($script:literal) => {
        concat!(
            r#"
c=$XDG_CACHE_HOME; case $c in /*) ;; *) c=$HOME/.cache;; esac
d=$c/btrsync; f=$d/$1; h=$2
ours() { test ! -L "$d" && test "$(stat -c '%u %a' -- "$d" 2>/dev/null)" = "$(id -u) 700"; }
same() { test -f "$1" && test ! -L "$1" && test "$(sha256sum <"$1")" = "$h  -"; }
"#,
            $script
        )
    };
}

/// Prints the kind of processor, `ready` where the program is there, and where that is.
const LOOK: &str = cache!(
    r#"
command -v sha256sum >/dev/null || { echo 'without it nothing can be checked' >&2; failed 1 sha256sum; }
s=; ours && same "$f" && s=ready
printf '%s\0%s\0%s' "$(uname -m)" "$s" "$f"
"#
);

/// Reads a program of `$3` bytes, and prints `done` when it has its name. Those of other versions go.
const COPY: &str = cache!(
    r#"
umask 077
r mkdir -p -- "$c"
test -e "$d" || test -L "$d" || r mkdir -m 700 -- "$d"
ours || { echo "it is not a directory of that user alone, of mode 700" >&2; failed 1 use "$d"; }
t=$d/.new
r rm -f -- "$t"
(set -C; head -c "$3" >"$t") || failed 1 write "$t"
same "$t" || { rm -f -- "$t"; echo 'what has arrived is not what was sent' >&2; failed 1 sha256sum; }
r chmod 700 -- "$t"
r mv -f -- "$t" "$f"
for o in "$d"/btrsync-*; do test "$o" = "$f" || rm -f -- "$o"; done
printf 'done\0'
"#
);

/// Becomes the program, if it still is that.
const SERVE: &str = cache!(
    r#"
ours && same "$f" || { echo 'it is not what was put there' >&2; failed 1 run "$f"; }
exec $S "$f" serve
"#
);

/// How much goes over at once.
const BLOCK: usize = 256 * 1024;

impl Link {
    /// Makes sure that a program is in the cache of the other side.
    ///
    /// # Errors
    ///
    /// [`RootError::Bootstrap`] where the program is none for that machine; else what went wrong there.
    pub(in crate::sync::root) fn put(
        self: &Arc<Self>,
        program: &Program,
    ) -> Result<PathBuf, RootError> {
        let shell = Shell::new(Arc::clone(self), false);
        let (name, hash) = (program.name(), program.hash());
        let answer = shell.ask(&Script::new(LOOK).arg(&name).arg(hash))?;
        let mut fields = answer.splitn(3, |c| *c == 0);
        let mut next = || fields.next().unwrap_or_default();
        let (processor, state, path) = (next(), next(), place::path(next()));
        program.fits(Elf::number(processor), &String::from_utf8_lossy(processor), self.host())?;
        if state != b"ready" {
            self.copy(&shell, program)?;
        }
        Ok(path)
    }

    fn copy(self: &Arc<Self>, shell: &Shell, program: &Program) -> Result<(), RootError> {
        let mut file = program.open()?;
        let script = Script::new(COPY).arg(program.name()).arg(program.hash());
        let script = script.arg(program.bytes().to_string());
        let (mut session, output) = self.start(&script, shell.sudo, self.cancel())?;
        let mut lines = Lines::new(output, self.cancel());
        pour(&mut file, program, &mut session)?;
        let answer = lines.answer(&mut session)?;
        session.finish()?;
        match answer.as_slice() {
            b"done" => Ok(()),
            _ => Err(shell.garbled("sh", "it does not say that it is done").into()),
        }
    }

    /// Starts the program that was put there.
    pub(in crate::sync::root) fn start_cached(
        self: &Arc<Self>,
        program: &Program,
        sudo: bool,
    ) -> Result<Greeted, RootError> {
        let shell = Shell::new(Arc::clone(self), sudo);
        let script = Script::new(SERVE).arg(program.name()).arg(program.hash());
        self.become_agent(&script, &shell)
    }
}

/// Sends as many bytes as were announced; what a file has lost meanwhile is noticed by its hash.
fn pour(file: &mut File, program: &Program, session: &mut Session) -> Result<(), RootError> {
    let mut block = vec![0; BLOCK];
    let mut left = program.bytes();
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let count = file.read(&mut block[..most]).map_err(|source| program.unreadable(source))?;
        if count == 0 {
            break;
        }
        session.write(&block[..count])?;
        left -= count as u64;
    }
    Ok(session.flush()?)
}

/// Whether it was the other side that had no place for it, and not us who were interrupted.
pub(in crate::sync::root) fn is_of_place(error: &RootError) -> bool {
    matches!(error, RootError::Command(error) if !matches!(error, CommandError::Cancelled))
}
