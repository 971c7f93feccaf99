//! One test for each row of `docs/library.md`, named after it, and some for what has no row.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod ahead;
mod doubles;
mod instance;
mod names;
#[path = "../notation/mod.rs"]
mod notation;
mod progress;
mod protocol;
mod setup;
mod survey;
mod sync;
mod transfer;
