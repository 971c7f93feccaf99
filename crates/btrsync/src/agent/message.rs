//! What the two sides say to each other.
//!
//! A message names its fields, so that a version can add some which the other one passes over. What
//! it does not know at all, a server answers with a failure, and a client takes for an end.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::frame::LONGEST_MESSAGE;
use super::value::{
    Arrived, Begins, Bytes, Counts, Form, Impossible, Left, Measured, Meta, Options, Pack, Part,
    Room, Seen, Vol, Waiting,
};
use crate::sync::root::Facts;

/// The first message of each side.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Hello {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    /// The version of the program, for people.
    pub(crate) program: String,
    /// What it can do beyond what the version says.
    pub(crate) features: Vec<String>,
    /// After how much silence it gives the other side up, in milliseconds.
    pub(crate) patience_ms: u64,
    /// What the server allows, where that is not everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allowed: Option<Vec<String>>,
}

/// What a client wants; the first message of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Nothing but an answer.
    Ping,
    /// What stands at a path?
    Look {
        path: Bytes,
    },
    /// What is known of the machine, and of a place on it? For those that have the word `examine`.
    Examine {
        path: Option<Bytes>,
    },
    /// Makes a root, which lives as long as the channel, and is named by its number.
    Root {
        path: Bytes,
        options: Options,
    },
    List {
        root: u32,
    },
    Show {
        root: u32,
        path: Bytes,
    },
    Occupied {
        root: u32,
        paths: Vec<Bytes>,
    },
    Lock {
        root: u32,
        path: Bytes,
    },
    Sweep {
        root: u32,
        path: Bytes,
    },
    /// What of streams was received in a directory by runs that were interrupted?
    Partial {
        root: u32,
        path: Bytes,
    },
    /// Answered by `Started`, the stream as data, and `Done`.
    Send {
        root: u32,
        vols: Vec<Vol>,
        parent: Option<Vol>,
        clones: Vec<Vol>,
        /// What the receiver has of each stream, and may be left out.
        #[serde(default)]
        skip: Begins,
        #[serde(default)]
        form: Form,
        /// Whether the data comes compressed.
        #[serde(default)]
        pack: Pack,
    },
    /// How many bytes would a send have? Answered by `Measured`, also as soon as the client has said `Enough`.
    Estimate {
        root: u32,
        vols: Vec<Vol>,
        parent: Option<Vol>,
        clones: Vec<Vol>,
        #[serde(default)]
        form: Form,
    },
    /// What was measured until now is enough.
    Enough,
    /// What room is there for what is received into a directory?
    Space {
        root: u32,
        path: Bytes,
    },
    /// What have interrupted runs left? Answered by `Leftovers` as often as needed, then `Done`.
    Leftovers {
        root: u32,
        path: Bytes,
    },
    /// Removes something of that.
    Remove {
        root: u32,
        left: Left,
    },
    /// Answered by `Started`; then the client sends the stream as data, and gets `Received`.
    Receive {
        root: u32,
        path: Bytes,
        meta: Meta,
    },
    /// Answered by `Digested`; then the channel takes `Children`.
    Digest {
        root: u32,
        vol: Vol,
        counts: Counts,
    },
    /// As `Receive`, answered as `Digest`.
    Replay {
        root: u32,
        path: Bytes,
        meta: Meta,
        counts: Counts,
    },
    /// The entries below a directory that was told of on this channel; answered by data.
    Children {
        entry: Bytes,
    },
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    /// What was asked for has begun. Of each stream that is sent, so much is left out behind the first
    /// command.
    Started {
        #[serde(default)]
        skipped: Begins,
    },
    Seen(Seen),
    Facts(Box<Facts>),
    Root {
        name: String,
        below: Bytes,
    },
    /// Some subvolumes of a listing, which ends with `Done`.
    Vols(Vec<Vol>),
    Vol(Vol),
    Paths(Vec<Bytes>),
    Partial(Vec<Part>),
    /// A send waits for its source.
    Waits(Waiting),
    Measured(Option<Measured>),
    Space(Option<Room>),
    Leftovers(Vec<Left>),
    Received(Vec<Arrived>),
    Digested {
        entry: Bytes,
    },
    Failed(Failure),
}

/// Encodes a message.
///
/// # Errors
///
/// Where it would be longer than a message may be.
pub(crate) fn encode(message: &impl Serialize) -> Result<Vec<u8>, Impossible> {
    match rmp_serde::to_vec_named(message) {
        Ok(bytes) if bytes.len() <= LONGEST_MESSAGE => Ok(bytes),
        _ => Err(Impossible("too much for one message")),
    }
}

/// Decodes a message.
///
/// # Errors
///
/// Where it is not one that this version knows.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Impossible> {
    rmp_serde::from_slice(bytes).map_err(|_| Impossible("a message that is not understood"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_added_are_passed_over_and_those_that_lack_have_a_value() {
        #[derive(Serialize)]
        struct Newer {
            major: u32,
            minor: u32,
            extra: Vec<String>,
        }
        let bytes = encode(&Newer { major: 1, minor: 7, extra: vec!["x".into()] }).unwrap();
        let hello: Hello = decode(&bytes).unwrap();
        assert_eq!((hello.major, hello.minor, hello.features.len()), (1, 7, 0));
    }

    #[test]
    fn who_does_not_say_in_which_form_gets_what_everybody_takes() {
        #[derive(Serialize)]
        enum Older {
            Send { root: u32, vols: Vec<Vol>, parent: Option<Vol>, clones: Vec<Vol> },
        }
        let older = Older::Send { root: 7, vols: Vec::new(), parent: None, clones: Vec::new() };
        let Ok(Request::Send { root: 7, form: Form::One, skip, .. }) =
            decode(&encode(&older).unwrap())
        else {
            panic!("it is not understood");
        };
        assert!(skip.is_empty());
    }

    #[test]
    fn a_request_that_is_not_known_is_no_message_and_bytes_stay_bytes() {
        #[derive(Serialize)]
        enum Other {
            Explode { at: u32 },
        }
        let bytes = encode(&Other::Explode { at: 7 }).unwrap();
        assert!(decode::<Request>(&bytes).is_err());
        let look = Request::Look { path: Bytes(vec![0xff, b'/', b'\n']) };
        assert_eq!(decode::<Request>(&encode(&look).unwrap()).unwrap(), look);
        assert!(encode(&Request::Look { path: Bytes(vec![0; LONGEST_MESSAGE]) }).is_err());
        assert!(decode::<Request>(&[0xff; 100]).is_err() && decode::<Request>(b"").is_err());
    }

    #[test]
    fn what_nests_without_end_is_no_message() {
        assert!(decode::<Hello>(&[0x91; 1 << 20]).is_err());
        assert!(decode::<Request>(&[0x81; 1 << 20]).is_err());
    }
}
