//! A hostile stream: nothing panics, and whatever decodes encodes to a frame that decodes to the same command.

#![no_main]

use btrsync_fuzz::{opened, sealed};
use btrsync_stream::{Command, FrameReader, Version};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drain(input);
    drain(&sealed(input));
});

/// Reads to the end or the first error.
fn drain(bytes: &[u8]) {
    let mut reader = FrameReader::new(bytes);
    while let Ok(Some(frame)) = reader.next_frame() {
        let Ok(command) = Command::decode(&frame) else { continue };
        assert_eq!(recoded(&command, frame.version()).len(), frame.raw().len());
    }
}

/// Encodes a command, and checks that it decodes to what it was.
fn recoded(command: &Command<'_>, version: Version) -> Vec<u8> {
    let mut stream = opened(version);
    let start = stream.len();
    command.encode(version, &mut stream).expect("what was decoded can be encoded");
    let mut reader = FrameReader::new(&stream[..]);
    reader.next_frame().expect("the subvol command");
    let frame = reader.next_frame().expect("a frame").expect("not the end");
    assert_eq!(Command::decode(&frame).as_ref().ok(), Some(command));
    stream.split_off(start)
}
