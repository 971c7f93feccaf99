//! Both ends of a connection in one process, or one end and a peer that is written out by hand.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, pipe_with};

use super::arriving::Arriving;
use super::channel::WINDOW;
use super::client::{Carrier, Client, Greeted};
use super::error::AgentError;
use super::frame::{Kind, LONGEST_DATA, encode};
use super::hello::{GREETING, hear, tell};
use super::input::Input;
use super::message::{Answer, Hello, Request};
use super::mux::{Ended, Mux};
use super::serve::{ServeOptions, serve};
use super::{Broken, Channel, Feature, Item, Packer, Packing, Passed, frame, message};
use crate::process::Feed;
use crate::sync::root::RootError;
use crate::{Cancel, Flow};

const SHORT: Duration = Duration::from_millis(600);
const LONG: Duration = Duration::from_secs(20);

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC).unwrap()
}

fn cancel() -> Cancel {
    Cancel::new().unwrap()
}

/// A side and the raw ends of the other one.
struct Raw {
    mux: Mux,
    from: File,
    to: File,
}

/// Starts the side that opens channels; the other is done by hand.
fn raw(patience: Duration) -> Raw {
    let ((a, b), (c, d)) = (pipe(), pipe());
    let cancel = cancel();
    let input = Input::new(Vec::new(), a, patience, &cancel);
    let output = Feed::new(d, &cancel).unwrap();
    let mux = Mux::start(input, output, None, &cancel).unwrap();
    Raw { mux, from: c.into(), to: b.into() }
}

/// Waits for the end of a connection.
fn end(mux: &Mux) -> Ended {
    let begin = Instant::now();
    while mux.ended().is_none() {
        assert!(begin.elapsed() < LONG, "it goes on");
        thread::sleep(Duration::from_millis(2));
    }
    mux.ended().unwrap()
}

/// Two sides; what the one opens, `work` serves, each on a thread of its own.
fn pair(patience: Duration, work: fn(Channel)) -> (Mux, Mux) {
    let ((a, b), (c, d)) = (pipe(), pipe());
    let cancel = cancel();
    let side = |from, to| {
        let input = Input::new(Vec::new(), from, patience, &cancel);
        (input, Feed::new(to, &cancel).unwrap())
    };
    let (input, output) = side(a, d);
    let one = Mux::start(input, output, None, &cancel).unwrap();
    let (input, output) = side(c, b);
    let accept = Box::new(move |channel| drop(thread::spawn(move || work(channel))));
    (one, Mux::start(input, output, Some(accept), &cancel).unwrap())
}

#[test]
fn silence_ends_it_and_whoever_waits_is_told() {
    let raw = raw(SHORT);
    let channel = raw.mux.open().unwrap();
    let error = channel.next(&cancel()).unwrap_err();
    assert!(matches!(error, Broken::Ended(Ended::Silent(SHORT))), "{error:?}");
    assert!(matches!(raw.mux.open(), Err(Broken::Ended(Ended::Silent(_)))));
    drop((raw.from, raw.to));
}

#[test]
fn silence_ends_it_also_while_somebody_waits_to_write() {
    let raw = raw(SHORT);
    let channel = raw.mux.open().unwrap();
    // More than the pipe holds, less than the window.
    let begin = Instant::now();
    let sent = channel.data(&[0; WINDOW / 2], &cancel());
    assert!(matches!(sent, Err(Broken::Ended(Ended::Silent(_)))), "{sent:?}");
    assert!(begin.elapsed() < 10 * SHORT);
    drop((raw.from, raw.to));
}

#[test]
fn work_that_takes_longer_than_the_patience_is_no_silence() {
    let (one, two) = pair(SHORT, |channel| {
        let _ = channel.next(channel.gone());
        thread::sleep(3 * SHORT);
        channel.message(b"done", channel.gone()).unwrap();
    });
    let channel = one.open().unwrap();
    channel.message(b"work", &cancel()).unwrap();
    assert_eq!(channel.next(&cancel()).unwrap(), Item::Message(b"done".to_vec()));
    assert_eq!((one.ended(), two.ended()), (None, None));
}

