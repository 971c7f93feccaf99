//! The directory of dumps.
//!
//! A dump that is on disk is worth nothing if a crash takes the directory that it is in. So each
//! directory that is created is on disk, as an entry of the one above, before anything is put into it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::error::DumpError;

/// Opens a directory; creates it and those above it where they are missing and that is wanted.
pub(super) fn open(path: &Path, create: bool) -> Result<File, DumpError> {
    let failed = |what| move |source| DumpError::Io { what, path: path.to_path_buf(), source };
    if create {
        create_all(path).map_err(failed("create the directory"))?;
    }
    File::open(path).map_err(failed("open the directory"))
}

fn create_all(path: &Path) -> io::Result<()> {
    let is_missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.is_dir();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    missing.into_iter().rev().try_for_each(create_one)
}

fn create_one(path: &Path) -> io::Result<()> {
    match std::fs::create_dir(path) {
        // Another run was faster, but what it made may not be on disk yet.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        other => other?,
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    File::open(above.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_created_where_that_is_wanted() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/c");
        assert!(matches!(
            open(&path, false),
            Err(DumpError::Io { what: "open the directory", .. })
        ));
        for _ in 0..2 {
            assert!(open(&path, true).unwrap().metadata().unwrap().is_dir());
        }
        std::fs::write(path.join("file"), "").unwrap();
        assert!(open(&path.join("file"), true).is_err());
        assert!(open(&path.join("file/below"), true).is_err());
    }
}
