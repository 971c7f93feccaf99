//! A flow with a buffer and a limit in it: what goes in comes out, at the rate, and each end ends the
//! other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use btrsync::{Cancel, Flow, Limit};
use proptest::prelude::*;

const SOON: Duration = Duration::from_secs(2);

/// A flow and its writing end.
fn flow(buffer: usize, limit: Option<&Limit>) -> (OwnedFd, Flow, Cancel) {
    let cancel = Cancel::new().unwrap();
    let (writer, flow) = Flow::pipe(&cancel).unwrap();
    (writer, flow.through(buffer, limit).unwrap(), cancel)
}

/// Writes for as long as anybody reads; returns how that ended.
fn write_on(writer: OwnedFd) -> JoinHandle<ErrorKind> {
    thread::spawn(move || {
        let (mut pipe, piece) = (File::from(writer), vec![7; 64 * 1024]);
        loop {
            if let Err(error) = pipe.write_all(&piece) {
                return error.kind();
            }
        }
    })
}

#[track_caller]
fn ends_soon<T>(thread: JoinHandle<T>) -> T {
    let begin = Instant::now();
    while !thread.is_finished() {
        assert!(begin.elapsed() < SOON, "it goes on");
        thread::sleep(Duration::from_millis(5));
    }
    thread.join().unwrap()
}

/// Waits until nothing more is written: everything on the way is full.
fn let_fill() {
    thread::sleep(Duration::from_millis(300));
}

/// The bytes in a second that come out over some time.
fn measure(flow: &mut Flow, time: Duration) -> f64 {
    let (begin, counter) = (Instant::now(), flow.counter());
    let mut buffer = vec![0; 256 * 1024];
    while begin.elapsed() < time {
        assert!(flow.read(&mut buffer).unwrap() > 0);
    }
    counter.bytes() as f64 / begin.elapsed().as_secs_f64()
}

#[test]
fn the_rate_is_kept_with_a_buffer_and_without() {
    for (rate, buffer) in [(300_000, 0), (20_000_000, 0), (300_000, 1 << 20), (20_000_000, 1 << 20)]
    {
        let limit = Limit::new(rate);
        let (writer, mut flow, _cancel) = flow(buffer, Some(&limit));
        let writing = write_on(writer);
        let measured = measure(&mut flow, Duration::from_secs(3));
        assert!((measured / rate as f64 - 1.0).abs() < 0.1, "{measured} for {rate}, {buffer}");
        drop(flow);
        assert_eq!(ends_soon(writing), ErrorKind::BrokenPipe);
    }
}

#[test]
fn flows_that_share_a_limit_keep_it_together() {
    let limit = Limit::new(2_000_000);
    let reading: Vec<_> = (0..3)
        .map(|_| {
            let (writer, mut flow, cancel) = flow(1 << 20, Some(&limit));
            write_on(writer);
            thread::spawn(move || (measure(&mut flow, Duration::from_secs(3)), cancel).0)
        })
        .collect();
    let all: f64 = reading.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!((all / 2_000_000.0 - 1.0).abs() < 0.1, "{all}");
}

#[test]
fn what_comes_after_a_pause_is_no_burst() {
    let limit = Limit::new(4_000_000);
    for buffer in [0, 8 << 20] {
        let (writer, mut flow, _cancel) = flow(buffer, Some(&limit));
        write_on(writer);
        thread::sleep(Duration::from_secs(1));
        let measured = measure(&mut flow, Duration::from_secs(1));
        assert!(measured < 4_000_000.0 * 1.25, "{measured} with {buffer}");
    }
}

#[test]
fn a_buffer_lets_the_sender_go_on_and_holds_no_more() {
    let (pipe, buffer) = (1 << 20, 3 << 20);
    let (writer, mut flow, cancel) = flow(buffer, None);
    let size = pipe + buffer;
    // It comes to the end although nobody reads.
    let writing = thread::spawn(move || {
        let mut pipe = File::from(writer);
        pipe.write_all(&vec![1; size]).map(|()| pipe)
    });
    let rest = write_on(ends_soon(writing).unwrap().into());
    let_fill();
    assert!(!rest.is_finished());
    let mut out = vec![0; size];
    flow.read_exact(&mut out).unwrap();
    assert!(out.iter().all(|byte| *byte == 1));
    assert_eq!(flow.counter().bytes(), size as u64, "counted once");
    cancel.cancel();
    drop(flow);
    ends_soon(rest);
}