#[test]
fn any_byte_is_a_sign_of_life() {
    let mut raw = raw(SHORT);
    let frame = encode(Kind::Data, 1, &[7; 40]);
    let channel = raw.mux.open().unwrap();
    for byte in &frame {
        raw.to.write_all(&[*byte]).unwrap();
        thread::sleep(SHORT / 12);
    }
    assert_eq!(channel.next(&cancel()).unwrap(), Item::Data(vec![7; 40]));
    assert_eq!(raw.mux.ended(), None);
}

#[test]
fn a_channel_that_nobody_reads_holds_up_no_other() {
    let (one, _two) = pair(LONG, |channel| match channel.next(channel.gone()).unwrap() {
        Item::Message(word) if word == b"echo" => {
            let bytes = channel.next(channel.gone()).unwrap();
            let Item::Data(bytes) = bytes else { panic!("{bytes:?}") };
            channel.data(&bytes, channel.gone()).unwrap();
        }
        // Until it is closed.
        _ => while !channel.gone().is_cancelled_within(LONG) {},
    });
    let stuck = one.open().unwrap();
    stuck.message(b"stuck", &cancel()).unwrap();
    let stop = cancel();
    let full = thread::scope(|scope| {
        let filler = scope.spawn(|| {
            let mut sent = 0;
            while stuck.data(&[0; LONGEST_DATA], &stop).is_ok() {
                sent += LONGEST_DATA;
            }
            sent
        });
        let other = one.open().unwrap();
        other.message(b"echo", &stop).unwrap();
        other.data(b"abc", &stop).unwrap();
        assert_eq!(other.next(&stop).unwrap(), Item::Data(b"abc".to_vec()));
        thread::sleep(Duration::from_millis(100));
        stop.cancel();
        filler.join().unwrap()
    });
    assert!(full < WINDOW, "{full} bytes were sent without being granted");
}

#[test]
fn a_stream_of_many_windows_comes_whole() {
    let (one, _two) = pair(LONG, |channel| {
        let mut sum = 0;
        while let Ok(Item::Data(bytes)) = channel.next(channel.gone()) {
            sum += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        }
        channel.message(&sum.to_le_bytes(), channel.gone()).unwrap();
    });
    let channel = one.open().unwrap();
    let piece = vec![3; 100_000];
    (0..200).for_each(|_| channel.data(&piece, &cancel()).unwrap());
    channel.end(&cancel()).unwrap();
    let sum = 60_000_000_u64.to_le_bytes().to_vec();
    assert_eq!(channel.next(&cancel()).unwrap(), Item::Message(sum));
}

#[test]
fn who_breaks_the_rules_is_left() {
    let data = encode(Kind::Data, 1, &[0; LONGEST_DATA]);
    for bytes in [
        data.repeat(WINDOW / LONGEST_DATA + 1),
        encode(Kind::Data, 2, b"x"),
        encode(Kind::End, 1, b"").repeat(WINDOW / 32 + 1),
        [encode(Kind::Window, 1, &u32::MAX.to_le_bytes()[..3]), vec![0; 9]].concat(),
        vec![0xff; 9],
        b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec(),
    ] {
        let mut raw = raw(LONG);
        let _channel = raw.mux.open().unwrap();
        // It may be left before all was said.
        let _ = raw.to.write_all(&bytes);
        let end = end(&raw.mux);
        assert!(matches!(end, Ended::Broken(_)), "{end:?}");
    }
}

#[test]
fn a_block_comes_as_data_and_costs_what_it_was_on_the_way() {
    let mut raw = raw(LONG);
    let channel = raw.mux.open().unwrap();
    let text = b"as it was ".repeat(20_000);
    let body = zstd::bulk::compress(&text, 3).unwrap();
    // Many times the window, if it counted for what it becomes.
    for _ in 0..50 {
        raw.to.write_all(&encode(Kind::Packed, 1, &body)).unwrap();
        assert_eq!(channel.next(&cancel()).unwrap(), Item::Data(text.clone()));
    }
    assert_eq!(channel.carried().bytes(), 50 * body.len() as u64);
    assert_eq!(raw.mux.ended(), None);
}

