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
