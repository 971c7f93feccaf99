//! What is known of streams.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::vol::{Vol, vols};
use super::{Bytes, Impossible};
use crate::agent::Packing;
use crate::receive::{Partial, Prefix, Received, StreamMeta};
use crate::send::Busy;
use crate::sync::root::StreamForm;
use crate::verify::DigestOptions;

/// A part of a stream: its length and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    bytes: u64,
    hash: Bytes,
}

impl From<Prefix> for Begun {
    fn from(prefix: Prefix) -> Self {
        Self { bytes: prefix.bytes, hash: Bytes(prefix.hash.to_vec()) }
    }
}

impl TryFrom<Begun> for Prefix {
    type Error = Impossible;

    fn try_from(begun: Begun) -> Result<Self, Impossible> {
        let hash = begun.hash.0.try_into().map_err(|_| Impossible("a hash of another length"))?;
        Ok(Self { bytes: begun.bytes, hash })
    }
}

/// In which form a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Form {
    #[default]
    One,
    Two,
    Compressed,
}

impl From<StreamForm> for Form {
    fn from(form: StreamForm) -> Self {
        match form {
            StreamForm::One => Self::One,
            StreamForm::Two => Self::Two,
            StreamForm::Compressed => Self::Compressed,
        }
    }
}

impl From<Form> for StreamForm {
    fn from(form: Form) -> Self {
        match form {
            Form::One => Self::One,
            Form::Two => Self::Two,
            Form::Compressed => Self::Compressed,
        }
    }
}

/// Whether what is sent is compressed on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Pack {
    #[default]
    Never,
    Auto,
    Zstd(i32),
}

impl From<Packing> for Pack {
    fn from(packing: Packing) -> Self {
        match packing {
            Packing::Never => Self::Never,
            Packing::Auto => Self::Auto,
            Packing::Zstd(level) => Self::Zstd(level),
        }
    }
}

impl From<Pack> for Packing {
    fn from(pack: Pack) -> Self {
        match pack {
            Pack::Never => Self::Never,
            Pack::Auto => Self::Auto,
            Pack::Zstd(level) => Self::Zstd(level),
        }
    }
}

/// Parts of the streams of a flow, where there are any.
pub(crate) type Begins = Vec<Option<Begun>>;

pub(crate) fn begins(prefixes: &[Option<Prefix>]) -> Begins {
    prefixes.iter().map(|prefix| prefix.map(Begun::from)).collect()
}

pub(crate) fn prefixes(begins: Begins) -> Result<Vec<Option<Prefix>>, Impossible> {
    begins.into_iter().map(|begun| begun.map(Prefix::try_from).transpose()).collect()
}

/// What an interrupted run has received of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    uuid: Uuid,
    ctransid: u64,
    #[serde(default)]
    parent: Option<Uuid>,
    begun: Begun,
}

impl From<&Partial> for Part {
    fn from(partial: &Partial) -> Self {
        let Partial { uuid, ctransid, parent, prefix } = *partial;
        Self { uuid, ctransid, parent, begun: prefix.into() }
    }
}

impl TryFrom<Part> for Partial {
    type Error = Impossible;

    fn try_from(part: Part) -> Result<Self, Impossible> {
        let Part { uuid, ctransid, parent, begun } = part;
        Ok(Self { uuid, ctransid, parent, prefix: begun.try_into()? })
    }
}

/// What is known of streams before they come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    uuids: Vec<Option<Uuid>>,
    sources: Vec<Vol>,
    skipped: Begins,
    anew: bool,
}

impl From<&StreamMeta> for Meta {
    fn from(meta: &StreamMeta) -> Self {
        Self {
            uuids: meta.uuids.clone(),
            sources: meta.sources.iter().map(Vol::from).collect(),
            skipped: begins(&meta.skipped),
            anew: meta.anew,
        }
    }
}

impl TryFrom<Meta> for StreamMeta {
    type Error = Impossible;

    fn try_from(meta: Meta) -> Result<Self, Impossible> {
        let Meta { uuids, sources, skipped, anew } = meta;
        Ok(Self { uuids, sources: vols(sources)?, skipped: prefixes(skipped)?, anew })
    }
}

/// A subvolume that was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Arrived {
    name: Bytes,
    uuid: Uuid,
    #[serde(default)]
    resumed: u64,
}

impl From<Received> for Arrived {
    fn from(received: Received) -> Self {
        let Received { name, uuid, resumed } = received;
        Self { name: Bytes::of(name), uuid, resumed }
    }
}

impl From<Arrived> for Received {
    fn from(arrived: Arrived) -> Self {
        let Arrived { name, uuid, resumed } = arrived;
        Self { name: name.into_path().into_os_string(), uuid, resumed }
    }
}

/// What counts in a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    holes: bool,
    root_mtime: bool,
}

impl From<DigestOptions> for Counts {
    fn from(options: DigestOptions) -> Self {
        let DigestOptions { holes, root_mtime } = options;
        Self { holes, root_mtime }
    }
}

impl From<Counts> for DigestOptions {
    fn from(counts: Counts) -> Self {
        let Counts { holes, root_mtime } = counts;
        Self { holes, root_mtime }
    }
}

/// A source that a send waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    attempt: u32,
    pause_ms: u64,
    errno: i32,
}

impl From<Busy> for Waiting {
    fn from(busy: Busy) -> Self {
        let Busy { attempt, pause, errno } = busy;
        Self { attempt, pause_ms: pause.as_millis().try_into().unwrap_or(u64::MAX), errno }
    }
}

impl From<Waiting> for Busy {
    fn from(waiting: Waiting) -> Self {
        let Waiting { attempt, pause_ms, errno } = waiting;
        Self { attempt, pause: Duration::from_millis(pause_ms), errno }
    }
}
