//! What is common to all child processes.

mod feed;
mod words;

pub(crate) use feed::Feed;
pub(crate) use words::Words;
