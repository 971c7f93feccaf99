//! Command lines that must be refused.

use std::process::Stdio;

use btrsync_testutil::require_machines;

use super::Keys;
use crate::sides::Way;
use crate::support::{Ended, Pair, State};

/// What somebody could try who has the key. None of it may run, whatever there is in it.
const COMMANDS: [&str; 62] = [
    "id",
    "sh",
    "sh -c id",
    "bash -i",
    "/bin/sh",
    "exec sh",
    "exec sh -c id",
    "ls /",
    "cat /etc/shadow",
    "rm -rf /",
    "touch touched",
    "reboot",
    "btrsync",
    "btrsync serve --root /",
    "btrsync serve ",
    "btrsync  serve",
    " btrsync serve",
    "btrsync serve; touch touched",
    "btrsync serve && touch touched",
    "btrsync serve | sh",
    "btrsync serve\ntouch touched",
    "btrsync serve #",
    "'btrsync serve'",
    "\"btrsync\" serve",
    "btrsync receive .",
    "btrsync send 1",
    "btrsync -y . /tmp",
    "btrsync verify . .",
    "btrsync inspect 1",
    "/usr/bin/btrsync serve",
    "./btrsync serve",
    "BTRSYNC=1 btrsync serve",
    "btrfs subvolume list /",
    "btrfs subvolume delete 1",
    "btrfs send 1",
    "btrfs receive .",
    "sudo btrsync serve",
    "sudo -n sh",
    "scp -t .",
    "scp -f /etc/shadow",
    "sftp-server",
    "/usr/lib/openssh/sftp-server",
    "internal-sftp",
    "rsync --server -e. . /",
    "git-upload-pack /",
    "tar c /",
    "dd if=/dev/sda",
    "nc -l 1234",
    "python3 -c 'print(1)'",
    "perl -e 1",
    "env",
    "printenv",
    "$(id)",
    "`id`",
    "; id",
    "|| id",
    "& id",
    "> touched",
    "exec sh -c 'id' btrsync",
    "exec sh -c 'id' btrsync 0123456789abcdef0123456789abcde",
    "exec sh -c 'id' btrsync 0123456789abcdef0123456789abcdeg",
    "exec sh -c id btrsync 0123456789abcdef0123456789abcdef",
];

#[test]
fn whatever_else_is_asked_for_gets_nothing_and_is_noted() {
    require_machines!();
    let keys = Keys::new(Way::Push, Pair::with_snapshots(&["1"]), "list,receive,send,delete");
    let before = State::of(keys.sides.pair.dst.path());
    let near = keys.sides.near();
    // One login for all; each command is one more session of it.
    let socket = near.write("master", "");
    std::fs::remove_file(&socket).unwrap();
    let session = |words: &[&str]| {
        let mut ssh = near.command("ssh");
        ssh.args(["-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-S"]).arg(&socket);
        ssh.arg("far").args(words).stdin(Stdio::null());
        ssh
    };
    let ssh = |words: &[&str]| Ended::of(&mut session(words));
    keys.log();
    for command in COMMANDS {
        let ended = ssh(&[command]);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{command}: {ended:#?}");
        ended.complains(&["not allowed: the command", "this key is for btrsync alone"]);
        assert_eq!(keys.log().len(), 1, "{command}");
    }
    let shell = ssh(&[]);
    assert_eq!((shell.code, shell.out.as_str()), (1, ""), "{shell:#?}");
    shell.complains(&["not allowed: a shell"]);
    // A subsystem is a command too.
    let mut sftp = near.command("ssh");
    sftp.args(["-s", "far", "sftp"]).stdin(Stdio::null());
    let sftp = Ended::of(&mut sftp);
    assert_eq!(sftp.out, "", "{sftp:#?}");
    // What looks like a btrsync gets one, which runs nothing of it.
    let disguised =
        format!("exec sh -c 'touch {0}/touched' btrsync {1}", keys.dir().display(), "0".repeat(32));
    let output = session(&[&disguised]).output().unwrap();
    assert!(output.stdout.starts_with(b"\nbtrsync speaks frames\n"), "{output:?}");
    let mut exit = near.command("ssh");
    exit.arg("-S").arg(&socket).args(["-O", "exit", "far"]);
    Ended::of(&mut exit).exits(0);
    before.unchanged(keys.sides.pair.dst.path());
    assert!(!keys.sides.far().home("root").join("touched").exists());
}
