//! A digested subvolume, and the questions that it answers.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::DigestOptions;
use super::entry::Entry;
use super::error::VerifyError;
use super::spool::Spool;
use super::walk::walk;
use crate::sync::root::RootError;
use crate::{Cancel, thread};

/// The digests of one subvolume, wherever it is.
#[async_trait]
pub trait Digests: std::fmt::Debug + Send + Sync {
    /// Returns the root of the tree.
    fn root(&self) -> &Entry;

    /// Returns the entries of a directory that this side has told of, in the order in which its digest
    /// covers them: files by name, then directories by name.
    async fn children(&self, directory: &Entry) -> Result<Vec<Entry>, RootError>;
}

/// The digests of a subvolume of this machine.
#[derive(Debug)]
pub struct Tree {
    root: Entry,
    spool: Arc<Spool>,
}

impl Tree {
    /// Reads and digests all of a subvolume, by its root directory. `path` is for messages. The caller
    /// makes sure that it is read-only, and still is afterwards.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] where anything of it cannot be read.
    pub fn read(
        root: &File,
        path: &Path,
        options: DigestOptions,
        cancel: &Cancel,
    ) -> Result<Self, VerifyError> {
        let mut spool = Spool::default();
        let root = walk(root, path, options, cancel, &mut spool)?;
        Ok(Self { root, spool: Arc::new(spool) })
    }
}

#[async_trait]
impl Digests for Tree {
    fn root(&self) -> &Entry {
        &self.root
    }

    async fn children(&self, directory: &Entry) -> Result<Vec<Entry>, RootError> {
        let (spool, place) = (Arc::clone(&self.spool), directory.place);
        let failed = |what| move |source| RootError::System { what, source };
        let read = thread::run(move || spool.entries(place)).map_err(failed("start a thread"))?;
        Ok(read.await.map_err(failed("run a thread to its end"))??)
    }
}
