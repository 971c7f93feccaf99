//! What a SOURCE argument selects.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use btrsync::btrfs::{Forest, Subvolume};
use btrsync::sync::root::{BtrfsRoot, RootError, RootOptions, Scope};

use crate::advice::Failure;
use crate::args::Args;
use crate::glob::{Glob, is_pattern, quote};
use crate::location::{self, Location};

/// A source: its root, and what of it is to be sent.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) root: Arc<dyn BtrfsRoot>,
    pub(crate) what: What,
    /// The argument, as the user gave it.
    pub(crate) argument: OsString,
    /// The directory that the argument names, where it is one.
    pub(crate) directory: Option<PathBuf>,
    filter: Filter,
    location: Location,
    scope: Scope,
}

/// What of a source is selected.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// Everything below a directory of the root.
    Below(PathBuf),
    /// Everything whose path matches.
    Matching(Glob),
    /// One subvolume.
    Exactly(PathBuf),
}

/// The globs of `--include` and `--exclude`.
#[derive(Debug, Default)]
struct Filter {
    include: Vec<Glob>,
    exclude: Vec<Glob>,
}

impl Source {
    /// Finds the root of a SOURCE argument and what it selects there.
    pub(crate) async fn find(argument: &OsStr, args: &Args) -> Result<Self, Failure> {
        let place = location::parse(argument).or_file();
        let factory = place.factory()?;
        let options = RootOptions { scope: args.scope, ..RootOptions::default() };
        let found = Found::look(&place.rest, factory).await?;
        let (root, base) = factory.get_root(&found.path, &options).await?;
        let what = found.what(&base)?;
        let filter = Filter::new(args, &what, &found, &base)?;
        let directory = matches!(found.kind, Kind::Directory).then(|| found.path.clone());
        let location = Location { rest: found.path.into(), ..place };
        let (argument, scope) = (argument.to_os_string(), args.scope);
        Ok(Self { root, what, argument, directory, filter, location, scope })
    }

    /// Lists everything at the root, also what can be written.
    pub(crate) async fn list_all(&self) -> Result<Forest, Failure> {
        let factory = self.location.factory()?;
        let options = RootOptions { scope: self.scope, readonly: false, ..RootOptions::default() };
        let (root, _) = factory.get_root(Path::new(&self.location.rest), &options).await?;
        Ok(root.list().await?)
    }

    /// Whether the parent of each volume is given and cannot be chosen.
    pub(crate) fn has_fixed_parents(&self) -> bool {
        self.location.protocol == "file"
    }

    /// Whether a volume of the root is to be sent.
    pub(crate) fn selects(&self, vol: &Subvolume) -> bool {
        self.what.names(vol) && self.filter.admits(vol)
    }
}

impl What {
    /// Whether the argument names a volume, whatever the filters say.
    pub(crate) fn names(&self, vol: &Subvolume) -> bool {
        match self {
            Self::Below(prefix) => vol.path.starts_with(prefix) && vol.path != *prefix,
            Self::Matching(glob) => glob.matches(vol.path.as_os_str().as_bytes()),
            Self::Exactly(path) => vol.path == *path,
        }
    }
}

/// A SOURCE argument, compared with what is on disk.
struct Found {
    /// The directory to find a root for.
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    Directory,
    File,
    /// The pattern below the directory.
    Pattern(Vec<u8>),
    /// The name of the subvolume in the directory; empty where it is the directory itself.
    Subvolume(OsString),
}

impl Found {
    async fn look(
        argument: &OsStr,
        factory: &dyn btrsync::sync::root::RootFactory,
    ) -> Result<Self, Failure> {
        let path = Path::new(argument);
        if std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
            return Ok(Self { path: path.to_path_buf(), kind: Kind::File });
        }
        if is_pattern(argument.as_bytes()) && std::fs::symlink_metadata(path).is_err() {
            return Ok(Self::pattern(argument.as_bytes()));
        }
        let metadata = std::fs::metadata(path)
            .map_err(|source| RootError::Open { path: path.to_path_buf(), source })?;
        if !metadata.is_dir() {
            return Err(RootError::NotADirectory { path: path.to_path_buf() }.into());
        }
        let directory = Self { path: path.to_path_buf(), kind: Kind::Directory };
        if argument.as_bytes().ends_with(b"/") || !factory.is_root(path).await? {
            return Ok(directory);
        }
        Ok(Self::subvolume(path).unwrap_or(directory))
    }

    /// Splits a pattern where its first wildcard stands.
    fn pattern(argument: &[u8]) -> Self {
        let literal = argument.iter().position(|c| is_pattern(&[*c])).unwrap_or(argument.len());
        let at = argument[..literal].iter().rposition(|c| *c == b'/').map_or(0, |slash| slash + 1);
        let base = if at == 0 { b"." } else { &argument[..at] };
        let mut pattern = argument[at..].to_vec();
        if pattern.ends_with(b"/") {
            pattern.push(b'*');
        }
        Self {
            path: PathBuf::from(OsString::from_vec(base.to_vec())),
            kind: Kind::Pattern(pattern),
        }
    }

    /// Sees a subvolume from the one that holds it, unless it is mounted here by itself.
    fn subvolume(path: &Path) -> Option<Self> {
        let path = std::fs::canonicalize(path).ok()?;
        let whole = Self { path: path.clone(), kind: Kind::Subvolume(OsString::new()) };
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            return Some(whole);
        };
        if is_mount_point(above, name) {
            return Some(whole);
        }
        Some(Self { path: above.to_path_buf(), kind: Kind::Subvolume(name.to_os_string()) })
    }

    /// What this selects below `base`, the path of its directory in the root.
    fn what(&self, base: &Path) -> Result<What, Failure> {
        Ok(match &self.kind {
            Kind::Directory | Kind::File => What::Below(base.to_path_buf()),
            Kind::Subvolume(name) if name.is_empty() => What::Exactly(base.to_path_buf()),
            Kind::Subvolume(name) => What::Exactly(base.join(name)),
            Kind::Pattern(pattern) => What::Matching(below(base, pattern)?),
        })
    }
}

