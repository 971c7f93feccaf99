//! What a SOURCE argument selects.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use btrsync::btrfs::{Forest, Subvolume};
use btrsync::sync::Hooks;
use btrsync::sync::root::{self, BtrfsRoot, Look, RootError, RootOptions, Scope};
use btrsync::text::escaped;

use crate::advice::Failure;
use crate::glob::{Glob, is_pattern, quote};
use crate::places::{Place, Places, Side};
use crate::shared_args::Selection;

/// A source: its root, and what of it is to be sent.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) root: Arc<dyn BtrfsRoot>,
    pub(crate) what: What,
    /// The argument, as the user gave it.
    pub(crate) argument: OsString,
    filter: Filter,
    place: Place,
    /// The path that the root was found for.
    base: PathBuf,
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
    pub(crate) async fn find(
        argument: &OsStr,
        places: &Places<'_>,
        selection: &Selection,
    ) -> Result<Self, Failure> {
        let place = places.find(argument, Side::Source).await?;
        let options = RootOptions { scope: selection.scope, ..RootOptions::default() };
        let found = Found::new(&place)?;
        let (root, base) = place.factory.get_root(&found.path, &options).await?;
        let what = found.what(&base)?;
        let filter = Filter::new(selection, &what, &found, &base)?;
        let (argument, scope) = (argument.to_os_string(), selection.scope);
        Ok(Self { root, what, argument, filter, place, base: found.path, scope })
    }

    /// Lists everything at the root, also what can be written.
    pub(crate) async fn list_all(&self) -> Result<Forest, Failure> {
        let options = RootOptions { scope: self.scope, readonly: false, ..RootOptions::default() };
        let (root, _) = self.place.factory.get_root(&self.base, &options).await?;
        Ok(root.list().await?)
    }

    /// Whether the parent of each volume is given and cannot be chosen.
    pub(crate) fn has_fixed_parents(&self) -> bool {
        self.is_stream_file()
    }

    /// Whether this is a stream file, which has no tree of its own.
    pub(crate) fn is_stream_file(&self) -> bool {
        self.place.is_stream_file()
    }

    /// Whether this names just the directory of a place, by whatever names.
    pub(crate) fn is_directory(&self, place: &Place) -> bool {
        matches!(self.what, What::Below(_)) && self.place.is_same_directory(place)
    }

    /// Whether a volume of the root is to be sent.
    pub(crate) fn selects(&self, vol: &Subvolume) -> bool {
        self.what.names(vol) && self.filter.admits(vol)
    }
}

/// What of a source is sent, and from which parents.
pub(crate) fn hooks(source: &Arc<Source>) -> Hooks {
    let selecting = Arc::clone(source);
    let hooks = Hooks::default().target(move |vol| selecting.selects(vol));
    match source.has_fixed_parents() {
        false => hooks,
        true => hooks
            .parent(|view, vol| view.source().parent(vol).filter(|parent| view.is_usable(parent))),
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
    fn new(place: &Place) -> Result<Self, Failure> {
        let argument = place.path.as_os_str().as_bytes();
        let directory = || Self { path: place.path.clone(), kind: Kind::Directory };
        match place.look.kind {
            root::Kind::Missing if is_pattern(argument) => Ok(Self::pattern(argument)),
            root::Kind::Missing => {
                let source = std::io::Error::from_raw_os_error(ENOENT);
                Err(RootError::Open { path: place.shown(), source }.into())
            }
            root::Kind::File if place.is_stream_file() => {
                Ok(Self { path: place.path.clone(), kind: Kind::File })
            }
            root::Kind::File => {
                let message = format!("{} is a file on another machine", escaped(&place.shown()));
                Err(Failure::new(message, "copy the stream file here, or run btrsync there"))
            }
            root::Kind::Other => Err(RootError::NotADirectory { path: place.shown() }.into()),
            root::Kind::Directory => Ok(directory()),
            root::Kind::Subvolume if argument.ends_with(b"/") => Ok(directory()),
            root::Kind::Subvolume => Ok(Self::subvolume(&place.look)),
        }
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

    /// Sees a subvolume from the one that holds it, unless it is mounted there by itself.
    fn subvolume(look: &Look) -> Self {
        match (look.path.parent(), look.path.file_name()) {
            (Some(above), Some(name)) if !look.mounted => {
                Self { path: above.to_path_buf(), kind: Kind::Subvolume(name.to_os_string()) }
            }
            _ => Self { path: look.path.clone(), kind: Kind::Subvolume(OsString::new()) },
        }
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

const ENOENT: i32 = 2;

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
    fn new(
        selection: &Selection,
        what: &What,
        found: &Found,
        base: &Path,
    ) -> Result<Self, Failure> {
        let base = if matches!(what, What::Exactly(_)) { Path::new("") } else { base };
        let within = match &found.kind {
            Kind::Pattern(pattern) => {
                pattern.iter().rposition(|c| *c == b'/').map_or(&[][..], |at| &pattern[..=at])
            }
            _ => &[],
        };
        let compile = |glob: &OsString| below(base, &[within, glob.as_bytes()].concat());
        Ok(Self {
            include: selection.include.iter().map(compile).collect::<Result<_, _>>()?,
            exclude: selection.exclude.iter().map(compile).collect::<Result<_, _>>()?,
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
