//! How much came again after a cut.
//!
//! The hazard is a checkpoint that was not on the disk when it counted as made.

use btrsync_testutil::powercut::Moment;

use crate::scene::{Told, event, volumes};

/// With many checkpoints on the way, and word of each step.
pub(crate) const OFTEN: [&str; 6] =
    ["-y", "--json", "--checkpoint=64K", "--buffer=0", "-t", "0.01"];

const EVERY: u64 = 64 << 10;

/// What may be under way to the receiver: the pipe, what was read of it ahead, and a command.
const UNDER_WAY: u64 = (1 << 20) + (128 << 10) + (256 << 10);

/// Asserts that the run after a cut goes on where the last checkpoint was.
#[track_caller]
pub(crate) fn judge(again: &str, told: &Told, moment: Moment) {
    for done in again.lines().map(event).filter(|event| event["event"] == "done") {
        let (names, resumed) = (volumes(&done), done["resumed_bytes"].as_u64().unwrap());
        let before = told.sent.iter().filter(|sent| sent.moment <= moment && sent.names == names);
        let before = before.map(|sent| sent.bytes).max().unwrap_or(0);
        let lost = before.saturating_sub(resumed);
        assert!(lost <= EVERY + UNDER_WAY, "{lost} of {before} bytes of {names:?} came again");
    }
}
