//! Trees digested and compared, and the names of what was found.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use btrsync::Cancel;
use btrsync::btrfs::Subvolume;
use btrsync::sync::default_root;
use btrsync::sync::root::{BtrfsRoot, RootError, RootOptions};
use btrsync::verify::{Difference, DigestOptions, Tree, Verdict, VerifyError, compare, verify};

pub(crate) fn read_with(path: &Path, options: DigestOptions) -> Result<Tree, VerifyError> {
    Tree::read(&File::open(path).unwrap(), path, options, &Cancel::new().unwrap())
}

pub(crate) fn read(path: &Path) -> Tree {
    read_with(path, DigestOptions::default()).unwrap()
}

/// The differences between two directories, all of them.
pub(crate) async fn differences(left: &Path, right: &Path) -> Vec<Difference> {
    differences_with(left, right, DigestOptions::default()).await
}

pub(crate) async fn differences_with(
    left: &Path,
    right: &Path,
    options: DigestOptions,
) -> Vec<Difference> {
    let [left, right] = [left, right].map(|path| read_with(path, options).unwrap());
    listed(compare(&left, &right, usize::MAX).await.unwrap())
}

/// The differences of a verdict, which must have listed all.
pub(crate) fn listed(verdict: Verdict) -> Vec<Difference> {
    match verdict {
        Verdict::Equal => Vec::new(),
        Verdict::Different { differences, total } => {
            assert_eq!(differences.len(), total);
            differences
        }
    }
}

/// The paths of the differences, written as the oracle writes them.
pub(crate) async fn different_paths(left: &Path, right: &Path) -> BTreeSet<String> {
    differences(left, right).await.iter().map(|found| shown(&found.path)).collect()
}

pub(crate) fn shown(path: &Path) -> String {
    match path.as_os_str().as_bytes() {
        b"" => ".".to_owned(),
        bytes => bytes.escape_ascii().to_string(),
    }
}

/// The paths in lines of the oracle.
pub(crate) fn oracle_paths<S: AsRef<str>>(lines: &[S]) -> BTreeSet<String> {
    let path = |line: &S| line.as_ref().split_once(": ").unwrap().0.to_owned();
    lines.iter().map(path).collect()
}

pub(crate) type Root = Arc<dyn BtrfsRoot>;

pub(crate) async fn root(path: &Path) -> (Root, PathBuf) {
    let options = RootOptions { readonly: false, ..RootOptions::default() };
    default_root("local").unwrap().get_root(path, &options).await.unwrap()
}

pub(crate) async fn vol(root: &Root, path: impl AsRef<Path>) -> Subvolume {
    let forest = root.list().await.unwrap();
    forest.iter().find(|vol| vol.path == path.as_ref()).unwrap().clone()
}

/// Verifies one subvolume against another, each by its path below a filesystem.
pub(crate) async fn verified(
    (src, from): (&Path, &str),
    (dst, to): (&Path, &str),
) -> Result<Verdict, RootError> {
    let (src, dst) = (root(src).await.0, root(dst).await.0);
    let (from, to) = (vol(&src, from).await, vol(&dst, to).await);
    let (options, cancel) = (DigestOptions::default(), Cancel::new().unwrap());
    verify((src.as_ref(), &from), (dst.as_ref(), &to), options, usize::MAX, &cancel).await
}
