//! Another btrsync, found and started through a shell.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::error::RootError;
use super::script::Script;
use super::session::Session;
use super::{Link, Shell, place};
use crate::agent::{Carrier, Greeted};

/// Prints where the program is, if it is there.
const FIND: &str = "command -v btrsync || :";

/// Becomes the program.
const SERVE: &str = r#"exec $S "$1" serve"#;

impl Link {
    /// Returns where the other side has a btrsync in its search path.
    pub(in crate::sync::root) fn find_btrsync(
        self: &Arc<Self>,
    ) -> Result<Option<PathBuf>, RootError> {
        let found = Shell::new(Arc::clone(self), false).ask(&Script::new(FIND))?;
        let line = found.split(|c| *c == b'\n').next().unwrap_or_default();
        // An alias is no program.
        Ok(line.starts_with(b"/").then(|| PathBuf::from(OsStr::from_bytes(line))))
    }

    /// Starts a btrsync that serves.
    pub(in crate::sync::root) fn start_btrsync(
        self: &Arc<Self>,
        program: &Path,
        sudo: bool,
    ) -> Result<Greeted, RootError> {
        let shell = Shell::new(Arc::clone(self), sudo);
        self.become_agent(&Script::new(SERVE).arg(program), &shell)
    }

    /// Runs a script that becomes a btrsync.
    pub(super) fn become_agent(
        self: &Arc<Self>,
        script: &Script,
        shell: &Shell,
    ) -> Result<Greeted, RootError> {
        let (mut session, output) = self.start(script, shell.sudo, self.cancel())?;
        session.flush()?;
        let input = session.take_input().ok_or_else(|| shell.garbled("btrsync", "no input"))?;
        Ok(Greeted { early: Vec::new(), input, output, carrier: Box::new(session) })
    }

    /// Makes a path of the other side absolute; one that begins with `~` is in a home directory.
    pub(in crate::sync::root) fn absolute(
        self: &Arc<Self>,
        path: &Path,
    ) -> Result<PathBuf, RootError> {
        place::absolute(&Shell::new(Arc::clone(self), false), path)
    }
}

impl Carrier for Session {
    fn words(&mut self) -> String {
        self.explain(&ErrorKind::UnexpectedEof.into()).to_string()
    }

    fn end(self: Box<Self>) {
        self.leave();
    }
}
