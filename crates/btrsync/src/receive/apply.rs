//! Applies the commands of one stream to the staging subvolume, one after another.
//!
//! A command means what it says at its place in the stream. The one that is put off is the creation of
//! an entry, until the next command shows its name; and the times of directories, which every later
//! change in them would spoil.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;

use btrsync_kernel as kernel;
use btrsync_stream::{Command, CommandKind, Frame};
use rustix::fs::{AtFlags, RenameFlags, Timestamps, fstat, linkat, renameat_with, unlinkat};
use rustix::io::Errno;
use uuid::Uuid;

use super::apply_error::{Applied, ApplyError, Told};
use super::clone::{self, Range};
use super::create::Creation;
use super::error::ReceiveError;
use super::original::{Extent, Fetch};
use super::prefix::Prefix;
use super::root::Root;
use super::source::{Named, Sources};
use super::tree::{Tree, timestamps};
use super::{attributes, data};

/// A subvolume that is being received.
#[derive(Debug)]
pub(super) struct Applier {
    tree: Tree,
    uuid: Uuid,
    decompress: bool,
    creation: Option<(Creation, Place)>,
    root: Root,
    /// What fetches the data of files, where the stream has none.
    fetch: Option<Fetch>,
}

/// Where a command stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    command: CommandKind,
    offset: u64,
}

impl Applier {
    /// Takes over the root directory of a staging subvolume; `root_times` are those of its parent, if it
    /// has one, which it gets if the stream says nothing of them.
    pub(super) fn new(
        root: File,
        uuid: Uuid,
        root_times: Option<Timestamps>,
        decompress: bool,
    ) -> Applied<Self> {
        let tree = Tree::new(root)?;
        if root_times.is_none() {
            // It builds on nothing, and has what the destination hands on.
            tree.root().strip()?;
        }
        let root = Root::close(&tree.root().file, root_times)?;
        Ok(Self { tree, uuid, decompress, creation: None, root, fetch: None })
    }

    /// Takes over the root directory of a staging subvolume that an interrupted run has left as it was
    /// when it settled, with what it then knew of the root.
    pub(super) fn resume(dir: File, uuid: Uuid, root: Root, decompress: bool) -> Applied<Self> {
        Ok(Self { tree: Tree::new(dir)?, uuid, decompress, creation: None, root, fetch: None })
    }

    /// Lets the data of files be fetched, as the stream has none.
    pub(super) fn fetching(self, fetch: Option<Fetch>) -> Self {
        Self { fetch, ..self }
    }

    pub(super) fn fetch(&self) -> Option<&Fetch> {
        self.fetch.as_ref()
    }

    pub(super) fn fetch_mut(&mut self) -> Option<&mut Fetch> {
        self.fetch.as_mut()
    }

    /// Counts bytes that are not fetched, or come twice where the number is negative.
    pub(super) fn count(&self, bytes: i64) {
        self.fetch.iter().for_each(|fetch| fetch.count(bytes));
    }

    /// What bytes of a whole stream amount to.
    pub(super) fn amount(&self, bytes: u64) -> u64 {
        self.fetch.as_ref().map_or(bytes, |fetch| fetch.amount(bytes))
    }

    /// What a stream has before its first command.
    pub(super) fn prefix(&self) -> Prefix {
        self.fetch.as_ref().map(Fetch::prefix).unwrap_or_default()
    }

    /// Whether all commands but the last are applied, and that one is put off as a whole.
    pub(super) fn is_behind(&self) -> bool {
        self.creation.is_some()
    }

    /// Does what was put off, but for a creation and what the root gets, so that the subvolume is as the
    /// stream means it to be here. Returns what the root is to get.
    pub(super) fn settle(&mut self) -> Applied<(&File, &Root)> {
        self.tree.settle()?;
        Ok((&self.tree.root().file, &self.root))
    }

    /// Applies a command.
    pub(super) fn apply(
        &mut self,
        frame: &Frame<'_>,
        command: &Command<'_>,
        sources: &mut Sources<'_>,
    ) -> Result<(), ReceiveError> {
        let place = Place { command: frame.kind(), offset: frame.offset() };
        if let Some(fetch) = &mut self.fetch {
            fetch.note(command, place.offset);
        }
        if let Some(created) = self.create(command)? {
            return Ok(created);
        }
        let applied = Creation::of(command).and_then(|creation| match creation {
            Some(creation) => {
                self.creation = Some((creation, place));
                Ok(())
            }
            None if self.fetch.is_some() && frame.kind() == CommandKind::UpdateExtent => {
                self.copy(command, frame.offset())
            }
            None if path_of(command).is_empty() => self.change_root(command, sources),
            None => self.change(command, sources),
        });
        applied.map_err(|error| place.failed(path_of(command), error))
    }