#[test]
fn a_block_that_is_none_ends_the_connection() {
    let pack = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).unwrap();
    let (bomb, good) = (pack(&vec![0; 1 << 28]), pack(b"good"));
    assert!(bomb.len() < super::packing::BLOCK);
    for body in [&bomb[..], &good[..good.len() - 1], b"garbage", &good.repeat(2)[1..]] {
        let mut raw = raw(LONG);
        let channel = raw.mux.open().unwrap();
        raw.to.write_all(&encode(Kind::Packed, 1, body)).unwrap();
        let error = channel.next(&cancel()).unwrap_err();
        assert!(matches!(error, Broken::Ended(Ended::Broken(_))), "{error:?}");
        assert!(matches!(end(&raw.mux), Ended::Broken(_)));
    }
}

#[test]
fn packed_or_not_a_stream_comes_whole() {
    let (one, _two) = pair(LONG, |channel| {
        let mut hash = blake3::Hasher::new();
        while let Ok(Item::Data(bytes)) = channel.next(channel.gone()) {
            hash.update(&bytes);
        }
        channel.message(hash.finalize().as_bytes(), channel.gone()).unwrap();
    });
    let random = btrsync_testutil::Random::new(1).bytes(super::packing::BLOCK);
    let text = b"some text ".repeat(20_000);
    for packing in [Packing::Auto, Packing::Never, Packing::Zstd(1), Packing::Zstd(100)] {
        let (channel, mut packer) = (one.open().unwrap(), Packer::new(packing));
        let (mut hash, mut wire) = (blake3::Hasher::new(), 0);
        for block in [&random[..], &text, &text[..1500], &text[..3], &random, &text].repeat(10) {
            hash.update(block);
            wire += packer.send(&channel, block, &cancel()).unwrap();
        }
        channel.end(&cancel()).unwrap();
        let sum = hash.finalize().as_bytes().to_vec();
        assert_eq!(channel.next(&cancel()).unwrap(), Item::Message(sum), "{packing:?}");
        let all = 10 * (2 * random.len() + 2 * text.len() + 1503);
        assert_eq!(wire < all, matches!(packing, Packing::Zstd(_)), "{packing:?}: {wire}");
    }
}

/// Reads a flow from a channel to its end, and tells its hash; or the error.
fn arrive(channel: Channel) {
    let channel = std::sync::Arc::new(channel);
    let mut hash = blake3::Hasher::new();
    let word = match hash.update_reader(Arriving::new(&channel)) {
        Ok(_) => hash.finalize().as_bytes().to_vec(),
        Err(error) => error.to_string().into_bytes(),
    };
    let _ = channel.message(&word, &cancel());
}

/// A flow of these bytes, written in pieces of any length.
fn flowing(bytes: Vec<u8>) -> Flow {
    let (writer, flow) = Flow::pipe(&cancel()).unwrap();
    thread::spawn(move || {
        let mut random = btrsync_testutil::Random::new(2);
        let (mut writer, mut rest) = (File::from(writer), &bytes[..]);
        while !rest.is_empty() {
            let piece = 1 + random.below(rest.len().min(200_000) as u64) as usize;
            writer.write_all(&rest[..piece]).unwrap();
            rest = &rest[piece..];
        }
    });
    flow
}

