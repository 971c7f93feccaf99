//! The ssh programs of one connection, and the directory of the socket that they share.
//!
//! The user's own ssh logs in, so that its configuration, agent, jump hosts and prompts all work. It
//! does so once: whatever follows goes through its socket. The hazard is that ssh logs in anew, by
//! itself, where the socket is gone; so what follows has no way to connect but that.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use super::SshOptions;
use super::asked::Asked;

const PREFIX: &str = "btrsync-ssh-";

/// How often ssh asks a silent connection for a sign of life in the time that it waits for one.
const SIGNS: u64 = 6;

/// Whatever of the user's configuration would get in the way of a shell on the other side.
const PLAIN: [&str; 5] = [
    "RemoteCommand=none",
    "RequestTTY=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ControlPersist=no",
];

/// More of it, which ssh knows since 8.7 only. `IgnoreUnknown` is no way to give them to an older one: given
/// by us, it takes the place of the user's, on which a configuration for several systems relies.
const PLAIN_SINCE_8_7: [&str; 3] =
    ["ForkAfterAuthentication=no", "StdinNull=no", "SessionType=default"];

/// The socket of a connection. Dropped, it is removed with its directory.
#[derive(Debug)]
pub(in crate::sync::root) struct Socket {
    options: Box<SshOptions>,
    dir: TempDir,
    /// Tells other runs that this directory is in use.
    _lock: File,
}

impl Socket {
    /// Makes a private directory for it, and removes those that dead runs have left.
    pub(in crate::sync::root) fn new(options: SshOptions) -> io::Result<Self> {
        let base = base();
        sweep(&base);
        loop {
            let private = fs::Permissions::from_mode(0o700);
            let dir =
                tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(&base)?;
            let lock = File::open(dir.path())?;
            flock(&lock, FlockOperation::LockExclusive)?;
            // Between the two calls it looked like that of a dead run.
            if lock.metadata()?.nlink() > 0 {
                return Ok(Self { options: Box::new(options), dir, _lock: lock });
            }
        }
    }

    /// Returns after how much silence the connection is given up.
    pub(in crate::sync::root) fn patience(&self) -> Duration {
        self.options.patience.unwrap_or(crate::agent::PATIENCE)
    }

    /// Returns the ssh that logs in and runs a command there.
    pub(in crate::sync::root) fn login(&self, command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-T", "-a", "-x", "-S"]).arg(self.path()).args(["-o", "ControlMaster=yes"]);
        let asked = Asked::about(&self.options);
        let newer = if asked.is_8_7() { &PLAIN_SINCE_8_7[..] } else { &[] };
        for option in PLAIN.iter().chain(newer) {
            ssh.args(["-o", option]);
        }
        if let Some(ciphers) = asked.ciphers() {
            ssh.args(["-o", &format!("Ciphers={ciphers}")]);
        }
        let patience = self.patience().as_secs();
        let interval = patience.div_ceil(SIGNS).max(1);
        ssh.args(["-o", &format!("ServerAliveInterval={interval}")]);
        let most = patience.div_ceil(interval).max(1);
        ssh.args(["-o", &format!("ConnectTimeout={}", patience.max(1))]);
        ssh.args(["-o", &format!("ServerAliveCountMax={most}")]);
        self.options.arguments(&mut ssh);
        ssh.arg("--").arg(&self.options.host).arg(command);
        ssh
    }

    /// Returns the ssh that runs a command over the connection that [`Socket::login`] has made.
    pub(in crate::sync::root) fn session(&self, command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "/dev/null", "-T", "-S"]).arg(self.path());
        ssh.args(["-o", "ControlMaster=no", "-o", "ProxyCommand=false", "-o", "BatchMode=yes"]);
        // Ctrl-C is for us alone, and this one never asks anything.
        ssh.arg("--").arg(&self.options.host).arg(command).process_group(0);
        ssh
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("s")
    }
}

/// Where sockets go: short, for their paths may have some hundred bytes only, and not shared by network.
fn base() -> PathBuf {
    let uid = rustix::process::getuid().as_raw();
    let private = PathBuf::from(format!("/run/user/{uid}"));
    match fs::metadata(&private) {
        Ok(metadata) if metadata.is_dir() && metadata.uid() == uid => private,
        _ => PathBuf::from("/tmp"),
    }
}

/// Removes the directories of runs that were killed; their ssh has ended with their shell.
fn sweep(base: &Path) {
    let uid = rustix::process::getuid().as_raw();
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == uid);
        if ours && is_abandoned(&entry.path()) {
            // What cannot be removed now, a later run removes.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(dir: &Path) -> bool {
    File::open(dir).is_ok_and(|dir| flock(dir, FlockOperation::NonBlockingLockExclusive).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_stays_and_an_abandoned_one_goes() {
        let base = tempfile::tempdir().unwrap();
        let (dead, living) = (base.path().join("btrsync-ssh-a"), base.path().join("btrsync-ssh-b"));
        let other = base.path().join("other");
        [&dead, &living, &other].iter().for_each(|dir| fs::create_dir(dir).unwrap());
        fs::write(dead.join("s"), "").unwrap();
        let lock = File::open(&living).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        sweep(base.path());
        assert!(!dead.exists() && living.exists() && other.exists());
    }

    #[test]
    fn the_unknown_options_that_the_user_has_ignored_stay_so() {
        let socket = Socket::new(SshOptions { host: "h".into(), ..SshOptions::default() }).unwrap();
        let command = socket.login("true");
        let set = command.get_args().any(|word| word.to_string_lossy().contains("IgnoreUnknown"));
        assert!(!set, "{command:?}");
    }

    #[test]
    fn a_socket_is_private_and_gone_when_dropped() {
        let socket = Socket::new(SshOptions { host: "h".into(), ..SshOptions::default() }).unwrap();
        let dir = socket.dir.path().to_path_buf();
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        assert!(socket.path().as_os_str().len() < 80, "the kernel allows 107, ssh adds some");
        drop(socket);
        assert!(!dir.exists());
    }
}
