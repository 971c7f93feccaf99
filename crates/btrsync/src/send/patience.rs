//! What holds the source, a deduplication or a balance, ends by itself, and the kernel says so before it
//! writes anything: the one failure after which the same call can be made again. (Should it ever have
//! written before that, whoever reads finds a stream that begins again in its middle, and refuses it.)
//!
//! The pauses stay short: who deduplicates all day leaves gaps, and once the send has begun it is the
//! other that has to wait.

use std::fmt;
use std::os::fd::AsFd;
use std::time::Duration;

use btrsync_kernel as kernel;

use crate::Cancel;

const EAGAIN: i32 = 11;
const ETXTBSY: i32 = 26;

/// A source that cannot be sent at the moment, and when it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// How often it was tried so far.
    pub attempt: u32,
    /// How long it is until the next attempt.
    pub pause: Duration,
    /// What the kernel says: `EAGAIN` or `ETXTBSY`.
    pub errno: i32,
}

impl Busy {
    /// How long a send waits for its source in all, before it fails.
    pub const LONGEST: Duration = Duration::from_secs(60);
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.errno {
            ETXTBSY => "the source is in use (ETXTBSY)",
            _ => "the source is being deduplicated or balanced (EAGAIN)",
        })
    }
}

/// Makes a stream; calls again, and tells so, while the source is busy.
pub(crate) fn send(
    subvolume: impl AsFd,
    output: impl AsFd,
    options: &kernel::SendOptions,
    cancel: &Cancel,
    told: impl Fn(Busy),
) -> kernel::Result<()> {
    let call = || kernel::send(&subvolume, &output, options);
    persist(call, kernel::Error::raw_os_error, pauses(), cancel, told)
}

/// Whether a failure is that of a send whose source was busy all the time.
pub(crate) fn is_busy(errno: Option<i32>) -> bool {
    matches!(errno, Some(EAGAIN | ETXTBSY))
}

/// Calls until that succeeds, fails for another reason, the pauses are over, or the switch is thrown.
fn persist<E>(
    mut call: impl FnMut() -> Result<(), E>,
    errno: impl Fn(&E) -> Option<i32>,
    pauses: impl Iterator<Item = Duration>,
    cancel: &Cancel,
    told: impl Fn(Busy),
) -> Result<(), E> {
    for (attempt, pause) in (1..).zip(pauses) {
        match call() {
            Err(error) if is_busy(errno(&error)) => {
                told(Busy { attempt, pause, errno: errno(&error).unwrap_or(EAGAIN) });
                if cancel.is_cancelled_within(pause) {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
    call()
}

/// The pauses between attempts: growing, and none is long.
fn pauses() -> impl Iterator<Item = Duration> {
    const LAST: Duration = Duration::from_secs(1);
    let growing = std::iter::successors(Some(Duration::from_millis(100)), |pause| {
        Some((*pause * 2).min(LAST))
    });
    growing.scan(Duration::ZERO, |sum, pause| {
        *sum += pause;
        (*sum <= Busy::LONGEST).then_some(pause)
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Calls with the given results, and returns the last with what was told.
    fn tried(results: &[Result<(), i32>], pauses: usize) -> (Result<(), i32>, Vec<(u32, i32)>) {
        let (mut left, told) = (results.iter().copied(), RefCell::new(Vec::new()));
        let call = || left.next().expect("called too often");
        let pauses = std::iter::repeat_n(Duration::from_millis(1), pauses);
        let tell = |busy: Busy| told.borrow_mut().push((busy.attempt, busy.errno));
        let ended =
            persist(call, |errno| Some(*errno), pauses, &Cancel::new().expect("a switch"), tell);
        assert!(left.next().is_none(), "not called often enough");
        (ended, told.into_inner())
    }

    #[test]
    fn a_busy_source_is_tried_again_and_told_each_time() {
        assert_eq!(tried(&[Ok(())], 9), (Ok(()), vec![]));
        let (ended, told) = tried(&[Err(EAGAIN), Err(ETXTBSY), Ok(())], 9);
        assert_eq!((ended, told), (Ok(()), vec![(1, EAGAIN), (2, ETXTBSY)]));
    }

    #[test]
    fn it_ends_with_the_error_and_another_error_ends_it_at_once() {
        let (ended, told) = tried(&[Err(EAGAIN); 3], 2);
        assert_eq!((ended, told.len()), (Err(EAGAIN), 2));
        assert_eq!(tried(&[Err(EAGAIN), Err(5)], 9).0, Err(5));
    }

    #[test]
    fn a_cancelled_wait_ends_at_once() {
        let cancel = Cancel::new().expect("a switch");
        cancel.cancel();
        let begin = std::time::Instant::now();
        let ended = persist(|| Err(EAGAIN), |errno| Some(*errno), pauses(), &cancel, |_| ());
        assert!(ended == Err(EAGAIN) && begin.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn all_pauses_together_are_bounded() {
        let (count, sum) = (pauses().count(), pauses().sum::<Duration>());
        assert!(count > 50 && sum <= Busy::LONGEST && sum > Busy::LONGEST / 2, "{count} {sum:?}");
    }
}
