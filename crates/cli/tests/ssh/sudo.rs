//! Users who are not root, here and there.

use std::fs;
use std::process::Command;

use btrsync_testutil::machine::{Machine, USER};
use btrsync_testutil::require_machines;

use crate::sides::{BOTH, BTRSYNC, Sides, Way, at};
use crate::support::{Ended, Pair};

#[test]
fn a_user_over_there_with_sudo() {
    require_machines!();
    for (way, option) in [(Way::Push, "--sudo-dest"), (Way::Pull, "--sudo-src"), (Way::Push, "-s")]
    {
        let sides = Sides::new(way, Pair::with_zoo(2));
        let (from, to) = match way {
            Way::Push => (sides.source(), at("anna@far", &sides.pair.backup())),
            Way::Pull => (at("anna@far", &sides.pair.snaps()), sides.destination()),
        };
        let args = |options: &str| [options.into(), from.clone(), to.clone()];
        sides.run(args("-y")).exits(1).complains(&["no rights on anna@far", "what next"]);
        sides.run(["-y".into(), option.into(), from.clone(), to.clone()]).exits(0);
        sides.is_complete();
    }
}

/// The binary may lie where only root gets.
fn own_binary(machine: &Machine) -> std::path::PathBuf {
    let path = machine.home(USER).join("btrsync");
    fs::copy(BTRSYNC, &path).unwrap();
    path
}

#[test]
fn a_user_here_with_sudo_and_another_over_there() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_zoo(2));
        let config = sides.near().home("root").join(".ssh/config");
        let (binary, home) = (own_binary(sides.near()), sides.near().home(USER));
        // The key must be the user's own.
        let key = home.join("key");
        fs::copy(sides.far().identity(), &key).unwrap();
        std::os::unix::fs::chown(&key, Some(47_110), None).unwrap();
        let known = sides.far().ssh_config().with_file_name("known_hosts");
        fs::copy(known, home.join("known_hosts")).unwrap();
        let text = fs::read_to_string(config).unwrap();
        let known = format!("  UserKnownHostsFile {}/known_hosts\n  Port", home.display());
        let text = text.replace("  Port", &known);
        fs::write(home.join("config"), text).unwrap();
        let run = |options: &[&str]| {
            let mut command: Command = sides.near().command_as_user(&binary);
            command.args(options).arg("--ssh-config").arg(home.join("config"));
            command.arg("--ssh-identity").arg(&key);
            command.arg(sides.source()).arg(sides.destination());
            Ended::of(&mut command)
        };
        run(&["-y"]).exits(1).complains(&["what next: run it as root"]);
        run(&["-y", "--sudo"]).exits(0);
        sides.is_complete();
    }
}

