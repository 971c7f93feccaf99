//! What one side of a sync can do: list, show, send and receive subvolumes.
//!
//! Implementations differ in how they reach a filesystem; what they promise is the same, and stands
//! with each method of [`BtrfsRoot`].

mod agent;
mod command;
mod contract;
pub mod dump;
mod error;
mod facts;
pub mod file;
mod form;
mod leftover;
pub mod local;
mod mounts;
mod scoped;
pub mod ssh;

pub use agent::{Agent, AgentRoot};
pub use command::{CommandError, CommandRoot, Sudo};
pub use contract::{
    BtrfsRoot, Completion, Kind, Look, Reserve, RootFactory, RootOptions, Scope, SendRequest, Size,
    Sizes, Space,
};
pub(crate) use dump::DumpFile;
pub use dump::{DumpError, DumpRoot, DumpTarget, Pipeline, PipelineError};
pub use error::{Holder, RootError};
pub use facts::{Facts, Machine, Metadata, OLDER, Progs, Site};
pub use file::FileRoot;
pub use form::StreamForm;
pub use leftover::Leftover;
pub use local::LocalRoot;
pub use ssh::{
    BadAddress, Bootstrap, BootstrapError, Btrsync, Ssh, SshAddress, SshOptions, Worker,
};

pub use crate::agent::Packing;
pub use crate::receive::{Checkpoints, Partial, Prefix, Received, StreamMeta};
use crate::thread;

/// A protocol for which there is no root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown protocol '{}'; known: local, ssh, file, file-dump", .0.escape_debug())]
pub struct UnknownProtocol(pub String);

static FILE: file::StreamFile = file::StreamFile::new();

/// Returns the maker of roots for a protocol: `local`, `ssh`, `file` or `file-dump`.
///
/// # Errors
///
/// [`UnknownProtocol`] for any other.
///
/// # Examples
///
/// ```
/// use btrsync::sync::default_root;
///
/// assert!(default_root("local").is_ok());
/// let error = default_root("gopher").unwrap_err();
/// assert_eq!(error.to_string(), "unknown protocol 'gopher'; known: local, ssh, file, file-dump");
/// ```
pub fn default_root(protocol: &str) -> Result<&'static dyn RootFactory, UnknownProtocol> {
    match protocol {
        "local" => Ok(&local::Local),
        "ssh" => Ok(&ssh::SshLocations),
        "file" => Ok(&FILE),
        "file-dump" => Ok(&dump::Dump),
        other => Err(UnknownProtocol(other.to_owned())),
    }
}

/// Runs blocking work on a thread and waits for it.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RootError> + Send + 'static,
) -> Result<T, RootError> {
    start(work)?.await
}

/// Starts blocking work on a thread; its end is the completion.
fn start<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RootError> + Send + 'static,
) -> Result<Completion<T>, RootError> {
    let end =
        thread::run(work).map_err(|source| RootError::System { what: "start a thread", source })?;
    Ok(Box::pin(async {
        end.await.unwrap_or_else(|source| {
            Err(RootError::System { what: "run a thread to its end", source })
        })
    }))
}