#[test]
fn a_reader_that_leaves_ends_the_writer() {
    let slow = Limit::new(1);
    for (buffer, limit) in [(0, None), (1 << 20, None), (1 << 20, Some(&slow))] {
        let (writer, flow, _cancel) = flow(buffer, limit);
        let writing = write_on(writer);
        let_fill();
        drop(flow);
        assert_eq!(ends_soon(writing), ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_writer_that_leaves_ends_the_reader_behind_the_last_byte() {
    for buffer in [0, 100, 1 << 20] {
        let (writer, mut flow, _cancel) = flow(buffer, None);
        let reading = thread::spawn(move || {
            let mut out = Vec::new();
            flow.read_to_end(&mut out).unwrap();
            (out, flow.read(&mut [0]).unwrap())
        });
        thread::sleep(Duration::from_millis(50));
        File::from(writer).write_all(&[5; 1000]).unwrap();
        assert_eq!(ends_soon(reading), (vec![5; 1000], 0));
    }
}

#[test]
fn a_source_that_fails_is_told_behind_what_came_before() {
    let cancel = Cancel::new().unwrap();
    let directory = File::open("/").unwrap();
    let mut flow = Flow::new(directory.into(), &cancel).through(1000, None).unwrap();
    assert_eq!(flow.read(&mut [0]).unwrap_err().kind(), ErrorKind::IsADirectory);
}

#[test]
fn cancelled_it_ends_at_once_whatever_it_waits_for() {
    let slow = Limit::new(1);
    for (buffer, limit, full) in [
        (0, None, false),
        (0, Some(&slow), true),
        (1 << 20, None, false),
        (1 << 20, None, true),
        (1 << 20, Some(&slow), true),
    ] {
        let (writer, mut flow, cancel) = flow(buffer, limit);
        // Nobody writes into the pipe that is not to fill.
        let (writing, _open) =
            if full { (Some(write_on(writer)), None) } else { (None, Some(writer)) };
        let_fill();
        let reading = thread::spawn(move || flow.read_to_end(&mut Vec::new()).map_err(drop));
        thread::sleep(Duration::from_millis(50));
        cancel.cancel();
        assert_eq!(ends_soon(reading), Err(()));
        if let Some(writing) = writing {
            assert_eq!(ends_soon(writing), ErrorKind::BrokenPipe);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the sizes of the pieces are, the bytes are those that went in.
    #[test]
    fn no_byte_is_changed(
        buffer in prop_oneof![Just(0usize), 1..5000usize, Just(1 << 20)],
        writes in prop::collection::vec(1..9000usize, 0..60),
        reads in prop::collection::vec(1..9000usize, 1..20),
        rate in prop::option::of(1_000_000..100_000_000u64),
    ) {
        let limit = rate.map(Limit::new);
        let (writer, mut flow, _cancel) = flow(buffer, limit.as_ref());
        let bytes: Vec<u8> = (0..writes.iter().sum()).map(|at: usize| ((at * 31) >> 3) as u8).collect();
        let (sent, mut rest) = (bytes.clone(), writes);
        let writing = thread::spawn(move || {
            let (mut pipe, mut at) = (File::from(writer), 0);
            for size in rest.drain(..) {
                pipe.write_all(&sent[at..at + size]).unwrap();
                at += size;
            }
        });
        let mut out = Vec::new();
        for size in reads.iter().cycle() {
            let mut piece = vec![0; *size];
            let count = flow.read(&mut piece).unwrap();
            out.extend_from_slice(&piece[..count]);
            if count == 0 {
                break;
            }
        }
        writing.join().unwrap();
        prop_assert_eq!(flow.counter().bytes(), bytes.len() as u64);
        prop_assert!(out == bytes);
    }
}