#[test]
fn a_flow_comes_whole_whether_it_is_read_on_its_way_or_moved_from_pipe_to_pipe() {
    let (one, _two) = pair(LONG, arrive);
    let bytes = btrsync_testutil::Random::new(1).bytes(9 << 20);
    for (buffer, packing) in
        [(0, Packing::Never), (0, Packing::Auto), (0, Packing::Zstd(1)), (70_000, Packing::Never)]
    {
        let flow = flowing(bytes.clone());
        let is_moved = buffer == 0 && packing == Packing::Never;
        let mut flow = flow.through(buffer, None).unwrap();
        assert_eq!(flow.movable().unwrap().is_some(), buffer == 0);
        let (channel, mut packer) = (one.open().unwrap(), Packer::new(packing));
        let mut wire = 0;
        while let Passed::Sent(count) = packer.pass(&mut flow, &channel, &cancel()) {
            assert!(!is_moved || count <= LONGEST_DATA);
            wire += count;
        }
        channel.end(&cancel()).unwrap();
        let sum = blake3::hash(&bytes).as_bytes().to_vec();
        assert_eq!(channel.next(&cancel()).unwrap(), Item::Message(sum), "{buffer} {packing:?}");
        assert_eq!((wire, flow.counter().bytes()), (bytes.len(), bytes.len() as u64));
    }
}

#[test]
fn a_flow_that_breaks_off_has_no_end() {
    for (last, whole) in [(encode(Kind::End, 1, b""), true), (encode(Kind::Close, 1, b""), false)] {
        let mut raw = raw(LONG);
        let channel = std::sync::Arc::new(raw.mux.open().unwrap());
        raw.to.write_all(&[encode(Kind::Data, 1, b"a beginning"), last].concat()).unwrap();
        let read = Arriving::new(&channel).read_to_end(&mut Vec::new());
        match whole {
            true => assert_eq!(read.unwrap(), 11),
            false => assert!(crate::cancel::is_cancelled(&read.unwrap_err())),
        }
    }
}

#[test]
fn what_comes_for_a_closed_channel_is_passed_over() {
    let mut raw = raw(LONG);
    let closed = raw.mux.open().unwrap();
    drop(closed);
    let channel = raw.mux.open().unwrap();
    let late = [encode(Kind::Data, 1, b"late"), encode(Kind::Close, 1, b"")].concat();
    raw.to.write_all(&late).unwrap();
    raw.to.write_all(&encode(Kind::End, 2, b"")).unwrap();
    assert_eq!(channel.next(&cancel()).unwrap(), Item::End);
}

/// Says nothing, and is never asked.
#[derive(Debug)]
struct Nobody;

impl Carrier for Nobody {
    fn words(&mut self) -> String {
        String::new()
    }

    fn end(self: Box<Self>) {}
}

/// What a client makes of a server that says this.
fn client_of(bytes: Vec<u8>) -> Result<Client, RootError> {
    let ((a, b), (c, d)) = (pipe(), pipe());
    let server = thread::spawn(move || {
        File::from(b).write_all(&bytes).unwrap();
        let mut heard = Vec::new();
        File::from(c).read_to_end(&mut heard).unwrap();
    });
    let cancel = cancel();
    let input = Feed::new(d, &cancel).unwrap();
    let greeted = Greeted { early: Vec::new(), input, output: a, carrier: Box::new(Nobody) };
    let client = Client::start(greeted, "far", LONG, LONG, &cancel);
    drop(server);
    client
}

fn greeting(hello: &Hello) -> Vec<u8> {
    let mut bytes = b"Welcome to far!\n".to_vec();
    bytes.extend(GREETING);
    tell(&mut bytes, hello).unwrap();
    bytes
}

#[test]
fn a_server_of_the_next_minor_is_understood_and_one_of_another_major_is_named() {
    let hello = |major, minor| Hello { major, minor, ..Hello::ours(LONG) };
    for (major, minor) in [(1, 0), (1, 1)] {
        assert_eq!(client_of(greeting(&hello(major, minor))).unwrap().host(), "far");
    }
    for (major, minor) in [(1, 2), (2, 0), (0, 9)] {
        let error = client_of(greeting(&hello(major, minor))).unwrap_err();
        assert!(matches!(error, RootError::Agent(AgentError::Version { .. })), "{error}");
        let version =
            format!("on far speaks version {major}.{minor} of the protocol and this one 1.0");
        assert!(error.to_string().contains(&version), "{error}");
    }
}

