//! What can be wrong, told apart: each with the host, the command, how it ended and what was said.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use btrsync_testutil::machine::Machine;
use btrsync_testutil::require::find_tool;
use btrsync_testutil::require_machines;

use crate::sides::{BOTH, Sides, Way, at};
use crate::support::{Pair, State, refuses};

#[track_caller]
fn fails(sides: &Sides, words: &[&str]) {
    refuses(1, words, sides.pair.dst.path(), || sides.command(&[]));
    sides.is_quiet();
}

#[test]
fn a_host_that_is_not_known_or_has_another_key() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    let known = sides.far().ssh_config().with_file_name("known_hosts");
    fs::write(&known, "").unwrap();
    fails(&sides, &["ssh to far failed (255)", "Host key verification failed"]);
    let other = fs::read_to_string(sides.far().identity().with_extension("pub")).unwrap();
    fs::write(&known, format!("* {other}")).unwrap();
    fails(&sides, &["ssh to far failed", "Host key verification failed"]);
    // As somebody has it who is asked: here nobody can answer, and that is a no.
    let config = sides.near().home("root").join(".ssh/config");
    let asking = fs::read_to_string(&config).unwrap().replace("Checking yes", "Checking ask");
    fs::write(&config, asking).unwrap();
    fs::write(&known, "").unwrap();
    fails(&sides, &["ssh to far failed", "Host key verification failed"]);
    assert_eq!((fs::read_to_string(known).unwrap().as_str(), sides.far().logins()), ("", 0));
}

#[test]
fn an_ssh_that_cannot_log_in_or_connect() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    for (location, words) in [
        ("ghost@far:/x", "Permission denied (publickey)"),
        ("ssh://far:4711/x", "Connection refused"),
        ("ssh://no-such-host.invalid/x", "no-such-host.invalid"),
    ] {
        let ended = sides.run(["-y".into(), sides.source(), location.into()]).exits(1);
        ended.complains(&["ssh to", "failed (255)", words, "what next: try 'ssh HOST"]);
        let ended =
            sides.run(["-y".into(), location.into(), sides.pair.snaps().into_os_string()]).exits(1);
        ended.complains(&["ssh to", words]);
    }
    sides.is_quiet();
}

#[test]
fn no_ssh_on_this_machine() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    let mut command = sides.command(&["-y"]);
    let dir = only(&["nsenter"]);
    let nsenter = dir.path().join("nsenter");
    command.env("PATH", dir.path());
    let mut again = std::process::Command::new(nsenter);
    again.args(command.get_args()).env("PATH", dir.path());
    let ended = crate::support::Ended::of(&mut again).exits(1);
    ended.complains(&["cannot start 'ssh'", "what next: install it"]);
}

/// It is not ssh that fails there, and not btrfs.
#[test]
fn a_user_who_may_not_log_in() {
    require_machines!();
    let shell = find_tool("nologin").unwrap_or_else(|| find_tool("false").unwrap());
    let sides =
        Sides::with(Way::Push, Pair::with_snapshots(&["1"]), Machine::builder().shell(shell));
    fails(&sides, &["the login on far runs no shell (1)", "give that user a POSIX shell"]);
}

/// What it says is all there is to know.
#[test]
fn a_login_that_runs_something_else() {
    require_machines!();
    let far =
        Machine::builder().sshd_line("ForceCommand echo; echo 'Only sftp here, \\033[1mgo away'");
    let sides = Sides::with(Way::Push, Pair::with_snapshots(&["1"]), far);
    fails(&sides, &["the login on far runs no shell (0): Only sftp here", "go away"]);
}

/// A directory with these programs alone.
pub(crate) fn only(programs: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for program in programs {
        symlink(find_tool(program).expect("it is installed"), dir.path().join(program)).unwrap();
    }
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    dir
}

pub(crate) const WITHOUT_BTRFS: [&str; 10] =
    ["sh", "cat", "readlink", "stat", "find", "mkdir", "mv", "flock", "test", "sudo"];

#[test]
fn a_machine_without_btrfs_progs() {
    require_machines!();
    let programs = only(&WITHOUT_BTRFS);
    let path = format!("SetEnv PATH={}", programs.path().display());
    for way in BOTH {
        let far = Machine::builder().sshd_line(&path);
        let sides = Sides::with(way, Pair::with_snapshots(&["1"]), far);
        fails(
            &sides,
            &[
                "btrfs is not installed on far: 'btrfs --version'",
                "not found",
                "install btrfs-progs there",
            ],
        );
    }
}

#[test]
fn a_user_without_rights() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_snapshots(&["1"]));
        let config = sides.near().home("root").join(".ssh/config");
        let text = fs::read_to_string(&config).unwrap().replace("User root", "User anna");
        fs::write(&config, text).unwrap();
        fails(
            &sides,
            &[
                "no rights on far for 'btrfs ",
                "Operation not permitted",
                "give --sudo-src or --sudo-dest",
            ],
        );
    }
}

