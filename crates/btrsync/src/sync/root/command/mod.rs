//! A root whose filesystem is reached by running btrfs-progs in a shell: on another machine, or on this
//! one under sudo.
//!
//! What comes back is text, which is not trusted to say what it seems to; what goes there is scripts in
//! which no name can mean anything. A listing tells less than the kernel does: see [`text`].

mod agent;
mod bootstrap;
mod channel;
mod directory;
mod error;
mod facts;
mod greeting;
mod leftovers;
mod link;
mod list;
mod lock;
mod place;
mod receive;
mod script;
mod send;
mod session;
mod sudo;
mod text;
mod wait;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

pub(super) use self::bootstrap::is_of_place;
pub use self::error::CommandError;
pub(super) use self::link::{Link, Login};
use self::list::Listing;
use self::lock::Locks;
use self::place::Place;
use self::script::Script;
pub use self::sudo::Sudo;
pub(super) use self::text::version::Version;
use super::contract::{BtrfsRoot, Completion, Look, RootOptions, SendRequest};
use super::error::{Holder, RootError};
use super::facts::Facts;
use super::leftover::Leftover;
use super::{on_thread, scoped, start};
use crate::Flow;
use crate::btrfs::{Forest, Subvolume};
use crate::receive::{Received, StreamMeta};
use crate::sync::clones::CloneSources;
use crate::text::escaped;

/// The shell of a machine, with or without sudo.
#[derive(Debug, Clone)]
struct Shell {
    link: Arc<Link>,
    /// What is put before commands.
    sudo: &'static str,
}

impl Shell {
    fn new(link: Arc<Link>, sudo: bool) -> Self {
        let sudo = match (sudo, link.is_remote()) {
            (false, _) => "",
            // Nobody could answer a question there.
            (true, true) => "sudo -n",
            (true, false) => "sudo",
        };
        Self { link, sudo }
    }

    fn ask(&self, script: &Script) -> Result<Vec<u8>, CommandError> {
        self.link.ask(script, self.sudo)
    }

    /// What is known of a run that holds a lock there.
    fn holder(&self) -> Holder {
        if self.link.is_remote() { Holder::Unknown } else { Holder::Here }
    }

    /// The path of the other side in a message of this one.
    fn shown(&self, path: &Path) -> PathBuf {
        if !self.link.is_remote() {
            return path.to_path_buf();
        }
        let mut shown = OsString::from(format!("{}:", self.link.host()));
        shown.push(path);
        shown.into()
    }

    fn garbled(&self, command: &'static str, what: &str) -> CommandError {
        let (host, what) = (self.link.host().to_owned(), what.to_owned());
        CommandError::Answer { host, command, what }
    }
}

/// A btrfs filesystem that is reached through a shell, seen from one of its subvolumes.
#[derive(Debug)]
pub struct CommandRoot {
    shared: Arc<Shared>,
}

/// What the threads of a root share.
#[derive(Debug)]
struct Shared {
    shell: Shell,
    path: PathBuf,
    options: RootOptions,
    locks: Mutex<Locks>,
    /// Where the subvolumes are that a stream may name as its parent.
    places: Mutex<HashMap<Uuid, PathBuf>>,
    /// The last listing.
    listing: Mutex<Arc<Listing>>,
}

impl CommandRoot {
    /// Finds the subvolume that holds a path.
    pub(super) async fn find(
        link: Arc<Link>,
        sudo: bool,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Self, PathBuf), RootError> {
        let (shell, path, options) = (Shell::new(link, sudo), path.to_path_buf(), options.clone());
        on_thread(move || {
            let (path, below) = Place::ask(&shell, &path)?.into_root(&shell)?;
            let (locks, places, listing) = Default::default();
            let shared = Shared { shell, path, options, locks, places, listing };
            Ok((Self { shared: Arc::new(shared) }, below))
        })
        .await
    }

    /// Returns what stands at a path.
    pub(super) async fn look(link: Arc<Link>, sudo: bool, path: &Path) -> Result<Look, RootError> {
        let (shell, path) = (Shell::new(link, sudo), path.to_path_buf());
        on_thread(move || Ok(Place::ask(&shell, &path)?.into_look(&path))).await
    }

