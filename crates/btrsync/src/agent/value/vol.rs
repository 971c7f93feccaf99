//! Subvolumes.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Bytes, Impossible, is_below};
use crate::btrfs::Subvolume;

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

pub(super) fn since_epoch(time: SystemTime) -> Option<(i64, u32)> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => Some((after.as_secs().try_into().ok()?, after.subsec_nanos())),
        // To the second: nothing that is compared.
        Err(before) => Some((-i64::try_from(before.duration().as_secs()).ok()?, 0)),
    }
}

pub(super) fn time((seconds, nanos): (i64, u32)) -> Result<SystemTime, Impossible> {
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
