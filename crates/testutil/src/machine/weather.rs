//! What happens to a cable on its way: it is slow, loses packets, swallows all of them, or answers them with resets.
//!
//! The hazard is a kernel that lacks what is asked for, and a test that then runs on a fine cable: so each of
//! these is a command of the system that fails where it does nothing. All of it is in the network namespaces
//! of the two machines, and goes with them.

use super::Machine;
use crate::command::output;
use crate::must::must;

/// Packets that may wait for their turn on a slow cable: as long as those of a small router.
const QUEUE: &str = "50ms";

/// What a cable does with what is sent on it, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// It carries so many thousand bits a second.
    Slow(u32),
    /// It loses so many of a hundred packets.
    Lossy(u8),
    /// It loses all, without a word.
    Silent,
    /// It answers every packet of a connection with a reset.
    Resets,
}

impl Weather {
    /// Begins on one end of a cable.
    #[track_caller]
    pub(super) fn begin(self, machine: &Machine, device: &str) {
        match self {
            Self::Slow(rate) => {
                let rate = format!("{rate}kbit");
                let words = ["qdisc", "replace", "dev", device, "root", "tbf", "rate", &rate];
                run(machine, "tc", &[&words[..], &["burst", "16kb", "latency", QUEUE]].concat());
            }
            Self::Lossy(percent) => {
                rule(machine, device, &format!("numgen random mod 100 < {percent} drop"));
            }
            Self::Silent => rule(machine, device, "drop"),
            Self::Resets => rules(machine, device, &resets(device)),
        }
    }
}

/// Ends whatever there is on one end of a cable.
#[track_caller]
pub(super) fn clear(machine: &Machine, device: &str) {
    rules(machine, device, "");
    // Whom nobody has answered for a while counts as unreachable for a while.
    run(machine, "ip", &["neighbour", "flush", "dev", device]);
    let mut tc = machine.command("tc");
    // It fails where there is nothing.
    let _ = output(tc.args(["qdisc", "del", "dev", device, "root"]));
}

/// Applies one rule to all that comes in.
#[track_caller]
fn rule(machine: &Machine, device: &str, rule: &str) {
    let hook = format!("type filter hook ingress device \"{device}\" priority 0;");
    rules(
        machine,
        device,
        &format!("table netdev {device} {{\nchain in {{\n{hook}\n{rule}\n}}\n}}\n"),
    );
}

fn resets(device: &str) -> String {
    let rule = format!("iifname \"{device}\" tcp flags & rst == 0 reject with tcp reset");
    format!(
        "table inet {device} {{\nchain in {{\ntype filter hook input priority 0;\n{rule}\n}}\n}}\n"
    )
}

/// Makes these all that there are for a device.
#[track_caller]
fn rules(machine: &Machine, device: &str, rules: &str) {
    let mut all = String::new();
    for family in ["netdev", "inet"] {
        all += &format!("add table {family} {device}\ndelete table {family} {device}\n");
    }
    run(machine, "nft", &[&(all + rules)]);
}

#[track_caller]
fn run(machine: &Machine, name: &str, words: &[&str]) {
    must("change", "a cable", output(machine.command(name).args(words)));
}