    /// Returns what is known of a machine, and of a path on it.
    pub(super) async fn facts(
        link: Arc<Link>,
        sudo: bool,
        path: Option<&Path>,
    ) -> Result<Facts, RootError> {
        let path = path.map(Path::to_path_buf);
        on_thread(move || facts::facts(link, sudo, path.as_deref())).await
    }

    /// Runs blocking work on a thread of its own.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, RootError> + Send + 'static,
    ) -> Result<T, RootError> {
        let shared = Arc::clone(&self.shared);
        on_thread(move || work(&shared)).await
    }
}

impl Shared {
    fn list(&self) -> Result<Forest, RootError> {
        let listing = list::list(&self.shell, &self.path)?;
        let root = listing.vols.iter().find(|vol| vol.id == listing.root);
        let prefix = root.map(|root| root.path.clone()).unwrap_or_default();
        let places = listing.vols.iter().flat_map(|vol| {
            let below = vol.path.strip_prefix(&prefix).ok()?;
            let uuids = [vol.uuid, vol.received_uuid].into_iter().flatten();
            let place = self.path.join(below);
            Some(uuids.map(move |uuid| (uuid, place.clone())))
        });
        *lock(&self.places) = places.flatten().collect();
        let forest = scoped::forest(listing.vols.clone(), listing.root, &self.options);
        *lock(&self.listing) = Arc::new(listing);
        Ok(forest)
    }

    /// Asks for subvolumes, and for those that `btrfs receive` could take for one of them: it takes any
    /// that carries the UUID, whatever it holds.
    fn complete(&self, vols: &[Subvolume]) -> Result<Vec<Subvolume>, RootError> {
        let listing = Arc::clone(&lock(&self.listing));
        let top = listing.top(&self.path);
        let others = scoped::sharing(&listing.vols, vols).into_iter().cloned();
        let others =
            top.iter().flat_map(|top| others.clone().map(|vol| (top.join(&vol.path), vol)));
        let own = vols.iter().map(|vol| (self.path.join(&vol.path), vol.clone()));
        let asked = own.chain(others).collect();
        let mut told = list::complete(&self.shell, asked)?;
        let known: HashSet<u64> = told.iter().map(|vol| vol.id).collect();
        let rest = listing.vols.iter().filter(|vol| !known.contains(&vol.id)).cloned();
        let all: Vec<Subvolume> = told.iter().cloned().chain(rest).collect();
        told.truncate(vols.len());
        scoped::decide_ambiguity(&all, &mut told);
        Ok(told)
    }

    fn show(&self, path: &Path) -> Result<Subvolume, RootError> {
        let full = self.path.join(path);
        let place = Place::ask(&self.shell, &full)?;
        self.is_real(&place, &place.existing, &full)?;
        let (root, _) = place.into_root(&self.shell)?;
        let vanished = || RootError::Vanished { path: self.shell.shown(&full) };
        let listing = list::list(&self.shell, &root)?;
        let mine = list::list(&self.shell, &self.path)?;
        let prefix = mine.vols.into_iter().find(|vol| vol.id == mine.root).map(|vol| vol.path);
        let vol = listing.vols.into_iter().find(|vol| vol.id == listing.root);
        let mut vol = vol.ok_or_else(vanished)?;
        if let Ok(below) = vol.path.strip_prefix(prefix.unwrap_or_default()) {
            vol.path = below.to_path_buf();
        }
        Ok(vol)
    }

