//! Files of the original that are opened, and read, before their turn.
//!
//! To open a file takes as long as to copy little data, and where many files are not in memory most of the time
//! goes to waiting for one after the other. The commands that have come tell which ones follow, so these are
//! opened by a thread, and the kernel is asked to read the beginning of each while others are copied. Nothing
//! depends on it. What was not found here is opened when its turn comes, and only then a failure counts.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::sync::mpsc::{Receiver, Sender, channel};

use rustix::fs::{Advice, fadvise};

use super::files::Files;
use super::{Extent, direct};
use crate::thread;

/// How many files are open ahead at most. Where a process may have few descriptors, an eighth of them is for this.
const FILES: u64 = 64;

/// How many are asked for at once, so that the thread is not woken for each.
const BATCH: usize = 8;

/// How much of the first extent of each is read ahead, in bytes. What follows is read ahead by the kernel as
/// it is copied.
const PIECE: u64 = 1 << 20;

/// A file that will be copied.
#[derive(Debug)]
struct Wanted {
    inode: u64,
    path: Box<[u8]>,
    offset: u64,
    size: u64,
}

/// Files that will be copied, in the order of the stream. Dropped, it waits until the thread has closed its own.
#[derive(Debug)]
pub(super) struct Ahead {
    /// The last file whose data was seen.
    seen: u64,
    most: u64,
    /// Those that are wanted, by their inode numbers.
    wanted: VecDeque<u64>,
    /// The last of them, of which the thread does not know yet.
    unasked: Vec<Wanted>,
    /// The first of them, which have been opened or not found.
    opened: VecDeque<Option<File>>,
    to: Option<Sender<Vec<Wanted>>>,
    from: Receiver<Vec<Option<File>>>,
}

impl Ahead {
    /// Starts the thread; so many files can be open.
    pub(super) fn start(files: Files, open: u64) -> io::Result<Self> {
        let ((to, asked), (answer, from)) = (channel(), channel());
        // Nobody needs what it returns.
        drop(thread::named("btrsync-opens", move || open_all(files, &asked, &answer))?);
        let (wanted, opened, most) = (VecDeque::new(), VecDeque::new(), FILES.min(open));
        Ok(Self { seen: 0, most, wanted, unasked: Vec::new(), opened, to: Some(to), from })
    }

    /// Whether it is of use to see more commands.
    pub(super) fn wants_more(&self) -> bool {
        (self.wanted.len() as u64) < self.most
    }

    /// Takes notice of data of a file that will be copied.
    pub(super) fn see(&mut self, extent: Extent<'_>, inode: u64) {
        if self.seen == inode {
            return;
        }
        self.seen = inode;
        let Extent { path, offset, size } = extent;
        self.wanted.push_back(inode);
        self.unasked.push(Wanted { inode, path: path.into(), offset, size });
        if self.unasked.len() >= BATCH {
            self.ask();
        }
    }

    /// Returns the file whose turn has come, if it was wanted and found; those before it are not needed any more.
    pub(super) fn take(&mut self, inode: u64) -> Option<File> {
        let at = self.wanted.iter().position(|wanted| *wanted == inode)?;
        let before = self.wanted.drain(..=at).count() - 1;
        (0..before).for_each(|_| drop(self.next()));
        self.next()
    }

    /// Waits for the next file.
    fn next(&mut self) -> Option<File> {
        if self.opened.is_empty() {
            self.ask();
            self.opened = self.from.recv().ok()?.into();
        }
        self.opened.pop_front().flatten()
    }

    fn ask(&mut self) {
        let unasked = std::mem::take(&mut self.unasked);
        if let Some(to) = self.to.as_ref().filter(|_| !unasked.is_empty()) {
            // A thread that is gone opens none.
            let _ = to.send(unasked);
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.to = None;
        while self.from.recv().is_ok() {}
    }
}

/// Opens what is asked for until nobody asks any more.
fn open_all(mut files: Files, asked: &Receiver<Vec<Wanted>>, answer: &Sender<Vec<Option<File>>>) {
    while let Ok(wanted) = asked.recv() {
        let opened = wanted.iter().map(|wanted| open(wanted, &mut files)).collect();
        if answer.send(opened).is_err() {
            return;
        }
    }
}

/// Opens a file, and has its beginning read, if that is not to be read past the memory.
fn open(wanted: &Wanted, files: &mut Files) -> Option<File> {
    let file = files.open_at(&wanted.path, wanted.inode).ok()??;
    if wanted.size < direct::LEAST {
        let length = NonZeroU64::new(wanted.size.min(PIECE));
        // The kernel may have better to do.
        let _ = fadvise(&file, wanted.offset, length, Advice::WillNeed);
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn ahead(dir: &tempfile::TempDir, open: u64) -> Ahead {
        Ahead::start(Files::new(File::open(dir.path()).unwrap()), open).unwrap()
    }

    fn see(ahead: &mut Ahead, name: &str, inode: u64) {
        ahead.see(Extent { path: name.as_bytes(), offset: 0, size: 4 }, inode);
    }

    /// The inode numbers of some files.
    fn files(dir: &tempfile::TempDir, count: u64) -> Vec<(String, u64)> {
        let make = |number: u64| {
            let (name, path) = (number.to_string(), dir.path().join(number.to_string()));
            fs::write(&path, "data").unwrap();
            (name, fs::metadata(path).unwrap().ino())
        };
        (0..count).map(make).collect()
    }

    #[test]
    fn no_more_files_are_open_than_there_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir, 100);
        for (open, most) in [(0, 0), (1, 1), (63, 63), (64, 64), (u64::MAX, 64)] {
            let mut ahead = ahead(&dir, open);
            let mut left = files.iter();
            while ahead.wants_more() {
                let (name, inode) = left.next().unwrap();
                see(&mut ahead, name, *inode);
            }
            assert_eq!(100 - left.len(), most);
        }
    }

    #[test]
    fn each_file_is_there_when_its_turn_comes_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir, 20);
        let mut ahead = ahead(&dir, 64);
        for (at, (name, inode)) in files.iter().enumerate() {
            // One stands at the path of another, and one at none.
            let name = match at {
                3 => "4",
                5 => "gone",
                _ => name,
            };
            see(&mut ahead, name, *inode);
            see(&mut ahead, name, *inode);
        }
        assert!(ahead.take(1).is_none());
        for at in [0, 1, 3, 4, 5, 12, 19] {
            let found = ahead.take(files[at].1).map(|file| file.metadata().unwrap().ino());
            assert_eq!(found, (![3, 5].contains(&at)).then_some(files[at].1), "{at}");
        }
        assert!(ahead.take(files[19].1).is_none());
        assert!(ahead.wants_more());
    }
}
