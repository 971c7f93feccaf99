//! A receiver creates the subvolume under the name that the stream gives. Whoever wants another name must change it in
//! the stream, and change nothing else there: the identity of what is sent stands in the same command.

use thiserror::Error;

use crate::attribute::{Attribute, Attributes};
use crate::command::CommandKind;
use crate::error::{EncodeError, Error};
use crate::frame::Frame;
use crate::payload::Payload;

/// Why a subvolume could not be given another name.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// Only `subvol` and `snapshot` carry the name of a subvolume.
    #[error("{command} at byte {offset}: does not name a subvolume")]
    NotSubvolume {
        /// Where the command begins.
        offset: u64,
        /// The command.
        command: CommandKind,
    },
    /// The command itself is damaged.
    #[error(transparent)]
    Decode(#[from] Error),
    /// The new name is too long.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Returns a `subvol` or `snapshot` command with another name and a new checksum, every other byte as it was.
///
/// The name is not judged; a receiver takes one path component of at most 255 bytes.
///
/// # Errors
/// [`RewriteError`]: another command, a command without a name, a name of more than 65535 bytes.
pub fn rewrite_subvolume_name(frame: &Frame<'_>, name: &[u8]) -> Result<Vec<u8>, RewriteError> {
    let (offset, command) = (frame.offset(), frame.kind());
    if !command.names_subvolume() {
        return Err(RewriteError::NotSubvolume { offset, command });
    }
    let mut attributes = Attributes::parse(*frame)?;
    let old = attributes.take(Attribute::Path)?;
    let old = old.ok_or_else(|| attributes.missing(Attribute::Path))?;
    let (before, rest) = frame.payload().split_at(old.at);
    let after = &rest[ATTRIBUTE_HEADER_LEN + old.value.len()..];
    let mut out = Vec::with_capacity(frame.raw().len() + name.len());
    Payload::build(command, frame.version(), &mut out, |payload| {
        payload.put_raw(before);
        payload.put(Attribute::Path, name)?;
        payload.put_raw(after);
        Ok(())
    })?;
    Ok(out)
}

/// Number and length of an attribute that is not file data, in bytes.
const ATTRIBUTE_HEADER_LEN: usize = 4;
