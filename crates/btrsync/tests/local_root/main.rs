//! Local roots on real filesystems: finding, listing, locking, sending, receiving, giving up.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod compressed;
mod failing;
mod fetched;
mod hostile;
mod lock;
mod made;
#[allow(dead_code, reason = "shared with giving_up, which uses the rest")]
mod support;
mod transfer;
