//! The cases, by what they try. Each group is a function from the place to streams, for some name
//! what stands there.

mod attributes;
mod clones;
mod damage;
mod encoded;
mod frames;
mod links;
mod load;
mod paths;
mod special;
mod subvolumes;
mod values;
mod verbs;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use self::verbs::{Needs, VERBS, Verb};
use crate::stream::Command;

pub(crate) use attributes::attributes;
pub(crate) use clones::clones;
pub(crate) use damage::damage;
pub(crate) use encoded::encoded;
pub(crate) use frames::frames;
pub(crate) use links::links;
pub(crate) use load::load;
pub(crate) use paths::paths;
pub(crate) use special::special;
pub(crate) use subvolumes::subvolumes;
pub(crate) use values::values;

/// Every command that touches a path, each on an entry of a directory that looks like one of the
/// victims' directories.
pub(crate) fn every_verb(dir: &str) -> Vec<(&'static str, Command)> {
    let leaf = |verb: &Verb| match verb.needs {
        Needs::File => "victim",
        Needs::Nothing => "planted",
        Needs::EmptyDirectory => "empty",
    };
    let on = |verb: &Verb| (verb.on)(format!("{dir}/{}", leaf(verb)).as_bytes());
    VERBS.iter().map(|verb| (verb.name, on(verb))).collect()
}

/// Compares a file with what it should hold.
fn file_is(root: &Path, path: impl AsRef<[u8]>, content: &[u8]) -> Result<(), String> {
    let path = root.join(std::ffi::OsStr::from_bytes(path.as_ref()));
    match fs::read(&path) {
        Ok(found) if found == content => Ok(()),
        Ok(found) => Err(format!("{} holds {} other bytes", path.display(), found.len())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Turns a condition into the verdict of a check.
fn ensure(holds: bool, what: &str) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| format!("the result is not: {what}"))
}

/// Asks for nothing but success.
fn anything(_: &Path) -> Result<(), String> {
    Ok(())
}
