//! A hostile stream: whatever decodes must encode to a frame that decodes to the same command, and nothing panics.
//!
//! The checksum of every frame is put right first, else no input would get behind it.

#![no_main]

use btrsync_stream::{
    COMMAND_HEADER_LEN, Command, FrameReader, HEADER_LEN, Header, Version, rewrite_subvolume_name,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drain(input);
    if let Some((first, rest)) = input.split_first() {
        let version = Version::ALL[usize::from(*first) % Version::ALL.len()];
        drain(&repaired(version, rest));
    }
});

/// Reads to the end or the first error.
fn drain(bytes: &[u8]) {
    let mut reader = FrameReader::new(bytes);
    while let Ok(Some(frame)) = reader.next_frame() {
        let Ok(command) = Command::decode(&frame) else { continue };
        let again = recoded(&command, frame.version(), frame.kind().names_subvolume());
        assert_eq!(again.len(), frame.raw().len());
        if frame.kind().names_subvolume() {
            assert!(rewrite_subvolume_name(&frame, b"name").is_ok());
        }
    }
}

/// Encodes a command, and checks that it decodes to what it was.
fn recoded(command: &Command<'_>, version: Version, opens: bool) -> Vec<u8> {
    let mut stream = Header { version }.encode().to_vec();
    if !opens {
        let subvol = Command::Subvol { path: b"", uuid: Default::default(), ctransid: 0 };
        subvol.encode(version, &mut stream).expect("a small command");
    }
    let start = stream.len();
    command.encode(version, &mut stream).expect("what was decoded can be encoded");
    let mut reader = FrameReader::new(&stream[..]);
    if !opens {
        reader.next_frame().expect("the subvol command");
    }
    let frame = reader.next_frame().expect("a frame").expect("not the end");
    assert_eq!(Command::decode(&frame).as_ref().ok(), Some(command));
    stream.split_off(start)
}

/// A stream whose frames are cut from `rest` (number, length, payload) and sealed by a checksum that holds.
fn repaired(version: Version, mut rest: &[u8]) -> Vec<u8> {
    let mut stream = Header { version }.encode().to_vec();
    debug_assert_eq!(stream.len(), HEADER_LEN);
    while let Some(([number, length], tail)) = rest.split_first_chunk() {
        let (payload, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        let start = stream.len();
        stream.extend((payload.len() as u32).to_le_bytes());
        stream.extend([number % 32, 0, 0, 0, 0, 0]);
        stream.extend(payload);
        let crc = !crc32c::crc32c_append(!0, &stream[start..]);
        stream[start + 6..start + COMMAND_HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
        rest = tail;
    }
    stream
}