/// Whether another mount begins at an entry of a directory.
fn is_mount_point(directory: &Path, name: &OsStr) -> bool {
    use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
    let Ok(above) = std::fs::File::open(directory) else { return true };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let opened = openat2(&above, name, flags, Mode::empty(), ResolveFlags::NO_XDEV);
    matches!(opened, Err(rustix::io::Errno::XDEV))
}

/// Makes a pattern of one that is relative to a directory of the root.
fn below(base: &Path, pattern: &[u8]) -> Result<Glob, Failure> {
    let mut whole = quote(base.as_os_str().as_bytes());
    if !whole.is_empty() {
        whole.push(b'/');
    }
    whole.extend(pattern);
    Glob::new(&whole).map_err(Failure::usage)
}

impl Filter {
    /// Globs are relative to the directory that SOURCE names; that of a pattern may be a pattern.
    fn new(args: &Args, what: &What, found: &Found, base: &Path) -> Result<Self, Failure> {
        let base = if matches!(what, What::Exactly(_)) { Path::new("") } else { base };
        let within = match &found.kind {
            Kind::Pattern(pattern) => {
                pattern.iter().rposition(|c| *c == b'/').map_or(&[][..], |at| &pattern[..=at])
            }
            _ => &[],
        };
        let compile = |glob: &OsString| below(base, &[within, glob.as_bytes()].concat());
        Ok(Self {
            include: args.include.iter().map(compile).collect::<Result<_, _>>()?,
            exclude: args.exclude.iter().map(compile).collect::<Result<_, _>>()?,
        })
    }

    fn admits(&self, vol: &Subvolume) -> bool {
        let path = vol.path.as_os_str().as_bytes();
        let any = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(path));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vol(path: &str) -> Subvolume {
        Subvolume { path: PathBuf::from(path), ..Subvolume::default() }
    }

    fn names(argument: &str, base: &str, path: &str) -> bool {
        Found::pattern(argument.as_bytes()).what(Path::new(base)).unwrap().names(&vol(path))
    }

    #[test]
    fn a_pattern_begins_after_the_last_literal_directory() {
        for (argument, base) in
            [("*", "."), ("a*", "."), ("/a/b*/c", "/a/"), ("a/b/[c]", "a/b/"), ("/*", "/")]
        {
            assert_eq!(Found::pattern(argument.as_bytes()).path, Path::new(base), "{argument}");
        }
    }

    #[test]
    fn a_pattern_matches_whole_paths_below_its_directory() {
        assert!(names("/mnt/day*", "snaps", "snaps/day1"));
        assert!(names("/mnt/*1", "snaps", "snaps/a/day1"));
        assert!(!names("/mnt/day*", "snaps", "day1"));
        assert!(names("day*", "", "day1"), "directly in the root");
        assert!(names("/mnt/d*/", "", "days/1") && !names("/mnt/d*/", "", "days"));
        assert!(!names("/mnt/*", "a[b]", "ab/x") && names("/mnt/*", "a[b]", "a[b]/x"));
    }

    #[test]
    fn a_directory_selects_what_is_below_it_and_not_what_only_begins_like_it() {
        let below = What::Below(PathBuf::from("snaps"));
        assert!(below.names(&vol("snaps/a/b")));
        assert!(!below.names(&vol("snaps")) && !below.names(&vol("snaps2/a")));
        let all = What::Below(PathBuf::new());
        assert!(all.names(&vol("a")) && !all.names(&vol("")));
    }
}