#[test]
fn what_a_server_does_not_say_that_it_can_is_not_asked_of_it() {
    let client = |features: &[&str]| {
        let features = features.iter().map(|word| (*word).to_owned()).collect();
        client_of(greeting(&Hello { features, ..Hello::ours(LONG) })).unwrap()
    };
    let (sends, takes) = (Feature::SendsCompressed, Feature::TakesCompressed);
    let (none, one) = (client(&["flies"]), client(&["flies", "takes-compressed"]));
    assert!(!none.has(sends) && !none.has(takes));
    assert!(!one.has(sends) && one.has(takes));
}

#[test]
fn what_does_not_greet_is_no_btrsync() {
    let mut cut = greeting(&Hello::ours(LONG));
    cut.truncate(cut.len() - 1);
    for bytes in [b"sh: 1: btrsync: not found\n".to_vec(), cut, vec![b'x'; (1 << 20) + 1]] {
        let error = client_of(bytes).unwrap_err();
        assert!(matches!(error, RootError::Agent(AgentError::Absent { .. })), "{error}");
    }
}

/// What a server makes of a client that says this; and what it has said, behind its greeting.
fn server_of(bytes: &[u8]) -> (Result<(), AgentError>, Vec<u8>) {
    let ((a, b), (c, d)) = (pipe(), pipe());
    let mut said = BufReader::new(File::from(c));
    let options = ServeOptions { base: "/".into(), fence: None };
    let served = thread::spawn(move || serve(a, d, options, &Cancel::new().unwrap()));
    let mut before = vec![0; GREETING.len()];
    said.read_exact(&mut before).unwrap();
    assert_eq!(before, GREETING);
    hear(&mut said).unwrap();
    let mut to = File::from(b);
    // It may have left already.
    let _ = to.write_all(bytes);
    drop(to);
    let mut rest = Vec::new();
    said.read_to_end(&mut rest).unwrap();
    (served.join().unwrap(), rest)
}

fn from_client(frames: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    tell(&mut bytes, &Hello::ours(LONG)).unwrap();
    [&bytes, frames].concat()
}

#[test]
fn a_server_leaves_a_client_that_it_does_not_understand() {
    let mut other = Vec::new();
    tell(&mut other, &Hello { major: 9, ..Hello::ours(LONG) }).unwrap();
    let (ended, _) = server_of(&other);
    assert!(matches!(ended, Err(AgentError::Version { .. })), "{ended:?}");
    for bytes in [b"rm -rf /\n".to_vec(), vec![0; 64], from_client(&[0xff; 64])] {
        let (ended, said) = server_of(&bytes);
        assert!(matches!(ended, Err(AgentError::Garbled { .. })), "{ended:?}");
        assert_eq!(said, b"");
    }
}

#[test]
fn a_server_answers_what_it_does_not_know_and_goes_on() {
    let frames = [
        encode(Kind::Message, 1, &message::encode(&"Explode").unwrap()),
        encode(Kind::Message, 2, &message::encode(&Request::List { root: 7 }).unwrap()),
        encode(Kind::Message, 3, &[0xc1; 100]),
        encode(Kind::Data, 4, b"data first"),
        encode(Kind::Message, 5, &message::encode(&Request::Ping).unwrap()),
    ];
    let ((a, b), (c, d)) = (pipe(), pipe());
    let (mut said, mut to) = (BufReader::new(File::from(c)), File::from(b));
    let options = ServeOptions { base: "/".into(), fence: None };
    let served = thread::spawn(move || serve(a, d, options, &Cancel::new().unwrap()));
    said.read_exact(&mut vec![0; GREETING.len()]).unwrap();
    hear(&mut said).unwrap();
    to.write_all(&from_client(&frames.concat())).unwrap();
    let mut answers = BTreeMap::new();
    while answers.len() < frames.len() {
        let frame = frame::read(&mut said).unwrap().unwrap();
        if frame.kind == Kind::Message {
            answers.insert(frame.channel, message::decode::<Answer>(&frame.body).unwrap());
        }
    }
    drop(to);
    assert_eq!(served.join().unwrap(), Ok(()));
    assert_eq!(answers.remove(&5), Some(Answer::Done));
    assert!(answers.values().all(|answer| matches!(answer, Answer::Failed(_))), "{answers:?}");
}
