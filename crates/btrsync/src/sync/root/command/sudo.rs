//! Roots on this machine for a user who is not root, but may become it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{CommandRoot, Link};
use crate::Cancel;
use crate::sync::root::contract::{BtrfsRoot, Look, RootFactory, RootOptions};
use crate::sync::root::error::RootError;
use crate::sync::root::on_thread;

/// Makes roots on this machine that run btrfs-progs under sudo.
#[derive(Debug)]
pub struct Sudo {
    cancel: Cancel,
    link: Mutex<Option<Arc<Link>>>,
}

impl Sudo {
    /// Makes a factory; `cancel` ends what it waits for.
    pub fn new(cancel: Cancel) -> Self {
        Self { cancel, link: Mutex::new(None) }
    }

    /// Returns the shell, started when it is first wanted.
    async fn link(&self) -> Result<Arc<Link>, RootError> {
        if let Some(link) = &*self.link.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(link));
        }
        let cancel = self.cancel.clone();
        let made = Arc::new(on_thread(move || Ok(Link::here(&cancel)?)).await?);
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(link.get_or_insert(made)))
    }
}

#[async_trait]
impl RootFactory for Sudo {
    async fn get_root(
        &self,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), RootError> {
        let (root, below) = CommandRoot::find(self.link().await?, true, path, options).await?;
        Ok((Arc::new(root), below))
    }

    async fn look(&self, path: &Path) -> Result<Look, RootError> {
        CommandRoot::look(self.link().await?, true, path).await
    }
}
