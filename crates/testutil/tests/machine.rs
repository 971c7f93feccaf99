//! The machines themselves: what is inside is seen there only, and nothing stays.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use btrsync_testutil::command::output;
use btrsync_testutil::machine::{USER, Weather};
use btrsync_testutil::{LoopFs, Machine, Network, require_machines, require_weather};

fn ssh(from: &Machine, words: &[&str]) -> Result<String, String> {
    ssh_within(10, from, words)
}

fn ssh_within(seconds: u32, from: &Machine, words: &[&str]) -> Result<String, String> {
    let timeout = format!("ConnectTimeout={seconds}");
    let out = output(from.command("ssh").args(["-o", &timeout]).args(words))?;
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
    // It has no words for a moment while it becomes another program.
    let pid = loop {
        if let Some(pid) = machine.process("sleep 1000") {
            break pid;
        }
    };
    assert_eq!(machine.processes().len(), 1);
    let home = machine.home("root");
    drop(machine);
    sleeping.wait().unwrap();
    assert!(!Path::new(&format!("/proc/{pid}")).exists() && !home.exists());
}

#[test]
fn the_work_of_a_login_is_counted_when_it_is_gone() {
    require_machines!();
    let network = Network::new();
    let before = network.far[0].processor_time();
    let work = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    ssh(&network.near, &["far", work]).unwrap();
    while !network.far[0].processes().is_empty() {}
    let worked = network.far[0].processor_time() - before;
    assert!(worked >= Duration::from_millis(30), "{worked:?}");
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
    assert!(ssh_within(1, &network.near, &["far1", "true"]).is_err());
}

/// Fetches so many bytes; returns how long that took.
fn fetch(network: &Network, bytes: usize) -> Duration {
    let begin = Instant::now();
    let file = ssh(&network.near, &["far", &format!("head -c {bytes} /dev/zero")]).unwrap();
    assert_eq!(file.len(), bytes);
    begin.elapsed()
}

/// How often the far machine had to send something again.
fn sent_again(network: &Network) -> u64 {
    let all = output(network.far[0].command("cat").arg("/proc/net/snmp")).unwrap();
    let all = String::from_utf8(all).unwrap();
    let mut tcp = all.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let at = tcp.next().unwrap().split(' ').position(|name| name == "RetransSegs").unwrap();
    tcp.next().unwrap().split(' ').nth(at).unwrap().parse().unwrap()
}

#[test]
fn the_weather_of_a_cable_changes() {
    require_weather!();
    let network = Network::new();
    network.weather(0, Weather::Slow(8_000));
    assert!(fetch(&network, 1_000_000) > Duration::from_millis(900));
    network.mend(0);
    let before = sent_again(&network);
    network.weather(0, Weather::Lossy(5));
    // A packet may be as large as 64 KiB here, and then a file is not many.
    let loses = |_| {
        fetch(&network, 1_000_000);
        sent_again(&network) > before
    };
    assert!((0..20).any(loses));
    for (what, seconds, words) in
        [(Weather::Silent, 1, "timed out"), (Weather::Resets, 10, "refused")]
    {
        network.mend(0);
        network.weather(0, what);
        let error = ssh_within(seconds, &network.near, &["far", "true"]).unwrap_err();
        assert!(error.contains(words), "{what:?}: {error}");
    }
    network.mend(0);
    fetch(&network, 1);
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
