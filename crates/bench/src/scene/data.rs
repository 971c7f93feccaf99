//! Data that is the same on every machine.
//!
//! The hazard is data that suits one contestant: what does not compress is random, what does is words.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use btrsync_testutil::{Random, write_files_seeded};

const PIECE: usize = 1 << 20;
const VOCABULARY: usize = 4096;

/// Writes one file of random bytes.
pub fn write_large(path: &Path, mib: usize) {
    let (mut file, mut random) = (File::create(path).unwrap(), Random::new(1));
    let mut piece = vec![0; PIECE];
    for _ in 0..mib {
        random.fill(&mut piece);
        file.write_all(&piece).unwrap();
    }
}

/// Writes small files of random bytes into new directories of at most 100.
pub fn write_small(into: &Path, count: usize, size: usize) {
    for (number, first) in (0..count).step_by(100).enumerate() {
        let dir = into.join(format!("dir-{number:04}"));
        fs::create_dir(&dir).unwrap();
        write_files_seeded(&dir, 100.min(count - first), size, number as u64);
    }
}

/// Writes files of words, which compress to a half or less.
pub fn text_files(into: &Path, count: usize, mib: usize) {
    let mut random = Random::new(2);
    let words: Vec<Vec<u8>> = (0..VOCABULARY).map(|_| word(&mut random)).collect();
    for number in 0..count {
        let mut file =
            BufWriter::new(File::create(into.join(format!("text-{number:03}"))).unwrap());
        let mut left = mib * PIECE;
        while left > 0 {
            // The product of two makes some words frequent and most of them rare, as in a language.
            let at = random.below(64) * random.below(64);
            let word = &words[at as usize % VOCABULARY];
            let length = word.len().min(left);
            file.write_all(&word[..length]).unwrap();
            left -= length;
        }
        file.flush().unwrap();
    }
}

fn word(random: &mut Random) -> Vec<u8> {
    let length = 2 + random.below(8);
    let mut word: Vec<u8> = (0..length).map(|_| b'a' + random.below(26) as u8).collect();
    word.push(if random.below(12) == 0 { b'\n' } else { b' ' });
    word
}

/// Small changes to a tree that [`write_small`] has made, always the same ones.
#[derive(Debug)]
pub struct Changes {
    random: Random,
    files: u64,
    made: u64,
}

impl Changes {
    /// Begins with a tree of so many files.
    #[must_use]
    pub fn new(files: usize) -> Self {
        Self { random: Random::new(3), files: files as u64, made: 0 }
    }

    /// Makes some changes: half of them rewrite a file, the others append, create and rename in turn.
    pub fn make(&mut self, tree: &Path, count: usize) {
        for _ in 0..count {
            self.made += 1;
            let file = self.random.below(self.files);
            let file = tree.join(format!("dir-{:04}/file-{:06}", file / 100, file % 100));
            let bytes = self.random.bytes(4000);
            match self.made % 6 {
                0 => fs::write(file.with_file_name(format!("new-{}", self.made)), bytes).unwrap(),
                1 => append(&file, &bytes),
                2 => rename(&file, self.made),
                _ => fs::write(file, bytes).unwrap(),
            }
        }
    }
}

/// Lengthens so many of the files below a directory, evenly chosen from all of them.
pub fn rewrite_some(tree: &Path, count: usize) {
    let mut files = files(tree);
    files.sort_unstable();
    let step = (files.len() / count).max(1);
    files.iter().step_by(step).take(count).for_each(|file| append(file, &[b'x'; 1000]));
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    let (dirs, others): (Vec<_>, Vec<_>) =
        entries.partition(|entry| entry.file_type().unwrap().is_dir());
    let regular = others.iter().filter(|entry| entry.file_type().unwrap().is_file());
    let here: Vec<PathBuf> = regular.map(fs::DirEntry::path).collect();
    dirs.iter().flat_map(|dir| files(&dir.path())).chain(here).collect()
}

fn append(file: &Path, bytes: &[u8]) {
    File::options().append(true).create(true).open(file).unwrap().write_all(bytes).unwrap();
}

fn rename(file: &Path, number: u64) {
    // One that was renamed before is created anew.
    append(file, b"");
    fs::rename(file, file.with_file_name(format!("renamed-{number}"))).unwrap();
}