    fn occupied(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, RootError> {
        const FIND: &str = r#"for d; do if t -d "$d"; then printf '/%s\0' "$d"; r find "$d" -mindepth 1 -maxdepth 1 -print0; fi; done"#;
        let mut dirs: Vec<PathBuf> = paths.iter().map(|path| self.directory_of(path)).collect();
        dirs.sort();
        dirs.dedup();
        let answer = self.shell.ask(&Script::new(FIND).args(&dirs))?;
        let found: HashSet<&[u8]> = answer.split(|c| *c == 0).collect();
        let stands = |path: &&PathBuf| {
            use std::os::unix::ffi::OsStrExt;
            let full = self.path.join(path);
            full.file_name().is_none() || found.contains(full.as_os_str().as_bytes())
        };
        Ok(paths.iter().filter(stands).cloned().collect())
    }

    fn directory_of(&self, path: &Path) -> PathBuf {
        let full = self.path.join(path);
        full.parent().map(Path::to_path_buf).unwrap_or(full)
    }
}

/// A directory of the other side that is locked.
#[derive(Debug)]
struct Receiving {
    shell: Shell,
    path: PathBuf,
    shown: PathBuf,
    shared: Arc<Shared>,
}

impl Receiving {
    /// Where the last listing had a subvolume, or where it was received since then.
    fn path_of(&self, uuid: Uuid) -> Option<PathBuf> {
        lock(&self.shared.places).get(&uuid).cloned()
    }

    /// Takes note of a subvolume that was received.
    fn holds(&self, received: &Received) {
        lock(&self.shared.places).insert(received.uuid, self.path.join(&received.name));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl BtrfsRoot for CommandRoot {
    fn name(&self) -> String {
        escaped(&self.shared.shell.shown(&self.shared.path)).to_string()
    }

    /// sshd allows ten sessions on a connection, unless it is told otherwise: one answers, one holds the
    /// locks, and a transfer between two roots of one machine takes two.
    fn most_at_once(&self) -> usize {
        if self.shared.shell.link.is_remote() { 4 } else { usize::MAX }
    }

    async fn list(&self) -> Result<Forest, RootError> {
        self.blocking(Shared::list).await
    }

    async fn complete(&self, vols: Vec<Subvolume>) -> Result<Vec<Subvolume>, RootError> {
        self.blocking(move |shared| shared.complete(&vols)).await
    }

    async fn show(&self, path: &Path) -> Result<Subvolume, RootError> {
        let path = path.to_path_buf();
        self.blocking(move |shared| shared.show(&path)).await
    }

    async fn occupied(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, RootError> {
        let paths = paths.to_vec();
        self.blocking(move |shared| shared.occupied(&paths)).await
    }

    /// Without a parent `btrfs send -c` chooses one itself, be it a branch. And `btrfs receive` goes on
    /// without the data where it does not find a clone source.
    fn sends_clones(&self) -> CloneSources {
        CloneSources::WithParent
    }

    async fn lock(&self, path: &Path) -> Result<(), RootError> {
        let path = path.to_path_buf();
        self.blocking(move |shared| shared.prepare(&path).map(drop)).await
    }

    async fn sweep(&self, path: &Path) -> Result<(), RootError> {
        let path = path.to_path_buf();
        self.blocking(move |shared| shared.sweep(&path)).await
    }

    async fn leftovers(&self, path: &Path) -> Result<Vec<Leftover>, RootError> {
        let path = path.to_path_buf();
        self.blocking(move |shared| shared.find_leftovers(&path)).await
    }

    async fn remove(&self, left: &Leftover) -> Result<(), RootError> {
        let left = left.clone();
        self.blocking(move |shared| shared.remove_leftover(&left)).await
    }

    async fn send(&self, request: SendRequest<'_>) -> Result<(Flow, Completion<()>), RootError> {
        let (script, cancel) = (send::script(&self.shared.path, request), request.cancel.clone());
        self.blocking(move |shared| send::send(&shared.shell, &script, &cancel)).await
    }

    async fn receive(
        &self,
        flow: Flow,
        path: &Path,
        meta: StreamMeta,
    ) -> Result<Completion<Vec<Received>>, RootError> {
        let path = path.to_path_buf();
        let path = self.blocking(move |shared| shared.prepare(&path)).await?;
        let shared = Arc::clone(&self.shared);
        let (shell, shown) = (shared.shell.clone(), shared.shell.shown(&path));
        let into = Receiving { shell, path, shown, shared };
        start(move || receive::receive(&into, flow, &meta))
    }
}
