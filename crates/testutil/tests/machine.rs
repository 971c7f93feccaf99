//! The machines themselves: what is inside is seen there only, and nothing stays.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::fs;
use std::path::Path;

use btrsync_testutil::command::output;
use btrsync_testutil::machine::USER;
use btrsync_testutil::{LoopFs, Machine, Network, require_machines};

fn ssh(from: &Machine, words: &[&str]) -> Result<String, String> {
    let out = output(from.command("ssh").args(["-o", "ConnectTimeout=10"]).args(words))?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn a_machine_is_reached_by_its_key_and_has_homes_of_its_own() {
    require_machines!();
    let machine = Machine::on_loopback();
    let config = machine.ssh_config();
    let config = config.to_str().unwrap();
    for (login, home) in [("far", "root"), ("anna@far", USER)] {
        let home = machine.home(home);
        assert_eq!(
            ssh(&machine, &["-F", config, login, "pwd"]).unwrap().trim(),
            home.to_str().unwrap()
        );
    }
    assert_eq!(ssh(&machine, &["-F", config, "anna@far", "sudo id -u"]).unwrap(), "0\n");
    assert_eq!((machine.logins(), machine.sessions()), (3, 3), "{}", machine.log());
}

#[test]
fn nothing_of_a_machine_is_left() {
    require_machines!();
    let machine = Machine::on_loopback();
    let mut sleeping = machine.command("sleep").arg("1000").spawn().unwrap();
    while machine.process("sleep 1000").is_none() {}
    let pid = machine.process("sleep 1000").unwrap();
    assert_eq!(machine.processes().len(), 1);
    let home = machine.home("root");
    drop(machine);
    sleeping.wait().unwrap();
    assert!(!Path::new(&format!("/proc/{pid}")).exists() && !home.exists());
}

#[test]
fn a_network_joins_machines_until_it_is_cut() {
    require_machines!();
    let network = Network::of(&[Machine::builder(), Machine::builder()]);
    let six = Network::address6(1);
    for host in ["far", "far1", &six] {
        assert_eq!(ssh(&network.near, &[host, "echo yes"]).unwrap(), "yes\n", "{host}");
    }
    assert_eq!([0, 1].map(|number| network.far[number].logins()), [1, 2]);
    network.cut(1);
    assert!(ssh(&network.near, &["-o", "ConnectTimeout=1", "far1", "true"]).is_err());
}

/// A machine has a copy of every mount; that must keep none of them busy.
#[test]
fn filesystems_come_and_go_while_a_machine_lives() {
    require_machines!();
    let before = LoopFs::new();
    let machine = Machine::on_loopback();
    let after = LoopFs::new();
    for fs in [before, after] {
        fs::write(fs.path().join("file"), b"seen").unwrap();
        assert_eq!(output(machine.command("cat").arg(fs.path().join("file"))).unwrap(), b"seen");
        let device = fs.device().file_name().unwrap().to_owned();
        let image = fs.image();
        drop(fs);
        let backing = Path::new("/sys/block").join(device).join("loop/backing_file");
        let still = fs::read_to_string(backing).unwrap_or_default();
        assert!(!still.starts_with(image.to_str().unwrap()), "{still}");
    }
}
