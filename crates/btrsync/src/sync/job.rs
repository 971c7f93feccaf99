//! One transfer under way, and what came of it.

use std::time::Duration;

use super::plan::Step;
use super::root::BtrfsRoot;
use crate::Cancel;

/// One transfer: what, from where, to where.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The volumes, their parent, and why.
    pub step: &'a Step,
    /// The root they come from.
    pub src: &'a dyn BtrfsRoot,
    /// The root they go to.
    pub dst: &'a dyn BtrfsRoot,
    /// The switch that ends the run.
    pub cancel: &'a Cancel,
    /// What is transferred next between the two, if that is certain: it may be prepared.
    pub next: Option<&'a Step>,
}

/// What a finished transfer amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// The bytes of the send streams, without those that an interrupted run had received.
    pub bytes: u64,
    /// The bytes that an interrupted run had received.
    pub resumed: u64,
    /// The bytes of data that connections between btrsyncs have carried for it, compressed or not; `None` where
    /// there was none.
    pub wire: Option<u64>,
    /// The time from the start of the send to the durable end of the receive.
    pub elapsed: Duration,
}
