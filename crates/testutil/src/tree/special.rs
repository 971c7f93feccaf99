//! FIFO, socket and device nodes, with the largest numbers that a stream can carry.

use std::path::Path;

use rustix::fs::FileType;

use super::raw;

pub(super) fn populate(dir: &Path) {
    let nodes = [
        ("fifo", FileType::Fifo, (0, 0)),
        ("socket", FileType::Socket, (0, 0)),
        ("null", FileType::CharacterDevice, (1, 3)),
        ("largest-char", FileType::CharacterDevice, (4095, 1_048_575)),
        ("large-block", FileType::BlockDevice, (2748, 703_710)),
        ("first-block", FileType::BlockDevice, (7, 0)),
    ];
    for (name, kind, numbers) in nodes {
        raw::node(&dir.join(name), kind, numbers);
    }
    raw::link(&dir.join("fifo"), &dir.join("fifo-linked"));
}
