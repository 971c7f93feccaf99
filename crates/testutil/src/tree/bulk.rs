//! Many files and deep directories, for sizes and limits rather than for variety.

use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

use super::raw;
use crate::Random;
use crate::must::must;

/// Writes `count` files of `size` bytes each into an existing directory, named by number.
#[track_caller]
pub fn write_files(dir: &Path, count: usize, size: usize) {
    write_files_seeded(dir, count, size, 0);
}

/// Does as [`write_files`], with other bytes for another seed.
#[track_caller]
pub fn write_files_seeded(dir: &Path, count: usize, size: usize, seed: u64) {
    let mut random = Random::new(seed);
    let mut buffer = vec![0; size];
    for number in 0..count {
        random.fill(&mut buffer);
        raw::write(&dir.join(format!("file-{number:06}")), &buffer);
    }
}

/// Makes directories in each other, each with a name of 200 bytes.
///
/// More than 20 levels exceed `PATH_MAX`: such a tree is reached only step by step.
#[track_caller]
pub fn nest_directories(dir: &Path, levels: usize) {
    let name = "d".repeat(200);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut parent = must("open", dir, openat(CWD, dir, flags, Mode::empty()));
    for _ in 0..levels {
        must("nest in", dir, mkdirat(&parent, &name, Mode::from_raw_mode(0o755)));
        parent = must("open in", dir, openat(&parent, &name, flags, Mode::empty()));
    }
}
