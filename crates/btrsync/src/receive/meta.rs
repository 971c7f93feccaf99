//! What is known of streams before they come, and of subvolumes once they are there.

use std::ffi::OsString;

use uuid::Uuid;

/// What is known of the streams in a flow before they come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamMeta {
    /// The UUIDs that the streams must name, in order; empty where any is right. `None` is a UUID
    /// that is not known.
    pub uuids: Vec<Option<Uuid>>,
}

/// A subvolume that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its name in the directory that was received into.
    pub name: OsString,
    /// The UUID that the stream gave of its source.
    pub uuid: Uuid,
}
