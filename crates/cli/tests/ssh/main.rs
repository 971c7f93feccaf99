//! The binary between machines, over real ssh: two network namespaces, a cable, an sshd.
//!
//! The hazard is a run that never left this machine: each side sees the filesystem of its own machine
//! only, and every test that matters counts the logins in the log of sshd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod agent;
mod agent_ends;
mod bootstrap;
mod clean;
mod clones;
mod doctor;
mod failures;
mod identity;
mod keys;
mod killed;
mod locked;
mod logins;
mod modes;
mod names;
mod packing;
mod shells;
mod sides;
mod sudo;
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests on one machine, which use the rest"
)]
#[path = "../it/support/mod.rs"]
mod support;
mod transfer;
