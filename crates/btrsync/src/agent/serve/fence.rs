//! What a client may do that is not trusted: a few operations, below one directory.
//!
//! Whoever holds a key for that can send any request, with any path and any subvolume in it. So nothing that a
//! request says is used before it was held against the fence: paths by their components and then beneath the
//! directory without any link, subvolumes against a listing that was made now.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::super::failure::{Failure, Sort};
use super::{Stop, wait};
use crate::btrfs::Subvolume;
use crate::sync::root::{BtrfsRoot, LocalRoot, RootOptions};
use crate::text::escaped;

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allow {
    /// See which subvolumes there are.
    pub list: bool,
    /// Receive new subvolumes; nothing is ever overwritten. It may list too.
    pub receive: bool,
    /// Read subvolumes: send and digest them. It may list too.
    pub send: bool,
    /// Remove what interrupted runs have left, and nothing else. It may list too.
    pub delete: bool,
}

/// Is told what was refused.
pub trait Refusals: fmt::Debug + Send + Sync {
    /// Is told of one; in one line, without control characters.
    fn refused(&self, what: &str);
}

/// The fence around a client that is not trusted.
#[derive(Debug, Clone)]
pub struct Fence {
    /// Without links.
    path: PathBuf,
    /// As it was named.
    named: PathBuf,
    dir: Arc<File>,
    allow: Allow,
    refusals: Arc<dyn Refusals>,
}

/// What is asked for, as far as it matters whether it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// To see what there is; whatever else is allowed needs that.
    See,
    /// To receive.
    Receive,
    /// To read content.
    Read,
    /// To remove what was left.
    Delete,
}

impl Fence {
    /// Opens the directory that all must stay below.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened.
    pub fn new(path: &Path, allow: Allow, refusals: Arc<dyn Refusals>) -> io::Result<Self> {
        let named = std::path::absolute(path)?;
        let path = std::fs::canonicalize(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = File::from(rustix::fs::open(&path, flags, Mode::empty())?);
        Ok(Self { path, named, dir: Arc::new(dir), allow, refusals })
    }

    /// Returns the directory, without links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is allowed, in words.
    pub(super) fn words(&self) -> Vec<String> {
        let Allow { list, receive, send, delete } = self.allow;
        let words = [("list", list), ("receive", receive), ("send", send), ("delete", delete)];
        words.iter().filter(|(_, allowed)| *allowed).map(|(word, _)| (*word).to_owned()).collect()
    }

    /// Tells that something is not allowed, here and to whom it concerns.
    pub(super) fn refuse(&self, what: impl fmt::Display) -> Stop {
        let what = what.to_string();
        self.refusals.refused(&what);
        Stop::Failed(Failure::new(Sort::NotAllowed, format!("not allowed: {what}")))
    }

    /// Looks at a failure before it is told: what no client of ours would ask for is refused, and whoever is
    /// fenced in need not know what is outside.
    pub(super) fn judge(&self, failure: Failure) -> Failure {
        match failure.sort() {
            Sort::Unsupported => {
                self.refusals.refused(failure.message());
                Failure::new(Sort::NotAllowed, format!("not allowed: {}", failure.message()))
            }
            Sort::ParentOutside => Failure::new(
                Sort::ParentOutside,
                "what the stream builds on is not below the directory",
            ),
            _ => failure,
        }
    }

    /// Refuses what is not allowed.
    pub(super) fn check(&self, deed: Deed) -> Result<(), Stop> {
        let Allow { list, receive, send, delete } = self.allow;
        match deed {
            Deed::See if list || receive || send || delete => Ok(()),
            Deed::Receive if receive => Ok(()),
            Deed::Read if send => Ok(()),
            Deed::Delete if delete => Ok(()),
            Deed::See => Err(self.refuse("to list")),
            Deed::Receive => Err(self.refuse("to receive")),
            Deed::Read => Err(self.refuse("to read")),
            Deed::Delete => Err(self.refuse("to delete")),
        }
    }

    /// Refuses a path that is not below the directory; a relative one begins there. Returns it without
    /// anything that has to be resolved.
    pub(super) fn place(&self, path: &Path) -> Result<PathBuf, Stop> {
        let refuse = || self.refuse(format_args!("the path {}", escaped(path)));
        let whole = self.path.join(path);
        let rest = whole.strip_prefix(&self.path).or_else(|_| whole.strip_prefix(&self.named));
        let rest = rest.map_err(|_| refuse())?;
        match is_plain(rest) && self.is_beneath(rest) {
            true => Ok(self.path.join(rest)),
            false => Err(refuse()),
        }
    }

    /// Whether what exists of a path below the directory is there without any link.
    fn is_beneath(&self, rest: &Path) -> bool {
        let beneath =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        rest.ancestors().filter(|part| !part.as_os_str().is_empty()).all(|part| {
            let opened = openat2(&*self.dir, part, flags, Mode::empty(), beneath);
            matches!(opened, Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::AGAIN))
        })
    }

