//! Finds what stands at a path of the other side, and the subvolume that holds it.
//!
//! One script asks for everything; what it means is decided here, from the inode numbers of the
//! directories above (256 is the root of a subvolume) and the table of mounts.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::super::contract::{Kind, Look};
use super::super::error::RootError;
use super::super::mounts::{Mount, mount_of};
use super::Shell;
use super::script::Script;

const ROOT_INODE: u64 = 256;

/// Makes the path `p` absolute; what begins with `~` is a home directory where `h` is set.
macro_rules! absolute {
    () => {
        r#"
if test -n "$h"; then case $p in
  '~') p=$HOME;;
  '~/'*) p=$HOME/${p#'~/'};;
  '~'*) u=${p%%/*}; case ${u#'~'} in *[!A-Za-z0-9._-]*) ;; *) p=$(eval "printf %s $u")${p#"$u"};; esac;;
esac; fi
case $p in /*) ;; *) p=$PWD/$p;; esac
"#
    };
}

/// Prints, each with a NUL behind it: the kind, the part that exists without symbolic links, the part that
/// does not, whether it can be written to, and the inode numbers from there up; then the table of mounts. Where no path can
/// be like that, prints the errno. `$2` tells whether `~` is the home directory.
const LOOK: &str = concat!(
    "\np=$1; h=$2",
    absolute!(),
    r#"
e=$p; m=
while ! t -e "$e"; do
  while :; do case $e in ?*/) e=${e%/};; *) break;; esac; done
  b=${e##*/}
  case $b in .|..) printf '2\0'; exit 0;; esac
  m=$b${m:+/$m}; e=${e%/*}; e=${e:-/}
done
if test -n "$m"; then
  t -d "$e" || { printf '20\0'; exit 0; }
  t -x "$e" || { echo 'Permission denied' >&2; failed 1 ls "$p"; }
fi
q=$(try readlink -f -- "$e" && echo x) || exit
q=${q%?x}
k=other
if test -n "$m"; then k=missing; elif t -d "$q"; then k=directory; elif t -f "$q"; then k=file; fi
w=; t -w "$q" && w=w
printf '%s\0%s\0%s\0%s\0' "$k" "$q" "$m" "$w"
d=$q; t -d "$d" || d=${d%/*}; d=${d:-/}
set --
while :; do set -- "$@" "$d"; test "$d" = / && break; d=${d%/*}; d=${d:-/}; done
i=$(stat -c %i -- "$@" 2>/dev/null) || i=$(r stat -c %i -- "$@") || exit
printf '%s\0' "$i"
cat /proc/self/mountinfo
"#
);

/// Prints the absolute path of one that may begin with a home directory.
const ABSOLUTE: &str = concat!("\np=$1; h=home", absolute!(), r#"printf %s "$p""#);

/// Makes a path of the other side absolute.
pub(super) fn absolute(shell: &Shell, path_there: &Path) -> Result<PathBuf, RootError> {
    Ok(path(&shell.ask(&Script::new(ABSOLUTE).arg(path_there))?))
}

/// What the script tells of a path.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) kind: Kind,
    /// The part that exists, without symbolic links.
    pub(super) existing: PathBuf,
    /// The rest.
    pub(super) missing: PathBuf,
    /// Whether the part that exists can be written to.
    pub(super) is_writable: bool,
    /// The nearest subvolume at or above, within the mount.
    pub(super) root: Option<PathBuf>,
    /// The inode of what exists.
    pub(super) inode: u64,
    pub(super) mount: Mount,
}

impl Place {
    /// Asks for a path.
    pub(super) fn ask(shell: &Shell, path: &Path) -> Result<Self, RootError> {
        let home = if shell.link.is_remote() { "home" } else { "" };
        let answer = shell.ask(&Script::new(LOOK).arg(path).arg(home))?;
        if let Some(source) = refusal(&answer) {
            return Err(RootError::Open { path: shell.shown(path), source });
        }
        Self::read(&answer).ok_or_else(|| {
            shell.garbled("stat", "its inode numbers or the table of mounts are missing").into()
        })
    }

    fn read(answer: &[u8]) -> Option<Self> {
        let mut fields = answer.splitn(6, |c| *c == 0);
        let mut next = || fields.next();
        let (kind, existing, missing) = (next()?, path(next()?), path(next()?));
        let (writable, inodes, mounts) = (next()?, next()?, next()?);
        let is_writable = !writable.is_empty();
        let dir = if kind == b"directory" || kind == b"missing" {
            existing.as_path()
        } else {
            existing.parent()?
        };
        let inodes: Vec<u64> = std::str::from_utf8(inodes)
            .ok()?
            .lines()
            .map(|inode| inode.parse().ok())
            .collect::<Option<_>>()?;
        let mount = mount_of(dir, mounts)?;
        let above: Vec<&Path> = dir.ancestors().collect();
        if above.len() != inodes.len() {
            return None;
        }
        let root = above
            .iter()
            .zip(&inodes)
            .take_while(|(above, _)| above.starts_with(&mount.point))
            .find(|(_, inode)| **inode == ROOT_INODE)
            .map(|(above, _)| above.to_path_buf());
        let kind = match kind {
            b"missing" => Kind::Missing,
            b"file" => Kind::File,
            b"directory" if mount.is_btrfs && inodes.first() == Some(&ROOT_INODE) => {
                Kind::Subvolume
            }
            b"directory" => Kind::Directory,
            _ => Kind::Other,
        };
        let inode = *inodes.first()?;
        Some(Self { kind, existing, missing, is_writable, root, inode, mount })
    }

    /// Whether a directory is there.
    pub(super) fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory | Kind::Subvolume)
    }

    /// What this is as the answer to [`look`](super::super::RootFactory::look).
    pub(super) fn into_look(self, asked: &Path) -> Look {
        let mounted = self.mount.point == self.existing;
        match self.kind {
            Kind::Missing => {
                Look { kind: Kind::Missing, path: asked.to_path_buf(), mounted: false }
            }
            kind => Look { kind, path: self.existing, mounted },
        }
    }

    /// The subvolume that holds it, and the path in that.
    pub(super) fn into_root(self, shell: &Shell) -> Result<(PathBuf, PathBuf), RootError> {
        let shown = shell.shown(&self.existing);
        if matches!(self.kind, Kind::File | Kind::Other) {
            return Err(RootError::NotADirectory { path: shown });
        }
        if !self.mount.is_btrfs {
            return Err(RootError::NotBtrfs { path: shown });
        }
        let Some(root) = self.root else { return Err(RootError::NoSubvolume { path: shown }) };
        let inside = self.existing.strip_prefix(&root).unwrap_or(Path::new(""));
        let below = inside.iter().chain(self.missing.iter()).collect();
        Ok((root, below))
    }
}

/// The errno that is all of an answer.
fn refusal(answer: &[u8]) -> Option<io::Error> {
    let errno = std::str::from_utf8(answer.strip_suffix(b"\0")?).ok()?.parse().ok()?;
    Some(io::Error::from_raw_os_error(errno))
}

pub(super) fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
        2 1 0:30 / /mnt rw shared:1 - btrfs /dev/sdb rw\n\
        3 2 0:30 /sub/dir /mnt/bind rw - btrfs /dev/sdb rw\n";

    fn place(kind: &str, existing: &str, missing: &str, inodes: &str) -> Option<Place> {
        Place::read(format!("{kind}\0{existing}\0{missing}\0w\0{inodes}\0{MOUNTS}").as_bytes())
    }

    #[test]
    fn the_nearest_subvolume_is_found_within_the_mount() {
        let root =
            |existing: &str, inodes: &str| place("directory", existing, "", inodes).unwrap().root;
        assert_eq!(root("/mnt/a/b", "300\n301\n256\n2"), Some("/mnt".into()));
        assert_eq!(root("/mnt/a/b", "300\n256\n256\n2"), Some("/mnt/a".into()));
        assert_eq!(root("/mnt/bind/x", "300\n301\n256\n2"), None, "the mount shows a part");
        assert_eq!(
            root("/home", "256\n256"),
            Some("/home".into()),
            "of another kind: see is_btrfs"
        );
        assert!(!place("directory", "/home", "", "256\n2").unwrap().mount.is_btrfs);
    }

    #[test]
    fn kinds() {
        let kind = |kind, existing, inodes| place(kind, existing, "", inodes).unwrap().kind;
        assert_eq!(kind("directory", "/mnt", "256\n2"), Kind::Subvolume);
        assert_eq!(kind("directory", "/mnt/a", "257\n256\n2"), Kind::Directory);
        assert_eq!(kind("directory", "/home", "256\n2"), Kind::Directory);
        assert_eq!(kind("file", "/mnt/f", "256\n2"), Kind::File);
        assert_eq!(kind("missing", "/mnt", "256\n2"), Kind::Missing);
    }

    #[test]
    fn an_answer_that_breaks_off_is_none() {
        assert!(place("directory", "/mnt/a", "", "257\n256").is_none());
        assert!(Place::read(b"directory\0/mnt\0").is_none());
    }
}
