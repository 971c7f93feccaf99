//! Whether a stream can be applied at all: every name that it moves must be there at that point.
//!
//! Now and then send (as of Linux 6.18) gives the wrong path to what lies below directories that trade
//! places with their own parents. Such a stream has no right result, only a right failure. This replays
//! the names alone, so that nothing else can be excused with it.

use std::collections::BTreeSet;
use std::fs::File;

use btrsync::stream::{Command, FrameReader};
use btrsync_testutil::Tree;

type Names = BTreeSet<Vec<u8>>;

/// Returns the first command of a stream that names what is not there, or what is there already.
pub(crate) fn impossible(stream: File, parent: Option<&Tree>) -> Option<String> {
    let mut names: Names =
        parent.map_or_else(Names::new, |tree| tree.paths().map(<[u8]>::to_vec).collect());
    names.insert(Vec::new());
    let mut frames = FrameReader::new(std::io::BufReader::new(stream));
    while let Some(frame) = frames.next_frame().expect("the kernel's frames are valid") {
        let command = Command::decode(&frame).expect("the kernel's commands are valid");
        if replay(&mut names, &command).is_none() {
            return Some(format!("byte {}: {command:?}", frame.offset()));
        }
    }
    None
}

/// Changes the names as a command does; returns nothing where it cannot.
fn replay(names: &mut Names, command: &Command<'_>) -> Option<()> {
    match command {
        Command::Mkfile { path, .. }
        | Command::Mkdir { path, .. }
        | Command::Mknod { path, .. }
        | Command::Mkfifo { path, .. }
        | Command::Mksock { path, .. }
        | Command::Symlink { path, .. } => create(names, path),
        Command::Link { path, existing } => {
            names.contains(*existing).then_some(())?;
            create(names, path)
        }
        Command::Unlink { path } | Command::Rmdir { path } => names.remove(*path).then_some(()),
        Command::Rename { path, to } => rename(names, path, to),
        _ => Some(()),
    }
}

fn create(names: &mut Names, path: &[u8]) -> Option<()> {
    let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    (names.contains(&path[..slash]) && names.insert(path.to_vec())).then_some(())
}

fn rename(names: &mut Names, from: &[u8], to: &[u8]) -> Option<()> {
    names.contains(from).then_some(())?;
    create(names, to)?;
    names.remove(from);
    let inside = [from, b"/"].concat();
    let moved: Vec<Vec<u8>> =
        names.iter().filter(|name| name.starts_with(&inside)).cloned().collect();
    for name in moved {
        names.remove(&name);
        names.insert([to, &name[from.len()..]].concat());
    }
    Some(())
}
