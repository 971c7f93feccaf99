//! The memory of a flow with a buffer: what was asked for, and a little. By itself in its process,
//! whose memory is measured.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::time::Duration;

use btrsync::{Cancel, Flow};

const MIB: usize = 1 << 20;
const BUFFER: usize = 32 * MIB;
/// The pieces under way, and what the allocator keeps.
const BESIDE: usize = 2 * MIB;

/// What this process has in memory, in bytes.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// Writes 256 MiB through a flow, as fast as it takes them.
fn fast_writer(writer: File, piece: Vec<u8>) {
    std::thread::spawn(move || {
        let mut writer = writer;
        (0..256).try_for_each(|_| writer.write_all(&piece)).unwrap();
    });
}

#[test]
fn a_slow_reader_and_a_fast_writer_fill_the_buffer_and_no_more() {
    let (mut piece, fill) = (vec![0; MIB], vec![1; MIB]);
    let cancel = Cancel::new().unwrap();
    let before = resident();
    let (writer, flow) = Flow::pipe(&cancel).unwrap();
    let mut flow = flow.through(BUFFER, None).unwrap();
    fast_writer(writer.into(), fill);
    let mut most = 0;
    for _ in 0..256 {
        flow.read_exact(&mut piece).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        most = most.max(resident() - before);
    }
    assert_eq!(flow.read(&mut piece).unwrap(), 0);
    assert!(most > BUFFER / 2, "it was never filled: {most}");
    assert!(most < BUFFER + BESIDE, "{most} bytes for {BUFFER}");
}