    /// Makes what was put off. Returns whether the command was a part of that.
    fn create(&mut self, next: &Command<'_>) -> Result<Option<()>, ReceiveError> {
        let Some((creation, place)) = self.creation.take() else { return Ok(None) };
        let renamed = match *next {
            Command::Rename { path, to } if path == creation.path() => Some(to),
            _ => None,
        };
        let made = match renamed {
            Some(to) => creation.make_as(&mut self.tree, to),
            None => creation.make(&mut self.tree),
        };
        made.map_err(|error| place.failed(renamed.unwrap_or(creation.path()), error))?;
        Ok(renamed.map(drop))
    }

    /// Puts off what opens the root to others, and its times.
    fn change_root(&mut self, command: &Command<'_>, sources: &mut Sources<'_>) -> Applied<()> {
        let root = &mut self.root;
        match *command {
            Command::Chmod { mode, .. } => root.set_mode(mode),
            Command::Chown { uid, gid, .. } => root.set_owner(uid, gid)?,
            Command::SetXattr { name, value, .. } => {
                root.set_attribute(self.tree.root(), name, value)?;
            }
            Command::Utimes { atime, mtime, .. } => root.times = Some(timestamps(atime, mtime)?),
            _ => self.change(command, sources)?,
        }
        Ok(())
    }

    fn change(&mut self, command: &Command<'_>, sources: &mut Sources<'_>) -> Applied<()> {
        let tree = &mut self.tree;
        match *command {
            Command::Rename { path, to } => rename(tree, path, to),
            Command::Link { path, existing } => link(tree, path, existing),
            Command::Unlink { path } => remove(tree, path, AtFlags::empty()),
            Command::Rmdir { path } => remove(tree, path, AtFlags::REMOVEDIR),
            Command::SetXattr { path, name, value } => tree.node(path)?.set_attribute(name, value),
            Command::RemoveXattr { path, name } => tree.node(path)?.remove_attribute(name),
            Command::Chmod { path, mode } => tree.set_mode(path, mode),
            Command::Chown { path, uid, gid } => tree.node(path)?.set_owner(uid, gid),
            Command::Utimes { path, atime, mtime, .. } => {
                self.set_times(path, timestamps(atime, mtime)?)
            }
            Command::Clone { .. } => self.clone(command, sources),
            _ => self.change_data(command),
        }
    }

    fn change_data(&mut self, command: &Command<'_>) -> Applied<()> {
        let tree = &mut self.tree;
        match *command {
            Command::Write { path, offset, data } => data::write(tree, path, offset, data),
            Command::Truncate { path, size } => data::truncate(tree, path, size),
            Command::Fallocate { path, mode, offset, size } => {
                data::allocate(tree, path, mode, (offset, size))
            }
            Command::Fileattr { path, flags } => attributes::set_flags(tree, path, flags),
            Command::EnableVerity { path, algorithm, block_size, salt, signature } => {
                let algorithm = algorithm.into();
                let verity = kernel::Verity { algorithm, block_size, salt, signature };
                data::enable_verity(tree, path, &verity)
            }
            Command::EncodedWrite { path, .. } => {
                let encoded = data::encoded(command)?;
                encoded.map_or(Ok(()), |e| data::encoded_write(tree, path, &e, self.decompress))
            }
            Command::UpdateExtent { .. } => Err(ApplyError::NoData),
            // What begins and ends a subvolume is not a change of it.
            _ => Ok(()),
        }
    }

    fn set_times(&mut self, path: &[u8], times: Timestamps) -> Applied<()> {
        let node = self.tree.node(path)?;
        if node.is_dir() {
            node.set_times_later(times);
            return Ok(());
        }
        node.set_times(&times)
    }

    fn clone(&mut self, command: &Command<'_>, sources: &mut Sources<'_>) -> Applied<()> {
        let Command::Clone {
            path,
            offset,
            len,
            clone_uuid,
            clone_ctransid,
            clone_path,
            clone_offset,
        } = *command
        else {
            return Ok(());
        };
        let range = Range { offset, from: clone_offset, length: len };
        if clone_uuid == self.uuid {
            let source = self.tree.readable(clone_path)?;
            return clone::share(&mut self.tree, path, &source.file, range);
        }
        let named = Named { uuid: clone_uuid, ctransid: clone_ctransid };
        let source = sources.file(named, clone_path)?;
        clone::share(&mut self.tree, path, &source, range)
    }

