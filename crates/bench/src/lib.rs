//! The benchmark suite: btrsync against other programs.
//!
//! The hazard is a benchmark that flatters. Filesystems are new for each run, contestants run in turn and
//! with the same duty, what each has made is compared in full before its time counts, and the ratios of
//! all rounds are shown, not those of the best. What is timed is programs, never a crate that is linked in.
// A panic is how a benchmark fails that cannot go on; testutil's values clean up behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for developers")]
#![allow(clippy::cast_precision_loss, reason = "no figure here is that large")]

pub mod contest;
pub mod cost;
pub mod curve;
pub mod host;
pub mod measure;
pub mod memory;
pub mod options;
pub mod report;
pub mod rows;
pub mod scene;
pub mod stats;
