//! The btrfs send stream comes from another machine, through pipes that break, and is replayed with the rights of root:
//! nothing in it is believed before it was bounded and checked. This crate decodes and encodes it, all commands of the
//! versions 1 to 3, and touches neither files nor names.
//!
//! A filter that passes a stream on under another name, and knows whether it was complete:
//!
//! ```
//! use std::io::{Read, Write};
//! use btrsync_stream::{FrameReader, rewrite_subvolume_name};
//!
//! fn pass(from: impl Read, mut to: impl Write, name: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut reader = FrameReader::new(from);
//!     while let Some(frame) = reader.next_frame()? {
//!         if let Some(header) = frame.header() {
//!             to.write_all(&header.encode())?;
//!         }
//!         if frame.kind().names_subvolume() {
//!             to.write_all(&rewrite_subvolume_name(&frame, name)?)?;
//!         } else {
//!             to.write_all(frame.raw())?;
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let error = pass(&b"btrfs-stream\0\x01\0\0\0"[..], Vec::new(), b"new").unwrap_err();
//! assert_eq!(error.to_string(), "the stream is cut off at byte 17, before the first command");
//! ```

#![forbid(unsafe_code)]

mod attribute;
mod begun;
mod buffer;
mod command;
mod error;
mod frame;
mod payload;
mod reader;
mod rewrite;
mod table;
mod value;
mod version;

pub use attribute::Attribute;
pub use begun::Begun;
pub use command::{Command, CommandKind};
pub use error::{EncodeError, Error, Place};
pub use frame::{COMMAND_HEADER_LEN, CommandCode, Frame};
pub use reader::FrameReader;
pub use rewrite::{RewriteError, rewrite_subvolume_name};
pub use value::Timespec;
pub use version::{HEADER_LEN, Header, Version};
