//! The `btrfs` program, one function per subcommand.
//!
//! The hazard is an oracle that shares code with what it judges: these go through btrfs-progs,
//! never through btrsync. All of them panic with the program's own message when it fails.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::command::{output, output_with_input, program};

fn command(words: &[&str]) -> Command {
    let mut command = program("btrfs");
    command.args(words);
    command
}

#[track_caller]
fn run(command: &mut Command) -> Vec<u8> {
    output(command).unwrap_or_else(|error| panic!("{error}"))
}

/// Creates a subvolume.
#[track_caller]
pub fn create_subvolume(path: &Path) {
    run(command(&["subvolume", "create", "--"]).arg(path));
}

/// Takes a read-only snapshot of `source` under the full path `snapshot`.
#[track_caller]
pub fn snapshot_ro(source: &Path, snapshot: &Path) {
    run(command(&["subvolume", "snapshot", "-r", "--"]).arg(source).arg(snapshot));
}

/// Takes a writable snapshot of `source` under the full path `snapshot`.
#[track_caller]
pub fn snapshot_rw(source: &Path, snapshot: &Path) {
    run(command(&["subvolume", "snapshot", "--"]).arg(source).arg(snapshot));
}

/// Deletes a subvolume.
#[track_caller]
pub fn delete(path: &Path) {
    run(command(&["subvolume", "delete", "--"]).arg(path));
}

/// Makes a subvolume read-only or writable, also one that was received.
#[track_caller]
pub fn set_ro(path: &Path, read_only: bool) {
    let value = if read_only { "true" } else { "false" };
    run(command(&["property", "set", "-f", "-t", "subvol"]).arg(path).args(["ro", value]));
}

/// Commits the filesystem to its device.
#[track_caller]
pub fn sync(path: &Path) {
    run(command(&["filesystem", "sync"]).arg(path));
}

/// Returns the send stream (version 1) of a read-only snapshot, incremental if a parent is given.
#[track_caller]
#[must_use]
pub fn send(snapshot: &Path, parent: Option<&Path>) -> Vec<u8> {
    let mut command = command(&["send", "-q"]);
    if let Some(parent) = parent {
        command.arg("-p").arg(parent);
    }
    run(command.arg(snapshot))
}

/// Receives a send stream into a directory.
#[track_caller]
pub fn receive(stream: &[u8], into: &Path) {
    output_with_input(command(&["receive", "-q"]).arg(into), stream)
        .unwrap_or_else(|error| panic!("{error}"));
}

/// What `btrfs subvolume show` prints, as raw text by key.
#[derive(Clone, Debug)]
pub struct Show {
    fields: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Show {
    /// Returns the value of a key (`UUID`, `Generation`, ...), or none when it is not printed.
    #[must_use]
    pub fn raw(&self, key: impl AsRef<OsStr>) -> Option<&[u8]> {
        self.fields.get(key.as_ref().as_encoded_bytes()).map(Vec::as_slice)
    }

    /// Returns the value of a key as text; panics when there is none, or it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn get(&self, key: &str) -> &str {
        let value = self.raw(key).unwrap_or_else(|| panic!("no {key:?} in {self:?}"));
        std::str::from_utf8(value).expect("a value in UTF-8")
    }

    /// Tells whether the flags say read-only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.get("Flags").contains("readonly")
    }

    fn parse(text: &[u8]) -> Self {
        Self { fields: text.split(|byte| *byte == b'\n').filter_map(field).collect() }
    }
}

fn field(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (key, value) = (&line[..colon], &line[colon + 1..]);
    // The first line is the path, the only one that is not indented.
    key.starts_with(b"\t").then(|| (key.trim_ascii().to_vec(), value.trim_ascii().to_vec()))
}

/// Runs `btrfs subvolume show`.
#[track_caller]
#[must_use]
pub fn show(path: &Path) -> Show {
    Show::parse(&run(command(&["subvolume", "show", "--"]).arg(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn show_is_read_by_key() {
        let show =
            Show::parse(b"a:b\n\tName: \t\t\tx\xff:y\n\tUUID: \t\t\tabc\n\tFlags:\treadonly\n");
        assert_eq!(show.raw("Name"), Some(&b"x\xff:y"[..]));
        assert_eq!(show.get("UUID"), "abc");
        assert!(show.is_read_only());
        assert_eq!(show.raw("a"), None);
    }
}
