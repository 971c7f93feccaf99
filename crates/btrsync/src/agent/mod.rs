//! The protocol spoken with a btrsync at the other end of a pipe.
//!
//! What is on the other end may be hostile, on either side. So every length is bounded before it is
//! believed, each operation has a window that limits what it can make us hold, what comes is data that is
//! checked like any other, and what has ended is noticed. `docs/protocol.md` describes it.

mod arriving;
mod channel;
mod client;
mod error;
mod failure;
mod frame;
mod hello;
mod input;
mod message;
mod mux;
mod packing;
mod serve;
#[cfg(test)]
mod tests;
mod value;

#[cfg(test)]
use self::channel::Broken;
pub(crate) use self::channel::{Channel, Item};
pub(crate) use self::client::{Carrier, Client, Greeted};
pub use self::error::AgentError;
pub(crate) use self::failure::told_by;
pub use self::failure::{Sort, There};
pub(crate) use self::frame::LONGEST_MESSAGE;
pub(crate) use self::hello::{Feature, GREETING, PATIENCE};
pub(crate) use self::message::{Answer, Request, encode};
pub(crate) use self::mux::LISTENER;
pub use self::packing::Packing;
pub(crate) use self::packing::{Packer, Passed};
pub use self::serve::{Allow, Fence, Refusals, ServeOptions, serve};
pub(crate) use self::value::{Bytes, Impossible, Vol, begins, is_below, prefixes};
