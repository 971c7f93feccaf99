//! The sshd of a machine, and what others need to log in there.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Machine;
use crate::command::{output, program};
use crate::must::must;
use crate::require::find_tool;

#[derive(Debug)]
pub(super) struct Sshd {
    dir: PathBuf,
}

/// What runs until its machine ends.
#[derive(Debug)]
pub(super) struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // Killed with its machine, which is dropped before.
        let _ = self.0.wait();
    }
}

/// Returns two ports that nobody listens on now.
pub(super) fn free_ports() -> [u16; 2] {
    let sockets = [(); 2].map(|()| must("find", "a free port", TcpListener::bind("127.0.0.1:0")));
    sockets.map(|socket| socket.local_addr().map_or(0, |address| address.port()))
}

impl Sshd {
    /// Makes keys and the configuration; `lines` is more of that.
    #[track_caller]
    pub(super) fn new(dir: &Path, lines: &str) -> Self {
        for key in ["host_key", "user_key"] {
            let mut keygen = program("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(dir.join(key));
            must("make", key, output(&mut keygen));
        }
        let text = format!(
            "HostKey {dir}/host_key\nAuthorizedKeysFile {dir}/user_key.pub .ssh/authorized_keys\n\
             PidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPrintMotd no\n{lines}LogLevel VERBOSE\n",
            dir = dir.display()
        );
        let config = dir.join("sshd_config");
        must("write", &config, fs::write(&config, text));
        let key = must("read", "a key", fs::read_to_string(dir.join("host_key.pub")));
        let known = dir.join("known_hosts");
        must("write", &known, fs::write(&known, format!("* {key}")));
        Self { dir: dir.to_path_buf() }
    }

    /// Starts it, and waits until it listens.
    #[track_caller]
    pub(super) fn listen(&self, machine: &Machine, ports: &[u16]) -> Daemon {
        let log = self.dir.join("sshd.log");
        let stderr = must("create", &log, File::create(&log));
        // It starts under its absolute path only.
        let mut sshd = machine.command(find_tool("sshd").expect("sshd is installed"));
        sshd.args(["-D", "-e", "-f"]).arg(self.dir.join("sshd_config"));
        ports.iter().for_each(|port| _ = sshd.arg("-p").arg(port.to_string()));
        let daemon = must("start", "sshd", sshd.stdin(Stdio::null()).stderr(stderr).spawn());
        let begin = Instant::now();
        while self.log().matches("Server listening on").count() < ports.len() {
            assert!(begin.elapsed() < Duration::from_secs(20), "sshd: {}", self.log());
            sleep(Duration::from_millis(5));
        }
        must("write", "the ports", fs::write(self.dir.join("port"), ports[0].to_string()));
        machine.space.idle_now();
        Daemon(daemon)
    }

    #[track_caller]
    pub(super) fn log(&self) -> String {
        let log = must("read", "the log of sshd", fs::read(self.dir.join("sshd.log")));
        String::from_utf8_lossy(&log).into_owned()
    }

    pub(super) fn client_config(&self) -> PathBuf {
        self.dir.join("ssh_config")
    }

    /// Writes how to log in: under each name at an address, and at every other address.
    #[track_caller]
    pub(super) fn write_client_config(&self, names: &[(&str, &str)]) {
        let port = must("read", "the port", fs::read_to_string(self.dir.join("port")));
        let mut text = String::new();
        for (name, address) in names {
            text += &format!("Host {name}\n  HostName {address}\n");
        }
        text += &format!(
            "Host *\n  Port {port}\n  User root\n  IdentityFile {dir}/user_key\n  IdentitiesOnly yes\n  \
             IdentityAgent none\n  UserKnownHostsFile {dir}/known_hosts\n  \
             GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n",
            dir = self.dir.display()
        );
        must("write", "ssh_config", fs::write(self.client_config(), text));
    }
}
