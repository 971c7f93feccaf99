//! Files as a machine has them: a copy of its own.
//!
//! The hazard is a machine with fewer files than another: what is missing is made up.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use btrsync_testutil::write_files_seeded;

const ROOTS: [&str; 2] = ["/usr/share", "/usr/include"];
const IN_A_DIRECTORY: usize = 100;
const STAND_IN_SIZE: usize = 6000;

/// Fills a directory with so many files: copies from `/usr/share` and `/usr/include`, with all they
/// carry, in the order of their paths, and then stand-ins. Returns how many are copies.
#[must_use]
pub fn copy_machine(into: &Path, count: usize) -> usize {
    let list = list(count);
    let copied = list.iter().filter(|(_, is_file)| *is_file).count();
    copy(&list, into);
    for (number, first) in (copied..count).step_by(IN_A_DIRECTORY).enumerate() {
        let dir = into.join(format!("stand-ins-{number:04}"));
        fs::create_dir(&dir).unwrap();
        let files = IN_A_DIRECTORY.min(count - first);
        write_files_seeded(&dir, files, STAND_IN_SIZE, number as u64);
    }
    copied
}

/// Returns directories, files and links below the roots until there are enough files.
fn list(count: usize) -> Vec<(PathBuf, bool)> {
    let (mut list, mut files) = (Vec::new(), 0);
    let mut todo: Vec<PathBuf> = ROOTS.iter().rev().map(PathBuf::from).collect();
    while let Some(path) = todo.pop().filter(|_| files < count) {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            let mut below: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
            below.sort_unstable_by(|a, b| b.cmp(a));
            todo.extend(below);
        }
        files += usize::from(meta.is_file());
        list.push((path, meta.is_file()));
    }
    list
}

/// Copies what is listed, by `tar`, which keeps owners, modes and times.
fn copy(list: &[(PathBuf, bool)], into: &Path) {
    let script = "set -o pipefail; tar -C / -c --null --no-recursion -T - | tar -C \"$1\" -xp";
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "copy"]).arg(into).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut tar = bash.spawn().expect("bash");
    let mut names = tar.stdin.take().expect("a pipe");
    for (path, _) in list {
        let relative = path.strip_prefix("/").unwrap_or(path);
        names.write_all(&[relative.as_os_str().as_bytes(), b"\0"].concat()).expect("tar reads on");
    }
    drop(names);
    let ended = tar.wait_with_output().expect("tar ends");
    assert!(ended.status.success(), "tar: {}", String::from_utf8_lossy(&ended.stderr));
}
