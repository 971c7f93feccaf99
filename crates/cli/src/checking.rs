//! Verifies copies, and counts what came of it.
//!
//! The hazard is a check that passes because it did not run. So each subvolume ends in one of four ways,
//! and only one of them is good.

use std::path::PathBuf;

use btrsync::Cancel;
use btrsync::btrfs::Subvolume;
use btrsync::sync::Pair;
use btrsync::sync::root::RootError;
use btrsync::verify::{Difference, DigestOptions, Stream, Verdict, verify, verify_stream};

use crate::advice::Failure;
use crate::exit::Exit;
use crate::select::Source;
use crate::target::Target;

/// How many differences of a copy are named, unless all are wanted.
pub(crate) const NAMED: usize = 20;

/// What came of one check.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The subvolume, relative to the source's root.
    pub(crate) vol: PathBuf,
    /// Its copy, relative to the destination's root.
    pub(crate) copy: Option<PathBuf>,
    pub(crate) found: Found,
}

/// How a check ended.
#[derive(Debug)]
pub(crate) enum Found {
    Equal,
    Different { differences: Vec<Difference>, total: usize },
    Missing,
    Unchecked(Failure),
}

impl Checked {
    /// Counts it and tells of it.
    pub(crate) fn told(&self, tally: &mut Tally, tell: &dyn Fn(&Self)) {
        tally.add(&self.found);
        tell(self);
    }
}

/// How many checks ended in which way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) equal: usize,
    pub(crate) different: usize,
    pub(crate) missing: usize,
    pub(crate) unchecked: usize,
}

impl Tally {
    fn add(&mut self, found: &Found) {
        *match found {
            Found::Equal => &mut self.equal,
            Found::Different { .. } => &mut self.different,
            Found::Missing => &mut self.missing,
            Found::Unchecked(_) => &mut self.unchecked,
        } += 1;
    }

    pub(crate) fn all(&self) -> usize {
        self.equal + self.different + self.missing + self.unchecked
    }

    /// The exit code that these make; what is known to be wrong comes first.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self { different: 0, missing: 0, unchecked: 0, .. } => Exit::Done,
            Self { different: 0, missing: 0, .. } => Exit::Unchecked,
            _ => Exit::Different,
        }
    }
}

/// Verifies the copies of one source.
pub(crate) struct Checker<'a> {
    pub(crate) source: &'a Source,
    pub(crate) target: &'a Target,
    pub(crate) options: DigestOptions,
    /// How many differences of a copy are named.
    pub(crate) named: usize,
    pub(crate) cancel: &'a Cancel,
}

impl Checker<'_> {
    /// Verifies all copies of a subvolume, and tells of each. Fails only where somebody cancels.
    pub(crate) async fn pair(
        &self,
        pair: &Pair,
        tally: &mut Tally,
        tell: &dyn Fn(&Checked),
    ) -> Result<(), Failure> {
        let mut end = |copy: Option<&Subvolume>, found| {
            let copy = copy.map(|copy| copy.path.clone());
            Checked { vol: pair.vol.path.clone(), copy, found }.told(tally, tell);
        };
        if pair.copies.is_empty() {
            end(None, Found::Missing);
        }
        let others = pair.copies.iter().filter(|copy| !is_itself(&pair.vol, copy));
        let others: Vec<_> = others.collect();
        if let (Some(itself), true) = (pair.copies.first(), others.is_empty()) {
            end(Some(itself), Found::Unchecked(itself_alone()));
        }
        for copy in others {
            let found = match self.verify(pair, copy).await {
                Ok(Verdict::Equal) => Found::Equal,
                Ok(Verdict::Different { differences, total }) => {
                    Found::Different { differences, total }
                }
                Err(_) if self.cancel.is_cancelled() => return Err(interrupted()),
                Err(error) => Found::Unchecked(error.into()),
            };
            end(Some(copy), found);
        }
        Ok(())
    }

    async fn verify(&self, pair: &Pair, copy: &Subvolume) -> Result<Verdict, RootError> {
        let (src, dst) = (self.source.root.as_ref(), self.target.root.as_ref());
        let Self { options, named, cancel, .. } = *self;
        if !self.source.is_stream_file() {
            return verify((src, &pair.vol), (dst, copy), options, named, cancel).await;
        }
        let parent = pair.parent.as_ref().filter(|_| pair.vol.parent_uuid.is_some());
        let stream = Stream { root: src, vol: &pair.vol, parent };
        verify_stream(stream, (dst, &self.target.path, copy), options, named, cancel).await
    }
}

/// Whether a copy is the subvolume itself, seen from the other side of one filesystem.
fn is_itself(vol: &Subvolume, copy: &Subvolume) -> bool {
    vol.id == copy.id && vol.uuid.is_some() && vol.uuid == copy.uuid
}

fn itself_alone() -> Failure {
    let message = "source and destination are on one filesystem, and it is there only once";
    Failure::new(message, "name a destination on another filesystem")
}

fn interrupted() -> Failure {
    let message = "interrupted; not everything was compared".to_owned();
    Failure { message, hint: None, exit: Exit::Interrupted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_all_equal_passes() {
        let tally = |equal, different, missing, unchecked| {
            Tally { equal, different, missing, unchecked }.exit()
        };
        assert_eq!(tally(2, 0, 0, 0), Exit::Done);
        assert_eq!(tally(2, 0, 0, 1), Exit::Unchecked);
        assert_eq!(tally(2, 1, 0, 1), Exit::Different);
        assert_eq!(tally(2, 0, 1, 0), Exit::Different);
    }
}
