//! A client that is written out by hand: it says whatever it is told to.

use std::collections::HashMap;
use std::fmt;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::Keys;

const GREETING: &[u8] = b"\nbtrsync speaks frames\n";
const MESSAGE: u8 = 0;
const DATA: u8 = 1;
const END: u8 = 2;
const CLOSE: u8 = 3;

/// A connection to the server of a key.
pub(crate) struct Peer {
    ssh: Child,
    to: ChildStdin,
    from: ChildStdout,
    last: u32,
    /// What came for channels that nobody has asked for yet.
    early: HashMap<u32, Vec<Value>>,
}

impl Peer {
    #[track_caller]
    pub(crate) fn new(keys: &Keys) -> Self {
        let mut ssh = keys.sides.near().command("ssh");
        ssh.args(["far", "btrsync serve"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut ssh = ssh.spawn().unwrap();
        let (to, mut from) = (ssh.stdin.take().unwrap(), ssh.stdout.take().unwrap());
        let mut greeting = vec![0; GREETING.len()];
        from.read_exact(&mut greeting).unwrap();
        assert_eq!(greeting, GREETING);
        let mut peer = Self { ssh, to, from, last: 0, early: HashMap::new() };
        let (kind, channel, _) = peer.frame().unwrap();
        assert_eq!((kind, channel), (MESSAGE, 0));
        peer.send(MESSAGE, 0, &encoded(&json!({"major": 1, "minor": 0, "patience_ms": 60_000})));
        peer
    }

    fn send(&mut self, kind: u8, channel: u32, body: &[u8]) {
        let mut bytes = (body.len() as u32).to_le_bytes().to_vec();
        bytes.extend(channel.to_le_bytes());
        bytes.push(kind);
        bytes.extend(body);
        self.to.write_all(&bytes).unwrap();
    }

    fn frame(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.from.read_exact(&mut head).ok()?;
        let length = u32::from_le_bytes(head[..4].try_into().unwrap());
        let mut body = vec![0; length as usize];
        self.from.read_exact(&mut body).unwrap();
        Some((head[8], u32::from_le_bytes(head[4..8].try_into().unwrap()), body))
    }

    /// Opens a channel with these bytes, and leaves it open.
    pub(crate) fn open(&mut self, request: &[u8]) -> u32 {
        self.last += 1;
        self.send(MESSAGE, self.last, request);
        self.last
    }

    /// The next message on a channel; none where it is closed without one.
    #[track_caller]
    pub(crate) fn answer(&mut self, wanted: u32) -> Value {
        loop {
            if let Some(early) = self.early.get_mut(&wanted).filter(|early| !early.is_empty()) {
                return early.remove(0);
            }
            let (kind, channel, body) = self.frame().expect("the connection has ended");
            match kind {
                MESSAGE => {
                    let Answer(answer) = rmp_serde::from_slice(&body).unwrap();
                    self.early.entry(channel).or_default().push(answer);
                }
                CLOSE if channel == wanted => return Value::Null,
                _ => {}
            }
        }
    }

    /// Asks for something, as JSON; bytes are lists of numbers.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &Value) -> Value {
        let channel = self.open(&encoded(request));
        self.answer(channel)
    }

    /// Makes a root, which stays.
    #[track_caller]
    pub(crate) fn root(&mut self, path: &[u8]) -> u32 {
        let options = json!({"scope": "All", "readonly": true, "create_recvpath": true});
        let channel = self.open(&encoded(&json!({"Root": {"path": path, "options": options}})));
        let answer = self.answer(channel);
        assert!(answer.get("Root").is_some(), "{answer}");
        channel
    }

    /// The subvolumes of a root.
    #[track_caller]
    pub(crate) fn list(&mut self, root: u32) -> Vec<Value> {
        let channel = self.open(&encoded(&json!({"List": {"root": root}})));
        let mut vols = Vec::new();
        loop {
            match self.answer(channel) {
                Value::String(done) if done == "Done" => return vols,
                answer => vols.extend(answer["Vols"].as_array().expect("a list").iter().cloned()),
            }
        }
    }

    /// Sends a stream on a channel.
    pub(crate) fn stream(&mut self, channel: u32, bytes: &[u8]) {
        bytes.chunks(64 * 1024).for_each(|chunk| self.send(DATA, channel, chunk));
        self.send(END, channel, b"");
    }
}

pub(crate) fn encoded(value: &Value) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

/// An answer as JSON, in which bytes are lists of numbers.
struct Answer(Value);

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Answer(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some((key, Answer(value))) = map.next_entry()? {
            object.insert(key, value);
        }
        Ok(object.into())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}
