//! Compares two digested trees from their roots down.
//!
//! Only where the digests of two directories differ are their entries asked for. The hazard is an answer
//! that makes a difference vanish: each is held against the digest that it was asked for, and where
//! the roots differ and nothing below does, that is an error and not equality.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use futures_util::future::try_join;

use super::difference::{Difference, What, differences};
use super::entry::{Entry, Kind, is_entry_name};
use super::error::VerifyError;
use super::spool::digest_of;
use super::tree::Digests;
use crate::sync::root::RootError;

/// What a comparison has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The copy is the same in everything that counts.
    Equal,
    /// It is not.
    Different {
        /// Where and how, in the order of the paths; not all, where there are more than were wanted.
        differences: Vec<Difference>,
        /// How many there are.
        total: usize,
    },
}

/// Compares a copy with its source. At most `limit` differences are listed, all are counted.
///
/// # Errors
///
/// Where a side does not answer, or not what its digests say.
pub async fn compare(
    source: &dyn Digests,
    copy: &dyn Digests,
    limit: usize,
) -> Result<Verdict, RootError> {
    let (a, b) = (source.root(), copy.root());
    if a.digest() == b.digest() {
        return Ok(Verdict::Equal);
    }
    let mut found = Found { differences: Vec::new(), total: 0, limit };
    let mut todo = Vec::new();
    found.pair(Path::new(""), a, b, &mut todo);
    while let Some((path, a, b)) = todo.pop() {
        let (ours, theirs) = try_join(source.children(&a), copy.children(&b)).await?;
        let sides = [(&a, ours), (&b, theirs)];
        let [ours, theirs] = sides.map(|(directory, entries)| genuine(&path, directory, entries));
        let mut below = Vec::new();
        found.entries(&path, &ours?, &theirs?, &mut below);
        todo.extend(below.into_iter().rev());
    }
    match found.total {
        0 => Err(VerifyError::Contradiction { path: PathBuf::new() }.into()),
        total => Ok(Verdict::Different { differences: found.differences, total }),
    }
}

/// Two directories whose entries are still to be compared, and their path.
type Todo = (PathBuf, Entry, Entry);

/// Checks the entries of a directory against its digest, and sorts them by name.
fn genuine(path: &Path, dir: &Entry, mut entries: Vec<Entry>) -> Result<Vec<Entry>, VerifyError> {
    let contradiction = || VerifyError::Contradiction { path: path.to_path_buf() };
    if digest_of(&entries) != dir.body || !entries.iter().all(|e| is_entry_name(&e.name)) {
        return Err(contradiction());
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    match entries.windows(2).any(|pair| pair[0].name == pair[1].name) {
        true => Err(contradiction()),
        false => Ok(entries),
    }
}

struct Found {
    differences: Vec<Difference>,
    total: usize,
    limit: usize,
}

impl Found {
    fn add(&mut self, path: &Path, what: What) {
        self.total += 1;
        if self.differences.len() < self.limit {
            self.differences.push(Difference { path: path.to_path_buf(), what });
        }
    }

    /// Compares two entries of one path.
    fn pair(&mut self, path: &Path, a: &Entry, b: &Entry, todo: &mut Vec<Todo>) {
        for what in differences(a, b) {
            self.add(path, what);
        }
        if a.kind == Kind::Directory && b.kind == Kind::Directory && a.body != b.body {
            todo.push((path.to_path_buf(), a.clone(), b.clone()));
        }
    }

    /// Compares the entries of two directories of one path.
    fn entries(&mut self, path: &Path, ours: &[Entry], theirs: &[Entry], todo: &mut Vec<Todo>) {
        let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
        loop {
            let order = match (ours.peek(), theirs.peek()) {
                (None, None) => return,
                (Some(a), Some(b)) => a.name.cmp(&b.name),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            let a = ours.next_if(|_| order != Ordering::Greater);
            let b = theirs.next_if(|_| order != Ordering::Less);
            match (a, b) {
                (Some(a), Some(b)) => self.pair(&path.join(&a.name), a, b, todo),
                (Some(a), None) => self.add(&path.join(&a.name), What::Missing),
                (None, Some(b)) => self.add(&path.join(&b.name), What::Extra),
                (None, None) => return,
            }
        }
    }
}
