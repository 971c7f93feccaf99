//! Values of this library as they are told to another machine, and back.
//!
//! What comes from there is data that nobody has checked: a path that leads elsewhere, a time that
//! cannot be, a number that would overflow. It becomes a value of ours only when it could be one.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::btrfs::Subvolume;
use crate::receive::{Checkpoints, Partial, Prefix, Received, StreamMeta};
use crate::sync::root::{Kind, Look, RootOptions, Scope};
use crate::verify::DigestOptions;

/// Bytes: a path, a name, or what is encoded already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    pub(crate) fn of(text: impl AsRef<OsStr>) -> Self {
        Self(text.as_ref().as_bytes().to_vec())
    }

    pub(crate) fn into_path(self) -> PathBuf {
        OsString::from_vec(self.0).into()
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_bytes(Any)
    }
}

/// What is no value of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Impossible(pub(crate) &'static str);

/// Whether a path leads to something below where it begins, and nowhere else.
pub(crate) fn is_below(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
        && !path.as_os_str().as_bytes().contains(&0)
}

/// A subvolume.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Vol {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<u64>,
    path: Bytes,
    /// The name of the root of a filesystem, which has no entry, is empty.
    name: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_uuid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_uuid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctransid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    otransid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stransid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtransid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    otime: Option<(i64, u32)>,
    read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ambiguous: Option<bool>,
    /// In a listing: that it only takes part in finding relations.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) left_out: bool,
}

impl Vol {
    /// Says whether it only takes part in finding relations.
    pub(crate) fn left_out(self, left_out: bool) -> Self {
        Self { left_out, ..self }
    }
}

impl From<&Subvolume> for Vol {
    fn from(vol: &Subvolume) -> Self {
        Self {
            id: vol.id,
            parent_id: vol.parent_id,
            path: Bytes::of(&vol.path),
            name: Bytes::of(&vol.name),
            uuid: vol.uuid,
            parent_uuid: vol.parent_uuid,
            received_uuid: vol.received_uuid,
            generation: vol.generation,
            ctransid: vol.ctransid,
            otransid: vol.otransid,
            stransid: vol.stransid,
            rtransid: vol.rtransid,
            otime: vol.otime.and_then(since_epoch),
            read_only: vol.read_only,
            ambiguous: vol.ambiguous,
            left_out: false,
        }
    }
}

impl TryFrom<Vol> for Subvolume {
    type Error = Impossible;

    fn try_from(vol: Vol) -> Result<Self, Impossible> {
        let path = vol.path.into_path();
        let name = vol.name.into_path();
        if !is_below(&path) {
            return Err(Impossible("the path of a subvolume leads out of its root"));
        }
        if !is_below(&name) || name.components().count() > 1 {
            return Err(Impossible("the name of a subvolume cannot be one"));
        }
        Ok(Self {
            id: vol.id,
            parent_id: vol.parent_id,
            path,
            name: name.into_os_string(),
            uuid: vol.uuid,
            parent_uuid: vol.parent_uuid,
            received_uuid: vol.received_uuid,
            generation: vol.generation,
            ctransid: vol.ctransid,
            otransid: vol.otransid,
            stransid: vol.stransid,
            rtransid: vol.rtransid,
            otime: vol.otime.map(time).transpose()?,
            read_only: vol.read_only,
            ambiguous: vol.ambiguous,
        })
    }
}

fn since_epoch(time: SystemTime) -> Option<(i64, u32)> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => Some((after.as_secs().try_into().ok()?, after.subsec_nanos())),
        // To the second: nothing that is compared.
        Err(before) => Some((-i64::try_from(before.duration().as_secs()).ok()?, 0)),
    }
}

fn time((seconds, nanos): (i64, u32)) -> Result<SystemTime, Impossible> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let second = match seconds < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(whole),
        false => SystemTime::UNIX_EPOCH.checked_add(whole),
    };
    let time = second.and_then(|time| time.checked_add(Duration::from_nanos(nanos.into())));
    time.ok_or(Impossible("a time cannot be one"))
}

/// Turns subvolumes of the other side into ours.
pub(crate) fn vols(vols: Vec<Vol>) -> Result<Vec<Subvolume>, Impossible> {
    vols.into_iter().map(Subvolume::try_from).collect()
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    kind: SeenKind,
    path: Bytes,
    mounted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum SeenKind {
    Missing,
    File,
    Directory,
    Subvolume,
    #[serde(other)]
    Other,
}

impl From<Look> for Seen {
    fn from(look: Look) -> Self {
        let kind = match look.kind {
            Kind::Missing => SeenKind::Missing,
            Kind::File => SeenKind::File,
            Kind::Directory => SeenKind::Directory,
            Kind::Subvolume => SeenKind::Subvolume,
            Kind::Other => SeenKind::Other,
        };
        Self { kind, path: Bytes::of(look.path), mounted: look.mounted }
    }
}

impl From<Seen> for Look {
    fn from(seen: Seen) -> Self {
        let kind = match seen.kind {
            SeenKind::Missing => Kind::Missing,
            SeenKind::File => Kind::File,
            SeenKind::Directory => Kind::Directory,
            SeenKind::Subvolume => Kind::Subvolume,
            SeenKind::Other => Kind::Other,
        };
        Self { kind, path: seen.path.into_path(), mounted: seen.mounted }
    }
}

/// How to make a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Options {
    scope: ScopeName,
    readonly: bool,
    create_recvpath: bool,
    /// How many bytes come between two checkpoints; 0 for none.
    #[serde(default)]
    checkpoint: u64,
    #[serde(default)]
    resume: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum ScopeName {
    All,
    Strict,
    Isolated,
}

impl From<&RootOptions> for Options {
    fn from(options: &RootOptions) -> Self {
        let scope = match options.scope {
            Scope::All => ScopeName::All,
            Scope::Strict => ScopeName::Strict,
            Scope::Isolated => ScopeName::Isolated,
        };
        let RootOptions { readonly, create_recvpath, checkpoints, .. } = *options;
        let Checkpoints { every: checkpoint, resume } = checkpoints;
        Self { scope, readonly, create_recvpath, checkpoint, resume }
    }
}

impl From<Options> for RootOptions {
    fn from(options: Options) -> Self {
        let scope = match options.scope {
            ScopeName::All => Scope::All,
            ScopeName::Strict => Scope::Strict,
            ScopeName::Isolated => Scope::Isolated,
        };
        let Options { readonly, create_recvpath, checkpoint, resume, .. } = options;
        let checkpoints = Checkpoints { every: checkpoint, resume };
        Self { scope, readonly, create_recvpath, checkpoints }
    }
}

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
