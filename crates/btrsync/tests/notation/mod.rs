//! A notation in which a case of the planner is one line.
//!
//! The hazard is a planner test that nobody can read: with values written out, the one field that
//! matters drowns among fourteen that do not.
//!
//! A side is a list of subvolumes, separated by `;`, in id order: `A; a1<A ro; b<dead ro`. Each is
//! `[DIRECTORY/]NAME[<PARENT]` and then any of
//!
//! - `ro`: read-only, which makes it eligible;
//! - `=NAME`: received from the subvolume of that name;
//! - `changed`: changed after its creation (and after it was received anywhere);
//! - `later`: created after the changes of others, also those by which they were received (and `later later` after those);
//! - `old`: received at an earlier generation than the others;
//! - `mute`: its side tells no more of its transactions than that nothing was changed since its creation;
//! - `dumb`: nor that, for its tree was changed since.
//!
//! The name stands for the UUID. At the destination, `+NAME` is a fresh copy of that source volume.
//! A plan is `[a2 incr a1] [b full]`, with `|` between groups.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]
#![allow(dead_code, unreachable_pub, reason = "no test uses all of it")]

use std::path::PathBuf;

use btrsync::btrfs::{Diff, Forest, KeyFn, Subvolume, default_keys};
use btrsync::sync::{CloneSources, Hooks, Plan, PlanOptions, Step, plan};
use uuid::Uuid;

const CREATED: u64 = 7;
/// More than all changes take.
const LATER: u64 = 100;
/// In another filesystem, whose transactions count on their own.
const RECEIVED: u64 = 20;

/// The UUID that a name of at most 16 bytes stands for.
pub fn uuid(name: &str) -> Uuid {
    assert!(name.len() <= 16, "{name:?} is too long for a UUID");
    Uuid::from_u128(name.bytes().fold(0, |number, byte| number << 8 | u128::from(byte)))
}

/// Reads one side.
pub fn side(text: &str) -> Vec<Subvolume> {
    let vols = text.split(';').map(str::trim).filter(|vol| !vol.is_empty());
    vols.enumerate().map(|(index, vol)| subvolume(256 + index as u64, vol)).collect()
}

/// Reads one side and makes its forest of what is read-only.
pub fn forest(text: &str) -> Forest {
    Forest::new(side(text), |vol| vol.read_only)
}

fn subvolume(id: u64, text: &str) -> Subvolume {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap();
    match first.strip_prefix('+') {
        Some(of) => Subvolume { id, received_uuid: Some(uuid(of)), ..copy(of) },
        None => words.fold(named(id, first), described),
    }
}

fn copy(of: &str) -> Subvolume {
    described(described(named(0, &format!("copy.{of}")), &format!("={of}")), "ro")
}

fn named(id: u64, text: &str) -> Subvolume {
    let (path, parent) = match text.split_once('<') {
        Some((path, parent)) => (PathBuf::from(path), Some(uuid(parent))),
        None => (PathBuf::from(text), None),
    };
    let name = path.file_name().unwrap().to_os_string();
    Subvolume {
        id,
        uuid: Some(uuid(name.to_str().unwrap())),
        name,
        path,
        parent_uuid: parent,
        ctransid: Some(CREATED),
        otransid: Some(CREATED),
        ..Subvolume::default()
    }
}

fn described(mut vol: Subvolume, word: &str) -> Subvolume {
    match (word, word.strip_prefix('=')) {
        (_, Some(from)) => {
            vol.received_uuid = Some(uuid(from));
            vol.stransid = Some(CREATED);
            (vol.ctransid, vol.otransid) = (Some(RECEIVED + 2), Some(RECEIVED));
        }
        ("ro", _) => vol.read_only = true,
        ("changed", _) => vol.ctransid = vol.otransid.map(|created| created + 3),
        ("old", _) => vol.stransid = Some(CREATED - 1),
        ("later", _) => {
            vol.otransid = vol.otransid.map(|created| created + LATER);
            vol.ctransid = vol.otransid;
        }
        ("mute", _) => {
            (vol.ctransid, vol.stransid, vol.generation) = (None, None, vol.otransid);
        }
        ("dumb", _) => {
            let generation = vol.otransid.map(|created| created + 1);
            (vol.ctransid, vol.stransid, vol.generation) = (None, None, generation);
        }
        _ => panic!("unknown word {word:?}"),
    }
    vol
}

/// One case: two sides and how to plan between them.
pub struct Case {
    pub source: Forest,
    pub dest: Forest,
    pub hooks: Hooks,
    pub options: PlanOptions,
    pub keys: [Vec<KeyFn>; 2],
}

/// Reads both sides of a case.
pub fn case(source: &str, dest: &str) -> Case {
    Case {
        source: forest(source),
        dest: forest(dest),
        hooks: Hooks::default(),
        options: PlanOptions::default(),
        keys: [default_keys(), default_keys()],
    }
}

impl Case {
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    pub fn batch(mut self) -> Self {
        self.options.batch = true;
        self
    }

    pub fn clones(mut self, when: CloneSources) -> Self {
        self.options.clones = when;
        self
    }

    pub fn parallel(mut self) -> Self {
        self.options.parallel = true;
        self
    }

    /// Demands the clone sources of a plan: those of each step, separated by `; `.
    #[track_caller]
    pub fn expect_clones(&self, clones: &str) {
        let of = |step: &Step| step.clones.iter().map(name).collect::<Vec<_>>().join(" ");
        let shown: Vec<String> = self.plan().steps().map(of).collect();
        assert_eq!(shown.join("; "), clones);
    }

    pub fn transfer_existing(mut self) -> Self {
        self.options.transfer_existing = true;
        self
    }

    pub fn keys(mut self, source: Vec<KeyFn>, dest: Vec<KeyFn>) -> Self {
        self.keys = [source, dest];
        self
    }

    pub fn plan(&self) -> Plan {
        let diff = Diff::new(&self.source, &self.dest, &self.keys[0], &self.keys[1]);
        plan(&self.source, &self.dest, &diff, &self.hooks, self.options)
    }

    /// Demands a plan.
    #[track_caller]
    pub fn expect(&self, plan: &str) {
        assert_eq!(show(&self.plan()), plan);
    }

    /// Demands the reasons of a plan: one a step, separated by `; `.
    #[track_caller]
    pub fn expect_reasons(&self, reasons: &str) {
        let shown: Vec<String> = self.plan().steps().map(|step| step.reason.to_string()).collect();
        assert_eq!(shown.join("; "), reasons);
    }
}

/// Shows a plan in the notation.
pub fn show(plan: &Plan) -> String {
    let groups: Vec<String> = plan.groups.iter().map(|group| show_steps(group)).collect();
    groups.join(" | ")
}

/// Shows steps in the notation.
pub fn show_steps(steps: &[Step]) -> String {
    let shown: Vec<String> = steps.iter().map(show_step).collect();
    shown.join(" ")
}

fn show_step(step: &Step) -> String {
    let vols: Vec<&str> = step.vols.iter().map(name).collect();
    match &step.parent {
        Some(parent) => format!("[{} incr {}]", vols.join(" "), name(parent)),
        None => format!("[{} full]", vols.join(" ")),
    }
}

/// The name of a subvolume in the notation.
pub fn name(vol: &Subvolume) -> &str {
    vol.name.to_str().unwrap()
}

/// Whether a subvolume is called so, for hooks.
pub fn is(vol: &Subvolume, name: &str) -> bool {
    vol.name == name
}
