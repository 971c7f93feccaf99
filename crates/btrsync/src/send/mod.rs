//! Single send streams, as the `btrfs send` program makes them, byte for byte.
//!
//! The hazard is a stream that fits nowhere: from a parent that can still change, of another filesystem,
//! or of a version that this kernel cannot send. All of that is checked before the first byte.
//!
//! # Examples
//!
//! Writes what has changed between two snapshots to a file:
//!
//! ```no_run
//! use btrsync::Cancel;
//! use btrsync::send::{SendError, SendOptions, into_file, prepare, write};
//!
//! let options = SendOptions { parent: Some("/snapshots/monday".into()), ..Default::default() };
//! let streams = prepare(&["/snapshots/tuesday".into()], &options)?;
//! let cancel = Cancel::new().map_err(SendError::System)?;
//! into_file("tuesday.btrfs_stream".as_ref(), |file| write(&streams, file, &cancel, |_| ()))?;
//! # Ok::<(), SendError>(())
//! ```

mod error;
mod file;
mod full;
mod parent;
mod patience;
mod source;
mod write;

use std::path::{Path, PathBuf};

use btrsync_kernel as kernel;

pub use self::error::SendError;
pub use self::file::into_file;
pub(crate) use self::full::{FullError, send as in_full};
pub use self::patience::Busy;
pub(crate) use self::patience::{is_busy, send as patiently};
use self::source::Source;
pub use self::write::{Told, write};

/// What the streams are made from, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendOptions {
    /// The parent that all are the difference to. Without one, but with clone sources, each gets the
    /// best of these: what it is a snapshot of, or else the snapshot of the same subvolume that is
    /// nearest to that.
    pub parent: Option<PathBuf>,
    /// Subvolumes that the receiver has and the streams may clone from.
    pub clones: Vec<PathBuf>,
    /// The version of the stream, 0 for the newest of the kernel; where it is left open, 1, and with
    /// `compressed` 2.
    pub version: Option<u32>,
    /// Send compressed extents as they are; needs version 2.
    pub compressed: bool,
    /// Leave the content of files out.
    pub no_data: bool,
    /// Make one stream of several subvolumes, with one header and one end.
    pub one_end: bool,
}

impl SendOptions {
    fn version(&self) -> Result<u32, SendError> {
        let newest = kernel::max_send_version();
        match self.version {
            None => Ok(if self.compressed { 2 } else { 1 }),
            Some(0) => Ok(newest),
            Some(version) if version > newest => Err(SendError::Version { version, newest }),
            Some(1) if self.compressed => Err(SendError::CompressedV1),
            Some(version) => Ok(version),
        }
    }
}

/// A stream that can be made.
#[derive(Debug)]
pub struct Stream {
    source: Source,
    parent: Option<PathBuf>,
    options: kernel::SendOptions,
}

/// Opens subvolumes and checks that their streams can be made.
///
/// # Errors
///
/// [`SendError`], with the first thing that is wrong; nothing was written then.
pub fn prepare(subvolumes: &[PathBuf], options: &SendOptions) -> Result<Vec<Stream>, SendError> {
    let version = options.version()?;
    let sources = open_all(subvolumes)?;
    let parent = open_all(options.parent.as_slice())?.pop();
    let mut bases = Bases { parent, clones: open_all(&options.clones)? };
    source::on_one_filesystem(sources.iter().chain(&bases.parent).chain(&bases.clones))?;
    let (choose, last) = (bases.are_to_choose_from(), sources.len().saturating_sub(1));
    let mut streams = Vec::new();
    for (at, source) in sources.into_iter().enumerate() {
        let parent = if choose { Some(bases.best_for(&source)?) } else { bases.parent.as_ref() };
        let stream = kernel::SendOptions {
            parent: parent.map(|parent| parent.info.id),
            clone_sources: bases.ids(),
            no_file_data: options.no_data,
            omit_stream_header: options.one_end && at > 0,
            omit_end_command: options.one_end && at < last,
            compressed: options.compressed,
            version: Some(version),
        };
        let parent = parent.map(|parent| parent.path.clone());
        if choose {
            // Whoever receives the next one has this one by then.
            bases.clones.push(source.again()?);
        }
        streams.push(Stream { source, parent, options: stream });
    }
    Ok(streams)
}

fn open_all(paths: &[PathBuf]) -> Result<Vec<Source>, SendError> {
    paths.iter().map(|path| Source::open(path)).collect()
}

/// What the receiver has.
#[derive(Debug)]
struct Bases {
    parent: Option<Source>,
    clones: Vec<Source>,
}

impl Bases {
    fn are_to_choose_from(&self) -> bool {
        self.parent.is_none() && !self.clones.is_empty()
    }

    fn best_for(&self, source: &Source) -> Result<&Source, SendError> {
        parent::choose(source, &self.clones)
    }

    /// The kernel clones from the parent only where it is named among the clone sources too.
    fn ids(&self) -> Vec<u64> {
        let mut ids = Vec::new();
        for source in self.clones.iter().chain(&self.parent) {
            if !ids.contains(&source.info.id) {
                ids.push(source.info.id);
            }
        }
        ids
    }
}

impl Stream {
    /// Returns the path of the subvolume, as it was given.
    pub fn path(&self) -> &Path {
        &self.source.path
    }

    /// Returns the path of the parent, as it was given, for an incremental stream.
    pub fn parent(&self) -> Option<&Path> {
        self.parent.as_deref()
    }
}
