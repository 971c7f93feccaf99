//! A deduplication that holds the source ends by itself, and the kernel says so before it writes
//! anything: the one failure after which the same call can be made again.

use std::os::fd::AsFd;
use std::time::Duration;

use btrsync_kernel as kernel;

use crate::Cancel;

/// Makes a stream; calls again with growing pauses while the source is being deduplicated.
pub(crate) fn send(
    subvolume: impl AsFd,
    output: impl AsFd,
    options: &kernel::SendOptions,
    cancel: &Cancel,
) -> kernel::Result<()> {
    const EAGAIN: i32 = 11;
    for wait in PAUSES {
        match kernel::send(&subvolume, &output, options) {
            Err(error) if error.raw_os_error() == Some(EAGAIN) => {
                if cancel.is_cancelled_within(wait) {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
    kernel::send(&subvolume, &output, options)
}

const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];
