//! Machines that are joined by cables: each other one has a cable to the near one.

use std::fs;
use std::process::Command;

use super::weather::{self, Weather};
use super::{Builder, Machine};
use crate::command::{output, program};
use crate::must::must;

/// A near machine, on which a test works, and others that it reaches by ssh as `far`, `far1`, ...
///
/// The addresses are those of no other network, for the networks
/// of different tests are not joined.
#[derive(Debug)]
pub struct Network {
    /// The machine that commands run on.
    pub near: Machine,
    /// The machines that they reach.
    pub far: Vec<Machine>,
}

impl Network {
    /// Joins a near machine with one other.
    #[must_use]
    #[track_caller]
    #[allow(clippy::new_without_default, reason = "a default value that mounts would surprise")]
    pub fn new() -> Self {
        Self::of(&[Builder::default()])
    }

    /// Joins a near machine with others. Their sshds listen on ports 22 and 2222.
    #[must_use]
    #[track_caller]
    pub fn of(others: &[Builder]) -> Self {
        let near = Builder::default().start(true);
        let far: Vec<Machine> = others.iter().map(|other| other.start(true)).collect();
        let mut network = Self { near, far };
        network.share_keys();
        (0..network.far.len()).for_each(|number| network.join(number, &network.far[number]));
        network.far.iter_mut().for_each(|far| far.listen(&[22, 2222]));
        network.introduce();
        network
    }

    /// Returns the IPv4 address of a far machine.
    #[must_use]
    pub fn address(number: usize) -> String {
        format!("10.77.{number}.2")
    }

    /// Returns the IPv6 address of a far machine.
    #[must_use]
    pub fn address6(number: usize) -> String {
        format!("fd77:{number}::2")
    }

    /// Pulls the cable of a far machine: what is sent to it is lost without a word.
    #[track_caller]
    pub fn cut(&self, number: usize) {
        inside(&self.far[number], &["link", "set", "eth", "down"]);
    }

    /// Lets something happen to all that is sent on the cable of a far machine, in both directions.
    #[track_caller]
    pub fn weather(&self, number: usize, what: Weather) {
        self.ends(number).iter().for_each(|(machine, device)| what.begin(machine, device));
    }

    /// Makes the cable what it was: plugged in, fast, and without loss.
    #[track_caller]
    pub fn mend(&self, number: usize) {
        inside(&self.far[number], &["link", "set", "eth", "up"]);
        self.ends(number).iter().for_each(|(machine, device)| weather::clear(machine, device));
    }

    /// Gives the near machine another address on a cable: to the other side, what was there before is gone
    /// without a word. To be done once.
    #[track_caller]
    pub fn move_near(&self, number: usize) {
        let device = format!("eth{number}");
        inside(&self.near, &["-4", "address", "flush", "dev", &device]);
        inside(&self.near, &["address", "add", &format!("10.77.{number}.3/24"), "dev", &device]);
    }

    /// Resets all connections to a far machine, as a router on the way may do.
    #[track_caller]
    pub fn reset(&self, number: usize) {
        let mut ss = self.near.command("ss");
        ss.args(["-K", "-t", "dst", &Self::address(number)]);
        must("reset", "connections", output(&mut ss));
    }

    /// Both ends of the cable of a far machine.
    fn ends(&self, number: usize) -> [(&Machine, String); 2] {
        [(&self.near, format!("eth{number}")), (&self.far[number], "eth".to_owned())]
    }

    #[track_caller]
    fn join(&self, number: usize, far: &Machine) {
        let (near_end, far_pid) = (format!("eth{number}"), far.space.pid().to_string());
        // The ids of processes are those of this machine only outside of the near one.
        let mut link = program("nsenter");
        link.arg(format!("--net=/proc/{}/ns/net", self.near.space.pid()));
        link.args(["ip", "link", "add", &near_end, "type", "veth", "peer", "name", "eth"]);
        must("join", "two machines", output(link.args(["netns", &far_pid])));
        for (machine, device, host) in [(&self.near, near_end.as_str(), 1), (far, "eth", 2)] {
            let (four, six) =
                (format!("10.77.{number}.{host}/24"), format!("fd77:{number}::{host}/64"));
            inside(machine, &["address", "add", &four, "dev", device]);
            inside(machine, &["-6", "address", "add", &six, "dev", device, "nodad"]);
            inside(machine, &["link", "set", device, "up"]);
        }
    }

    /// Lets one key open all far machines.
    #[track_caller]
    fn share_keys(&self) {
        for other in &self.far[1..] {
            for file in ["user_key.pub", "host_key"] {
                let key = self.far[0].dir.path().join(file);
                other.write(file, must("read", file, fs::read(key)));
            }
        }
    }

    /// Tells the near machine how to log in.
    #[track_caller]
    fn introduce(&self) {
        let first = &self.far[0];
        let addresses: Vec<_> = (0..self.far.len()).map(Self::address).collect();
        let names: Vec<_> = (0..self.far.len()).map(|number| format!("far{number}")).collect();
        let mut hosts = vec![("far", addresses[0].as_str())];
        hosts.extend(names.iter().map(String::as_str).zip(addresses.iter().map(String::as_str)));
        first.sshd.write_client_config(&hosts);
        let config = must("read", "ssh_config", fs::read(first.ssh_config()));
        self.near.write("home/root/.ssh/config", config);
    }
}

#[track_caller]
fn inside(machine: &Machine, words: &[&str]) {
    let mut ip: Command = machine.command("ip");
    must("set up", "a network", output(ip.args(words)));
}
