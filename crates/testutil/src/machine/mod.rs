//! Machines of a test: namespaces with users, homes and an sshd of their own, alone or in a network.
//!
//! The hazard is a test that reaches what is not its own: the keys and the configuration of whoever runs
//! it, a port that another test listens on, a user or a file that stays. All of that is in here, seen
//! from inside only; the kernel takes it away with the last process, however the test ends.

mod files;
mod network;
mod space;
mod sshd;
mod weather;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::loopfs::Home;
use crate::must::must;

pub use network::Network;
pub use space::Process;
use space::Space;
use sshd::{Daemon, Sshd};
pub use weather::Weather;

/// A user who is not root, on every machine.
pub const USER: &str = "anna";

/// A machine with an sshd that lets root and [`USER`] in with one key.
///
/// It sees the filesystems of its test, and a home for each user that it does not share.
#[derive(Debug)]
pub struct Machine {
    // First: nothing may run any more when the files go.
    space: Space,
    sshd: Sshd,
    daemon: Option<Daemon>,
    dir: TempDir,
    /// A filesystem that is mounted later is seen only below a mount that was there before.
    _home: Arc<Home>,
}

/// Choices for a [`Machine`].
#[derive(Clone, Debug)]
pub struct Builder {
    shell: PathBuf,
    sudoers: String,
    sshd_lines: String,
    program: Option<PathBuf>,
}

impl Default for Builder {
    fn default() -> Self {
        let sudoers = format!("root ALL=(ALL) ALL\n{USER} ALL=(ALL) NOPASSWD: ALL\n");
        Self { shell: "/bin/sh".into(), sudoers, sshd_lines: String::new(), program: None }
    }
}

impl Builder {
    /// Sets the login shell of all users (default `/bin/sh`).
    #[must_use]
    pub fn shell(mut self, shell: impl Into<PathBuf>) -> Self {
        self.shell = shell.into();
        self
    }

    /// Sets what sudo allows (default: everything to everybody, without a question).
    #[must_use]
    pub fn sudoers(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.sudoers);
        self
    }

    /// Adds a line to the configuration of sshd.
    #[must_use]
    pub fn sshd_line(mut self, line: &str) -> Self {
        self.sshd_lines.push_str(line);
        self.sshd_lines.push('\n');
        self
    }

    /// Puts a program into the search path of whoever logs in.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Starts a machine in the network of this one: its sshd listens on the loopback address.
    #[must_use]
    #[track_caller]
    pub fn on_loopback(&self) -> Machine {
        let mut machine = self.start(false);
        machine.listen(&sshd::free_ports());
        machine.sshd.write_client_config(&[("far", "127.0.0.1")]);
        machine
    }

    /// Starts a machine; its sshd does not listen yet.
    #[track_caller]
    fn start(&self, own_network: bool) -> Machine {
        let _home = Home::acquire();
        let dir = files::prepare(self);
        let space = Space::start(dir.path(), own_network);
        let mut lines = self.sshd_lines.clone();
        if let Some(program) = &self.program {
            let bin = files::install(dir.path(), program);
            lines += &format!("SetEnv PATH={}:/usr/bin:/bin\n", bin.display());
        }
        let sshd = Sshd::new(dir.path(), &lines);
        Machine { space, sshd, daemon: None, dir, _home }
    }
}

impl Machine {
    /// Starts a machine in the network of this one, with the defaults.
    #[must_use]
    #[track_caller]
    pub fn on_loopback() -> Self {
        Self::builder().on_loopback()
    }

    /// Starts a machine with choices.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    #[track_caller]
    fn listen(&mut self, ports: &[u16]) {
        self.daemon = Some(self.sshd.listen(self, ports));
    }

    /// Prepares a command that runs here as root.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.space.enter();
        command.env("HOME", self.home("root")).env("USER", "root").env_remove("SSH_AUTH_SOCK");
        command.arg(program);
        command
    }

    /// Prepares a command that runs here as [`USER`], without any rights.
    pub fn command_as_user(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command("setpriv");
        command.env("HOME", self.home(USER)).env("USER", USER);
        command.args(["--reuid", USER, "--regid", "nogroup", "--clear-groups", "--"]).arg(program);
        command
    }

    /// Returns the home directory of a user; it is the same directory outside.
    #[must_use]
    pub fn home(&self, user: &str) -> PathBuf {
        self.dir.path().join("home").join(user)
    }

    /// Returns a directory of this machine as it is seen from outside.
    #[must_use]
    pub fn outside(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.space.pid());
        Path::new(&root).join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Returns an ssh configuration in which this machine is called `far`.
    #[must_use]
    pub fn ssh_config(&self) -> PathBuf {
        self.sshd.client_config()
    }

    /// Returns the file of the private key that opens this machine.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.dir.path().join("user_key")
    }

    /// Returns what sshd has logged.
    #[must_use]
    #[track_caller]
    pub fn log(&self) -> String {
        self.sshd.log()
    }

    /// Returns how often somebody has logged in.
    #[must_use]
    #[track_caller]
    pub fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    /// Returns how many commands were started over all connections.
    #[must_use]
    #[track_caller]
    pub fn sessions(&self) -> usize {
        self.log().matches("Starting session: command").count()
    }

    /// Returns the processes that have been started here, by command or by login, and still live.
    #[must_use]
    #[track_caller]
    pub fn processes(&self) -> Vec<Process> {
        self.space.processes()
    }

    /// Returns how long processors have worked here, for all processes but those whose parents are outside
    /// and have ended; to the hundredth of a second.
    #[must_use]
    #[track_caller]
    pub fn processor_time(&self) -> Duration {
        self.space.processor_time()
    }

    /// Finds a process by the beginning of its command line, else by a part of it.
    #[must_use]
    #[track_caller]
    pub fn process(&self, words: &str) -> Option<u32> {
        let all = self.processes();
        let begins = all.iter().find(|one| one.command.starts_with(words));
        begins.or(all.iter().find(|one| one.command.contains(words))).map(|one| one.pid)
    }

    /// Hides a mount from this machine.
    #[track_caller]
    pub fn hide(&self, mount: &Path) {
        must("unmount", mount, crate::command::output(self.command("umount").arg(mount)));
    }

    /// Makes a file of the machine's own directory and returns its path.
    #[track_caller]
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        must("write", &path, std::fs::write(&path, content));
        path
    }
}
