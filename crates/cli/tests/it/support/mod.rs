//! What all themes share: running the binary, filesystems to run it on, and judging what it did.

mod children;
mod ended;
mod pair;
mod pty;
mod published;
mod refuse;
mod room;
mod running;
mod state;
mod trace;

pub(crate) use children::signal;
pub(crate) use ended::{Ended, btrsync, paths, run};
pub(crate) use pair::{Pair, random_file, snapshot, subvolume, text_file};
pub(crate) use pty::Pty;
pub(crate) use published::{clear, published_are_complete};
pub(crate) use refuse::{gives_up, refuses};
pub(crate) use room::{give_room_back, leave_room, small_filesystem};
pub(crate) use running::Running;
pub(crate) use state::{State, arrived, no_leftover, subvolumes};
pub(crate) use trace::{Call, Traced, sampled};
