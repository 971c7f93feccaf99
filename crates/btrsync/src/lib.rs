//! Replicates btrfs subvolumes from one filesystem to another and sends only the differences.
//!
//! The library finds the copy-on-write relations of the subvolumes on both sides by itself, plans
//! incremental transfers, and carries them out. Under a final name at the destination stands only a
//! complete, durable subvolume; after any failure, the same call finishes the job.
//!
//! - [`agent`]: the protocol spoken with a btrsync at the other end of a pipe.
//! - [`btrfs`]: subvolumes as values, the COW forest, the difference of two forests.
//! - [`receive`]: send streams, received into a directory.
//! - [`verify`]: whether two subvolumes hold the same.
//! - [`sync`]: the plan, the transfers and their hooks.
//! - [`sync::root`]: what one side can do; [`sync::root::default_root`] gives the one for a protocol.
//! - [`mod@send`]: single send streams, as the `btrfs send` program makes them.
//! - [`stream_file`]: stream files, plain or compressed.
//!
//! What it does by the way are events of the crate `tracing`, at the levels `info` and `debug`, in a span
//! `transfer` for each transfer.
//!
//! # Signals
//!
//! The kernel sends a SIGPIPE where it makes a stream that nobody reads to its end, which belongs to every full transfer
//! between two roots of this machine. A Rust program ignores that signal unless it asks for it; one that does must
//! block it, or it is ended.
//!
//! # Features
//!
//! There are none: all of it is always there.
//!
//! # Examples
//!
//! Sends every read-only snapshot below `/snapshots` that `/mnt/backup` does not have yet:
//!
//! ```no_run
//! use btrsync::sync::root::{RootOptions, default_root};
//! use btrsync::sync::{BtrSync, Hooks, SyncOptions, Transfer};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let local = default_root("local")?;
//! let (source, below) = local.get_root("/snapshots".as_ref(), &RootOptions::default()).await?;
//! let (target, recvpath) = local.get_root("/mnt/backup".as_ref(), &RootOptions::default()).await?;
//!
//! let sync = BtrSync::new(source, target)
//!     .with_hooks(Hooks::default().target(move |vol| vol.path.starts_with(&below)));
//! let outcome = sync.sync(&Transfer::new(recvpath), &SyncOptions::default()).await;
//! assert!(outcome.is_success());
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod agent;
pub mod btrfs;
mod cancel;
mod flow;
mod process;
pub mod receive;
pub mod send;
pub mod stream_file;
pub mod sync;
mod temporary;
pub mod text;
mod thread;
pub mod verify;

/// The codec of the send stream; its errors are part of ours.
pub use btrsync_stream as stream;
pub use cancel::Cancel;
pub use flow::{Counter, Flow, Limit};
pub use receive::ReceiveError;
pub use temporary::Unfinished;