#[test]
fn a_user_here_with_sudo_and_nothing_else() {
    require_machines!();
    let pair = Pair::with_zoo(2);
    let machine = Machine::on_loopback();
    let binary = own_binary(&machine);
    let run = |options: &[&str]| {
        let mut command = machine.command_as_user(&binary);
        let mut source = pair.snaps().into_os_string();
        source.push("/");
        Ended::of(command.args(options).arg(source).arg(pair.backup()))
    };
    run(&["-y"]).exits(1);
    run(&["-y", "-s"]).exits(0);
    for name in ["round-0", "round-1"] {
        crate::support::arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
    run(&["-y", "-s"]).exits(0).says(&["Nothing to do"]);
    crate::support::no_leftover(pair.dst.path());
    crate::sides::all_end(&machine);
}

/// Where sudo starts a btrsync, that does the work, and what it can do is what root can.
#[test]
fn a_user_here_with_sudo_can_verify_and_one_whose_sudo_allows_btrfs_alone_can_send() {
    require_machines!();
    let alone = "root ALL=(ALL) ALL\nanna ALL=(ALL) NOPASSWD: /usr/bin/btrfs, /usr/bin/find, /usr/bin/flock, \
                 /usr/bin/mv, /usr/bin/stat, /usr/bin/test, /usr/bin/readlink, /usr/bin/mkdir, /bin/btrfs\n";
    for (machine, verified) in
        [(Machine::on_loopback(), 0), (Machine::builder().sudoers(alone).on_loopback(), 6)]
    {
        let pair = Pair::with_snapshots(&["1"]);
        let binary = own_binary(&machine);
        let run = |options: &[&str]| {
            let mut command = machine.command_as_user(&binary);
            let (source, target) = (pair.snaps().join("1"), pair.backup());
            Ended::of(command.args(options).arg(source).arg(target))
        };
        run(&["-ys"]).exits(0);
        crate::support::arrived(&pair.snaps().join("1"), &pair.backup().join("1"));
        run(&["verify", "-s"]).exits(verified);
        crate::sides::all_end(&machine);
    }
}

#[test]
fn a_user_whom_sudo_does_not_know() {
    require_machines!();
    let far = Machine::builder().sudoers("root ALL=(ALL) ALL\nanna ALL=(ALL) ALL\n");
    let sides = Sides::with(Way::Push, Pair::with_snapshots(&["1"]), far);
    let to = at("anna@far", &sides.pair.backup());
    let ended = sides.run(["-y".into(), "-s".into(), sides.source(), to]).exits(1);
    ended.complains(&["no rights on anna@far", "a password is required", "what next"]);
    sides.is_quiet();
}

/// Lets the user start the server of a program as root, and nothing else; returns what sudo says to other wishes.
fn only_serve(machine: &Machine, program: &std::path::Path) -> Vec<bool> {
    let line =
        format!("root ALL=(ALL) ALL\n{USER} ALL=(root) NOPASSWD: {} serve\n", program.display());
    // It is seen in there because it is the same file.
    machine.write("etc/sudoers", line);
    let program = program.to_str().unwrap();
    let wishes: [&[&str]; 6] = [
        &["btrfs", "subvolume", "list", "/"],
        &[program, "list", "/"],
        &[program, "serve", "--root", "/"],
        &[program, "serve", "--help"],
        &["sh", "-c", "true"],
        &["true"],
    ];
    let allowed = |wish: &&[&str]| {
        let mut sudo = machine.command_as_user("sudo");
        let ended = sudo.arg("-n").args(*wish).output().unwrap();
        assert_eq!(
            ended.status.success(),
            !String::from_utf8_lossy(&ended.stderr).contains("sudo:")
        );
        ended.status.success()
    };
    wishes.iter().map(allowed).collect()
}

#[test]
fn one_line_of_sudoers_is_enough_there_and_allows_nothing_else() {
    require_machines!();
    let far = Machine::builder().program(BTRSYNC);
    for way in BOTH {
        let sides = Sides::with(way, Pair::with_zoo(2), far.clone());
        let program = sides.far().home(USER).join("../../bin/btrsync").canonicalize().unwrap();
        assert_eq!(only_serve(sides.far(), &program), [false; 6]);
        let (from, to) = match way {
            Way::Push => (sides.source(), at("anna@far", &sides.pair.backup())),
            Way::Pull => (at("anna@far", &sides.pair.snaps()), sides.destination()),
        };
        sides.run(["doctor".into(), "-s".into(), from.clone(), to.clone()]).exits(0);
        sides.run(["-ys".into(), "--verify".into(), from, to]).exits(0);
        sides.is_complete();
    }
}

#[test]
fn one_line_of_sudoers_is_enough_here() {
    require_machines!();
    let pair = Pair::with_zoo(2);
    let machine = Machine::on_loopback();
    let binary = own_binary(&machine);
    assert_eq!(only_serve(&machine, &binary), [false; 6]);
    let mut command = machine.command_as_user(&binary);
    let mut source = pair.snaps().into_os_string();
    source.push("/");
    Ended::of(command.args(["-ys", "--verify"]).arg(source).arg(pair.backup())).exits(0);
    for name in ["round-0", "round-1"] {
        crate::support::arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
    crate::sides::all_end(&machine);
}
