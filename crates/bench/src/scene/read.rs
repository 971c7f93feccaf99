//! Reads a tree, so that it is in memory.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Reads every directory and every regular file below a directory.
///
/// # Errors
/// The first failure.
pub fn read_all(root: &Path) -> io::Result<()> {
    let mut todo: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                todo.push(entry.path());
            } else if kind.is_file() {
                io::copy(&mut File::open(entry.path())?, &mut io::sink())?;
            }
        }
    }
    Ok(())
}
