//! Whether a received subvolume holds what its stream did not carry.
//!
//! The hazards are files that are huge and empty, and files that block whoever opens them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{SeekFrom, seek};

use crate::arena::SECRET;

/// More data than this is no case of ours.
const MOST: u64 = 64 << 20;

/// Returns the files below a directory that hold the secret.
pub(crate) fn holders(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                todo.push(entry.path());
            } else if kind.is_file() && holds(&entry.path()) {
                found.push(entry.path());
            }
        }
    }
    found
}

/// What cannot be read (compressed data that is none) holds nothing.
fn holds(path: &Path) -> bool {
    let data = File::open(path).and_then(|file| data(&file)).unwrap_or_default();
    data.windows(SECRET.len()).any(|window| window == SECRET)
}

/// The data of a file without its holes.
fn data(file: &File) -> io::Result<Vec<u8>> {
    let (mut data, mut at) = (Vec::new(), 0);
    while let Ok(start) = seek(file, SeekFrom::Data(at)) {
        at = seek(file, SeekFrom::Hole(start))?;
        let mut piece = vec![0; usize::try_from((at - start).min(MOST)).unwrap_or(0)];
        file.read_exact_at(&mut piece, start)?;
        data.extend(piece);
    }
    Ok(data)
}