    /// Opens a root below the directory, or the one that holds it.
    pub(super) fn root(
        &self,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Fenced, PathBuf), Stop> {
        let place = self.place(path)?;
        let failed = |source| crate::sync::root::RootError::Open { path: place.clone(), source };
        let dir = self.dir.try_clone().map_err(failed)?;
        let (root, below) = LocalRoot::fenced(&place, options, dir)?;
        // It was looked at by its path, in which something may have been put meanwhile.
        if !root.path().join(&below).starts_with(&self.path) {
            return Err(self.refuse(format_args!("the path {}", escaped(path))));
        }
        let above = self.path.strip_prefix(root.path()).unwrap_or(Path::new("")).to_path_buf();
        Ok((Fenced { root: Arc::new(root), fence: Some((self.clone(), above)) }, below))
    }
}

/// Whether a path has nothing but names in it.
fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// A root, and the fence in it, if there is one.
#[derive(Debug, Clone)]
pub(super) struct Fenced {
    pub(super) root: Arc<dyn BtrfsRoot>,
    /// The fence, and where in the root its directory is.
    pub(super) fence: Option<(Fence, PathBuf)>,
}

impl Fenced {
    /// Refuses what is not allowed.
    pub(super) fn check(&self, deed: Deed) -> Result<(), Stop> {
        self.fence.as_ref().map_or(Ok(()), |(fence, _)| fence.check(deed))
    }

    /// Refuses a path of the root that is not below the fence.
    pub(super) fn path(&self, path: &Path) -> Result<(), Stop> {
        match &self.fence {
            Some((fence, above)) if !is_plain(path) || !path.starts_with(above) => {
                Err(fence.refuse(format_args!("the path {}", escaped(path))))
            }
            _ => Ok(()),
        }
    }

    /// Whether a subvolume is inside of the fence.
    pub(super) fn shows(&self, vol: &Subvolume) -> bool {
        self.fence.as_ref().is_none_or(|(_, above)| vol.path.starts_with(above))
    }

    /// Refuses subvolumes that are not listed inside of the fence as they are named.
    pub(super) fn vols<'a>(&self, vols: impl Iterator<Item = &'a Subvolume>) -> Result<(), Stop> {
        let Some((fence, _)) = &self.fence else { return Ok(()) };
        let forest = wait(self.root.list())?;
        for vol in vols {
            let is_it = |listed: &Subvolume| listed.path == vol.path && listed.uuid == vol.uuid;
            let listed = forest.get(vol.id).filter(|listed| is_it(listed) && self.shows(listed));
            if listed.is_none() {
                return Err(fence.refuse(format_args!("the subvolume {}", escaped(&vol.path))));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Noted(Mutex<Vec<String>>);

    impl Refusals for Noted {
        fn refused(&self, what: &str) {
            self.0.lock().unwrap().push(what.to_owned());
        }
    }

    #[test]
    fn only_what_is_below_without_a_link_has_a_place_and_the_rest_is_told() {
        let home = tempfile::tempdir().unwrap();
        let (dir, outside) = (home.path().join("dir"), home.path().join("directory"));
        fs::create_dir_all(dir.join("sub")).unwrap();
        fs::create_dir(&outside).unwrap();
        symlink("/etc", dir.join("link")).unwrap();
        symlink("sub", dir.join("sub/inner")).unwrap();
        let noted = Arc::new(Noted::default());
        let fence = Fence::new(&dir, Allow::default(), noted.clone()).unwrap();
        let real = fence.path().to_path_buf();
        for (path, place) in [
            ("", ""),
            ("sub", "sub"),
            ("none/none", "none/none"),
            ("./sub/./x", "sub/x"),
            ("sub/", "sub"),
        ] {
            assert_eq!(fence.place(Path::new(path)).unwrap(), real.join(place), "{path}");
            assert_eq!(fence.place(&real.join(path)).unwrap(), real.join(place), "{path}");
        }
        let far = outside.to_str().unwrap();
        let bad = [
            "/",
            "/etc",
            "..",
            "sub/..",
            "../dir",
            "link",
            "link/x",
            "sub/inner",
            "none/../x",
            far,
        ];
        for path in bad {
            assert!(fence.place(Path::new(path)).is_err(), "{path}");
        }
        assert_eq!(noted.0.lock().unwrap().len(), bad.len());
    }

    #[test]
    fn what_is_allowed_may_see_and_nothing_more() {
        let noted: Arc<Noted> = Arc::default();
        let may = |allow| {
            let fence = Fence::new(Path::new("/"), allow, noted.clone()).unwrap();
            [Deed::See, Deed::Receive, Deed::Read, Deed::Delete]
                .map(|deed| fence.check(deed).is_ok())
        };
        let none = Allow::default();
        assert_eq!(may(none), [false, false, false, false]);
        assert_eq!(may(Allow { delete: true, ..none }), [true, false, false, true]);
        assert_eq!(may(Allow { list: true, ..none }), [true, false, false, false]);
        assert_eq!(may(Allow { receive: true, ..none }), [true, true, false, false]);
        assert_eq!(may(Allow { send: true, ..none }), [true, false, true, false]);
    }
}