    /// Fetches the data that a command at a place in the stream tells of.
    fn copy(&mut self, command: &Command<'_>, place: u64) -> Applied<()> {
        let (Some(fetch), Command::UpdateExtent { path, offset, size }) =
            (&mut self.fetch, *command)
        else {
            return Err(ApplyError::NoData);
        };
        fetch.copy(&mut self.tree, Extent { path, offset, size }, place)
    }

    /// Does what was put off; returns the root directory, and the times that it gets.
    pub(super) fn finish(mut self) -> Result<(Tree, Option<Timestamps>), ReceiveError> {
        self.fetch.as_ref().map_or(Ok(()), Fetch::finish)?;
        self.create(&Command::End)?;
        let place = Place { command: CommandKind::End, offset: 0 };
        let settled = self.root.open(&self.tree.root().file).and_then(|()| self.tree.settle());
        settled.map_err(|error| place.failed(b"", error))?;
        Ok((self.tree, self.root.times))
    }
}

impl Place {
    fn failed(self, path: &[u8], source: ApplyError) -> ReceiveError {
        let Self { command, offset } = self;
        if matches!(source, ApplyError::Cancelled) {
            return ReceiveError::Cancelled;
        }
        ReceiveError::Apply { command, path: OsString::from_vec(path.to_vec()), offset, source }
    }
}

/// Never over something: a sender moves that away first, and a rename between two links of one file
/// would do nothing.
fn rename(tree: &mut Tree, from: &[u8], to: &[u8]) -> Applied<()> {
    tree.forget(from)?;
    unprotected(tree, from, "rename it", |tree| {
        let ((above, name), (new_above, new_name)) = (tree.parent(from)?, tree.parent(to)?);
        let (above, new_above) = (&above.file, &new_above.file);
        Ok(renameat_with(above, name, new_above, new_name, RenameFlags::NOREPLACE))
    })
}

fn link(tree: &mut Tree, path: &[u8], target: &[u8]) -> Applied<()> {
    unprotected(tree, target, "link it", |tree| {
        let ((above, name), (target_above, target_name)) =
            (tree.parent(path)?, tree.parent(target)?);
        Ok(linkat(&target_above.file, target_name, &above.file, name, AtFlags::empty()))
    })
}

fn remove(tree: &mut Tree, path: &[u8], flags: AtFlags) -> Applied<()> {
    tree.forget(path)?;
    unprotected(tree, path, "remove it", |tree| {
        let (above, name) = tree.parent(path)?;
        Ok(unlinkat(&above.file, name, flags))
    })
}

/// Tries a change once more where it was refused: what stands at the path may be protected, which is
/// lifted by opening it.
fn unprotected(
    tree: &mut Tree,
    path: &[u8],
    what: &'static str,
    change: impl Fn(&mut Tree) -> Applied<rustix::io::Result<()>>,
) -> Applied<()> {
    let mut changed = change(tree)?;
    if changed == Err(Errno::PERM) {
        tree.node(path)?;
        tree.forget(path)?;
        changed = change(tree)?;
    }
    changed.told(what)
}

/// The times of a directory as they are.
pub(super) fn times_of(dir: &File) -> Applied<Timestamps> {
    let stat = fstat(dir).told("look at the parent")?;
    let time = |tv_sec: i64, nsec: u64| rustix::fs::Timespec { tv_sec, tv_nsec: nsec as _ };
    Ok(Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    })
}

/// The path that a command is about.
fn path_of<'a>(command: &Command<'a>) -> &'a [u8] {
    match *command {
        Command::Subvol { path, .. }
        | Command::Snapshot { path, .. }
        | Command::Mkfile { path, .. }
        | Command::Mkdir { path, .. }
        | Command::Mknod { path, .. }
        | Command::Mkfifo { path, .. }
        | Command::Mksock { path, .. }
        | Command::Symlink { path, .. }
        | Command::Rename { path, .. }
        | Command::Link { path, .. }
        | Command::Unlink { path }
        | Command::Rmdir { path }
        | Command::SetXattr { path, .. }
        | Command::RemoveXattr { path, .. }
        | Command::Write { path, .. }
        | Command::Clone { path, .. }
        | Command::Truncate { path, .. }
        | Command::Chmod { path, .. }
        | Command::Chown { path, .. }
        | Command::Utimes { path, .. }
        | Command::UpdateExtent { path, .. }
        | Command::Fallocate { path, .. }
        | Command::Fileattr { path, .. }
        | Command::EncodedWrite { path, .. }
        | Command::EnableVerity { path, .. } => path,
        Command::End => b"",
    }
}
