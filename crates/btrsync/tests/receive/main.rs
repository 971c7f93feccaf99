//! The receiver, against streams of the kernel and streams made by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod commits;
mod compressed;
mod confined;
mod flags;
mod found;
mod order;
mod parents;
mod resume;
mod script;
mod sent;
mod special;
mod support;
