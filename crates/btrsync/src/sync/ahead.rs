//! The send of the next transfer, begun while the present one is being completed.
//!
//! A receiver is busy with commits when the sender is done, so the two can share two processors. What is
//! begun is only a stream in a pipe: nobody is told of it, nothing is received from it before the transfer
//! at hand is durable. The hazard is a stream that goes into another transfer than it was made for; so
//! it is used for an equal step from the same root, or ended.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::job::Job;
use super::plan::Step;
use super::root::{BtrfsRoot, Completion};
use crate::{Cancel, Flow};

/// A send that was begun.
pub(super) struct Ahead {
    step: Step,
    /// The address of the root.
    src: usize,
    pub(super) cancel: Cancel,
    pub(super) flow: Flow,
    pub(super) sent: Completion<()>,
}

impl Ahead {
    pub(super) fn new(
        (step, src): (&Step, &dyn BtrfsRoot),
        cancel: Cancel,
        (flow, sent): (Flow, Completion<()>),
    ) -> Self {
        Self { step: step.clone(), src: address(src), cancel, flow, sent }
    }
}

fn address(root: &dyn BtrfsRoot) -> usize {
    std::ptr::from_ref(root).addr()
}

/// Where the send that was begun waits to be wanted. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<Ahead>>>);

impl Slot {
    /// Keeps a send; what was kept before is ended.
    pub(super) fn put(&self, ahead: Ahead) {
        end(self.replace(Some(ahead)));
    }

    /// Returns what was begun for a job, and ends what was begun for another.
    pub(super) fn take(&self, job: &Job<'_>) -> Option<Ahead> {
        let kept = self.replace(None)?;
        if kept.step == *job.step && kept.src == address(job.src) {
            return Some(kept);
        }
        end(Some(kept));
        None
    }

    /// Ends what was begun.
    pub(super) fn clear(&self) {
        end(self.replace(None));
    }

    fn replace(&self, ahead: Option<Ahead>) -> Option<Ahead> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), ahead)
    }
}

/// Ends a send that waits for its source, and by its pipe one that writes.
fn end(ahead: Option<Ahead>) {
    if let Some(Ahead { cancel, .. }) = ahead {
        cancel.cancel();
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}
