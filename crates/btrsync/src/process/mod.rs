//! What is common to all child processes.

mod ending;
mod feed;
mod handle;
mod piped;
mod tree;
mod words;

pub(crate) use ending::ends_within;
pub(crate) use feed::Feed;
pub(crate) use handle::handle;
pub(crate) use piped::Piped;
pub(crate) use tree::kill_tree;
pub(crate) use words::Words;
