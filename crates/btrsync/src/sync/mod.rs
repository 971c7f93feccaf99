//! Synchronises subvolumes from one root to another.

mod ahead;
mod attempt;
mod clones;
mod estimate;
mod hooks;

mod job;
mod observer;
mod pairs;
pub mod picture;
mod plan;
mod progress;
mod reason;
mod relatives;
pub mod root;
mod run;
mod survey;
mod suspects;
mod transfer;
mod view;

pub use crate::btrfs::{Problem, usable_parent};
pub use crate::send::Busy;
pub use clones::CloneSources;
pub use estimate::{Estimate, Estimates};
pub use hooks::Hooks;
pub use job::{Done, Job};
pub use observer::{Observer, Quiet};
pub use pairs::Pair;
pub use plan::{Plan, PlanOptions, Step, plan};
pub use progress::ProgressTransfer;
pub use reason::{Full, Reason};
pub use root::{Received, default_root};
pub use run::{BtrSync, Outcome, SyncOptions};
pub use survey::Survey;
pub use transfer::{Cancelled, Transfer, Transferring};
pub use view::View;
