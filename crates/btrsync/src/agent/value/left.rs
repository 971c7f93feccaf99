//! What is measured, and what interrupted runs have left.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::vol::{since_epoch, time};
use super::{Bytes, Impossible, is_below};
use crate::Unfinished;
use crate::sync::Estimate;
use crate::sync::root::{Leftover, Reserve, Space};

/// How much a send would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Measured {
    bytes: u64,
    data: u64,
    is_whole: bool,
}

impl From<Estimate> for Measured {
    fn from(estimate: Estimate) -> Self {
        let Estimate { bytes, data, is_whole } = estimate;
        Self { bytes, data, is_whole }
    }
}

impl From<Measured> for Estimate {
    fn from(measured: Measured) -> Self {
        let Measured { bytes, data, is_whole } = measured;
        Self { bytes, data, is_whole }
    }
}

/// What room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Room {
    free: u64,
    #[serde(default)]
    used: u64,
    reserve: Option<Why>,
}

/// Why more may fit. A reason that is not known is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Why {
    Compression,
    Deleted,
    #[serde(other)]
    Unfinished,
}

impl From<Space> for Room {
    fn from(space: Space) -> Self {
        let reserve = space.reserve.map(|reserve| match reserve {
            Reserve::Compression => Why::Compression,
            Reserve::Deleted => Why::Deleted,
            Reserve::Unfinished => Why::Unfinished,
        });
        Self { free: space.free, used: space.used, reserve }
    }
}

impl From<Room> for Space {
    fn from(room: Room) -> Self {
        let reserve = room.reserve.map(|reserve| match reserve {
            Why::Compression => Reserve::Compression,
            Why::Deleted => Reserve::Deleted,
            Why::Unfinished => Reserve::Unfinished,
        });
        Self { free: room.free, used: room.used, reserve }
    }
}

/// Something that an interrupted run has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    path: Bytes,
    #[serde(default)]
    made: Option<(i64, u32)>,
    #[serde(default)]
    bytes: Option<u64>,
    /// The id and the UUID of a subvolume.
    #[serde(default)]
    subvolume: Option<(u64, Option<Uuid>)>,
}

impl From<&Leftover> for Left {
    fn from(left: &Leftover) -> Self {
        Self {
            path: Bytes::of(&left.path),
            made: left.made.and_then(since_epoch),
            bytes: left.bytes,
            subvolume: left.subvolume,
        }
    }
}

impl TryFrom<Left> for Leftover {
    type Error = Impossible;

    /// Of what kind it is, its name tells.
    fn try_from(left: Left) -> Result<Self, Impossible> {
        let Left { path, made, bytes, subvolume } = left;
        let path = path.into_path();
        let kind = path.file_name().and_then(Unfinished::of).filter(|_| is_below(&path));
        let kind = kind.ok_or(Impossible("what no run leaves"))?;
        let made: Option<SystemTime> = made.map(time).transpose()?;
        Ok(Self { path, kind, made, bytes, subvolume })
    }
}
