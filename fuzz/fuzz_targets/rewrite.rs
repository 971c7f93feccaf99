//! A subvolume under another name: the stream is read as before, with that name and nothing else changed.

#![no_main]

use btrsync_fuzz::sealed;
use btrsync_stream::{Command, Frame, FrameReader, rewrite_subvolume_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((len, rest)) = input.split_first() else { return };
    let (name, rest) = rest.split_at(rest.len().min((*len).into()));
    let stream = sealed(rest);
    let mut reader = FrameReader::new(&stream[..]);
    while let Ok(Some(frame)) = reader.next_frame() {
        check(&frame, name);
    }
});

fn check(frame: &Frame<'_>, name: &[u8]) {
    let Ok(renamed) = rewrite_subvolume_name(frame, name) else {
        // It refuses nothing that a receiver would take.
        assert!(!frame.kind().names_subvolume() || Command::decode(frame).is_err());
        return;
    };
    assert!(frame.kind().names_subvolume());
    let header = btrsync_stream::Header { version: frame.version() };
    let stream = [&header.encode()[..], &renamed].concat();
    let mut reader = FrameReader::new(&stream[..]);
    let again = reader.next_frame().expect("a checksum that holds").expect("not the end");
    match (Command::decode(frame), Command::decode(&again)) {
        (Ok(before), Ok(after)) => assert_eq!(named(before, name), after),
        (before, after) => assert_eq!(before.is_err(), after.is_err()),
    }
}

/// The command with another name.
fn named<'a>(command: Command<'a>, path: &'a [u8]) -> Command<'a> {
    match command {
        Command::Subvol { uuid, ctransid, .. } => Command::Subvol { path, uuid, ctransid },
        Command::Snapshot { uuid, ctransid, clone_uuid, clone_ctransid, .. } => {
            Command::Snapshot { path, uuid, ctransid, clone_uuid, clone_ctransid }
        }
        other => other,
    }
}
