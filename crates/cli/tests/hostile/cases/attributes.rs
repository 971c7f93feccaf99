//! Commands with one attribute missing, twice, of another size, or too many.

use btrsync_stream::{Attribute, CommandKind};

use super::verbs::{VERBS, setting};
use crate::arena::Arena;
use crate::judge::{Case, refused};
use crate::stream::{self, Command, bare, frame, header};

pub(crate) fn attributes(arena: &Arena) -> Vec<Case> {
    let (uuid, ctransid) = arena.parent.pair();
    let mut cases = Vec::new();
    for first in [stream::subvol("new"), stream::snapshot("new", uuid, ctransid)] {
        cases.extend(
            mutants(&first).into_iter().map(|(name, mutant)| refused(name, first_of(&mutant))),
        );
    }
    let needed = |needs| match needs {
        super::verbs::Needs::File => "f",
        super::verbs::Needs::Nothing => "x",
        super::verbs::Needs::EmptyDirectory => "e",
    };
    // One verb for each command is enough here.
    let twice = ["rename over", "link to", "clone from", "punch", "rename from"];
    for verb in VERBS.iter().filter(|verb| !twice.contains(&verb.name)) {
        let command = (verb.on)(needed(verb.needs).as_bytes());
        let mutants = mutants(&command).into_iter();
        cases.extend(mutants.map(|(name, mutant)| refused(name, after_setting(&command, &mutant))));
    }
    cases
}

type Attributes = Vec<(u16, Vec<u8>)>;

fn first_of(payload: &Mutant) -> Vec<u8> {
    [header(1), frame(payload.number, &payload.payload), bare(1, &[stream::end()])[17..].to_vec()]
        .concat()
}

/// A stream in the version of the sound command, which is not the last to fail for another reason.
fn after_setting(sound: &Command, mutant: &Mutant) -> Vec<u8> {
    let version = version(sound);
    let mut stream = bare(version, &[&[stream::subvol("new")], &setting()[..]].concat());
    stream.extend(frame(mutant.number, &mutant.payload));
    stream.extend(frame(CommandKind::End.number(), &[]));
    stream
}

fn version(command: &Command) -> u32 {
    CommandKind::from_number(command.number).unwrap().since().number()
}

struct Mutant {
    number: u16,
    payload: Vec<u8>,
}

fn mutants(command: &Command) -> Vec<(String, Mutant)> {
    let kind = CommandKind::from_number(command.number).unwrap();
    let version = version(command);
    let mut mutants = Vec::new();
    let mut add = |what: String, mutant: &Command| {
        let payload = mutant.payload(version);
        mutants.push((format!("{kind}: {what}"), Mutant { number: command.number, payload }));
    };
    for (at, (number, value)) in command.attributes.iter().enumerate() {
        let attribute = Attribute::from_number(*number).unwrap();
        let changed = |change: &dyn Fn(&mut Attributes)| {
            let mut mutant = command.clone();
            change(&mut mutant.attributes);
            mutant
        };
        let may_miss = [Attribute::Compression, Attribute::Encryption].contains(&attribute);
        if !may_miss {
            add(format!("no {attribute}"), &changed(&|all| drop(all.remove(at))));
        }
        add(format!("{attribute} twice"), &changed(&|all| all.insert(0, (*number, value.clone()))));
        if attribute.size().is_some() {
            add(
                format!("{attribute} too short"),
                &changed(&|all| all[at].1.truncate(value.len() - 1)),
            );
            add(format!("{attribute} too long"), &changed(&|all| all[at].1.push(0)));
            add(format!("{attribute} empty"), &changed(&|all| all[at].1.clear()));
        }
    }
    let strange = |number: u16, value: &[u8]| {
        let mut mutant = command.clone();
        mutant.attributes.insert(0, (number, value.to_vec()));
        mutant
    };
    add(
        "an attribute of another command".into(),
        &strange(Attribute::CloneOffset.number(), &[0; 8]),
    );
    for number in [0, 36, 255, u16::MAX] {
        add(format!("attribute {number}"), &strange(number, b"x"));
    }
    mutants.extend(broken(command, kind, version));
    mutants.retain(|(name, _)| name != "clone: an attribute of another command");
    mutants
}

/// Payloads whose lengths do not add up.
fn broken(command: &Command, kind: CommandKind, version: u32) -> Vec<(String, Mutant)> {
    let good = command.payload(version);
    let mutant = |what: &str, payload: Vec<u8>| {
        (format!("{kind}: {what}"), Mutant { number: command.number, payload })
    };
    let mut long = good.clone();
    long[2..4].fill(0xff);
    vec![
        mutant("no attributes", Vec::new()),
        mutant("an attribute longer than its command", long),
        mutant("one byte before", [&[0], &good[..]].concat()),
        mutant("a number without a length", [&good[..2], &[]].concat()),
    ]
}