/// A `btrfs` that does what it is told, but for one subcommand.
fn broken(subcommand: &str, then: &str) -> (tempfile::TempDir, String) {
    let dir = only(&WITHOUT_BTRFS);
    let real: PathBuf = find_tool("btrfs").expect("btrfs is installed");
    let text = format!(
        "#!/bin/sh\ncase \"$1 $2\" in '{subcommand}'*) {then};; esac\nexec {} \"$@\"\n",
        real.display()
    );
    let path = dir.path().join("btrfs");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let line = format!("SetEnv PATH={}", dir.path().display());
    (dir, line)
}

#[test]
fn a_command_that_fails_before_anything_is_sent() {
    require_machines!();
    for way in BOTH {
        let (_dir, path) = broken("subvolume list", "echo 'ERROR: it is broken' >&2; exit 3");
        let far = Machine::builder().sshd_line(&path);
        let sides = Sides::with(way, Pair::with_snapshots(&["1"]), far);
        fails(&sides, &["'btrfs subvolume list ", "failed on far (3)", "ERROR: it is broken"]);
    }
}

#[test]
fn a_text_that_is_not_understood() {
    require_machines!();
    let (_dir, path) = broken("subvolume list", "echo 'nothing like a list'; exit 0");
    let sides =
        Sides::with(Way::Push, Pair::with_snapshots(&["1"]), Machine::builder().sshd_line(&path));
    fails(&sides, &["cannot understand what 'btrfs subvolume list' prints on far"]);
}

#[test]
fn a_transfer_that_fails_over_there() {
    require_machines!();
    for (way, subcommand) in [(Way::Push, "receive"), (Way::Pull, "send")] {
        let what = "echo 'ERROR: the disk is on fire' >&2; exit 7";
        for then in [what.to_owned(), format!("head -c 100 >/dev/null; {what}")] {
            let (_dir, path) = broken(subcommand, &then);
            let far = Machine::builder().sshd_line(&path);
            let sides = Sides::with(way, Pair::with_large(24), far);
            let before = State::of(sides.pair.dst.path());
            let ended = sides.sync(&["-y"]).exits(1);
            let command = format!("'btrfs {subcommand} ");
            ended.complains(&[&command, "failed on far (7)", "ERROR: the disk is on fire"]);
            before.same_content(sides.pair.dst.path());
            sides.is_quiet();
        }
    }
}

/// It says that all is well, and has done nothing.
#[test]
fn a_receiver_that_lies() {
    require_machines!();
    let (_dir, path) = broken("receive", "exit 0");
    let sides =
        Sides::with(Way::Push, Pair::with_snapshots(&["1"]), Machine::builder().sshd_line(&path));
    let before = State::of(sides.pair.dst.path());
    sides.sync(&["-y"]).exits(1).complains(&["'btrfs subvolume show ", "failed on far"]);
    before.same_content(sides.pair.dst.path());
}

/// The stream ends too early, and the program that makes it says that all is well.
#[test]
fn a_sender_that_lies() {
    require_machines!();
    let (_dir, path) = broken("send", "exit 0");
    let sides =
        Sides::with(Way::Pull, Pair::with_snapshots(&["1"]), Machine::builder().sshd_line(&path));
    let before = State::of(sides.pair.dst.path());
    let ended = sides.sync(&["-y"]).exits(1);
    assert!(!ended.err.is_empty(), "{ended:#?}");
    before.same_content(sides.pair.dst.path());
}

#[test]
fn places_that_are_none() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    fs::write(sides.pair.backup().join("file"), "").unwrap();
    btrsync_testutil::btrfs::snapshot_ro(sides.pair.dst.path(), &sides.pair.backup().join("ro"));
    let file = sides.pair.backup().join("file");
    for (to, words) in [
        (at("far", "/proc/sys".as_ref()), "far:/proc/sys is not on a btrfs filesystem"),
        (at("far", "/nonexistent/x".as_ref()), "/nonexistent/x does not exist"),
        (at("far", &file), "is not a directory"),
        (at("far", &file.join("below")), "Not a directory"),
        (at("far", &sides.pair.backup().join("ro")), "read-only"),
    ] {
        let ended = sides.run(["-y".into(), sides.source(), to]).exits(1);
        ended.complains(&["far", words, "what next"]);
    }
    let stream = at("far", &file);
    let ended = sides.run(["-y".into(), stream, sides.pair.snaps().into_os_string()]).exits(1);
    ended.complains(&["is a file on another machine", "copy the stream file here"]);
    sides.is_quiet();
}
