//! Cancels work that blocks in system calls.
//!
//! A thread in `read` does not look at flags. So a cancellation is a file descriptor that becomes
//! readable, which every blocking wait of this library polls together with its own.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::time::Timespec;

/// A switch that ends the work it was given to, wherever that waits. Clones share the switch.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    event: OwnedFd,
    above: Option<Cancel>,
}

impl Cancel {
    /// Makes a switch that is not thrown.
    ///
    /// # Errors
    ///
    /// Where the process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        Self::below(None)
    }

    /// Makes a switch for a part of the work: throwing it leaves the rest alone, throwing `self`
    /// throws both.
    ///
    /// # Errors
    ///
    /// As [`Cancel::new`].
    pub fn child(&self) -> io::Result<Self> {
        Self::below(Some(self.clone()))
    }

    /// Makes a switch that is thrown with this one, and by a descriptor that can be read from.
    pub(crate) fn or_readable(&self, event: OwnedFd) -> Self {
        Self(Arc::new(Inner { event, above: Some(self.clone()) }))
    }

    fn below(above: Option<Self>) -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(Inner { event, above })))
    }

    /// Throws the switch; a second time changes nothing.
    pub fn cancel(&self) {
        // The counter is never read back, so one write keeps the descriptor readable for good; a
        // write can only fail where the counter is full, and then it is readable already.
        let _ = rustix::io::write(&self.0.event, &1u64.to_ne_bytes());
    }

    /// Returns whether the switch was thrown.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled_within(Duration::ZERO)
    }

    /// Waits for some time; returns at once, and true, where the switch is thrown.
    pub(crate) fn is_cancelled_within(&self, time: Duration) -> bool {
        let mut polled: Vec<_> =
            self.events().map(|fd| PollFd::from_borrowed_fd(fd, READ)).collect();
        let forever = Timespec { tv_sec: i64::MAX, tv_nsec: 0 };
        let time = Timespec::try_from(time).unwrap_or(forever);
        poll(&mut polled, Some(&time)).is_ok_and(|ready| ready > 0)
    }

    /// Waits until `fd` can be read without blocking, or has ended.
    ///
    /// # Errors
    ///
    /// Where the switch is thrown first, and where the descriptor cannot be waited for.
    pub fn wait_readable(&self, fd: impl AsFd) -> io::Result<()> {
        self.wait(fd, READ)
    }

    /// Waits until `fd` is ready for `want`; fails with [`cancelled`] where the switch is thrown first.
    pub(crate) fn wait(&self, fd: impl AsFd, want: PollFlags) -> io::Result<()> {
        self.wait_for(fd, want, None).map(drop)
    }

    /// As [`Cancel::wait`], but for some time at most; returns whether `fd` is ready.
    pub(crate) fn wait_for(
        &self,
        fd: impl AsFd,
        want: PollFlags,
        time: Option<Duration>,
    ) -> io::Result<bool> {
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        let mut polled = vec![PollFd::from_borrowed_fd(fd.as_fd(), want)];
        polled.extend(self.events().map(|fd| PollFd::from_borrowed_fd(fd, READ)));
        loop {
            match poll(&mut polled, time.as_ref()) {
                Err(Errno::INTR) => continue,
                result => result?,
            };
            if polled[1..].iter().any(|event| !event.revents().is_empty()) {
                return Err(cancelled());
            }
            let ready = !polled[0].revents().is_empty();
            if ready || time.is_some() {
                return Ok(ready);
            }
        }
    }

    /// The descriptors of this switch and of those above it.
    fn events(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let chain = std::iter::successors(Some(self), |cancel| cancel.0.above.as_ref());
        chain.map(|cancel| cancel.0.event.as_fd())
    }
}

const READ: PollFlags = PollFlags::IN;

/// What a cancelled wait returns; [`is_cancelled`] knows it again.
#[derive(Debug, thiserror::Error)]
#[error("cancelled")]
struct Cancelled;

/// Returns the error of a wait that was cancelled.
pub(crate) fn cancelled() -> io::Error {
    io::Error::other(Cancelled)
}

/// Returns whether an error is that of a cancelled wait.
pub(crate) fn is_cancelled(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Cancelled>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_ends_with_its_parent_and_not_the_other_way() {
        let run = Cancel::new().unwrap();
        let (one, two) = (run.child().unwrap(), run.child().unwrap());
        one.cancel();
        assert!(one.is_cancelled() && !two.is_cancelled() && !run.is_cancelled());
        run.cancel();
        assert!(two.is_cancelled());
    }

    #[test]
    fn a_wait_ends_when_the_switch_is_thrown_from_another_thread() {
        let cancel = Cancel::new().unwrap();
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        let thrower = cancel.clone();
        let thread = std::thread::spawn(move || thrower.cancel());
        let error = cancel.wait(&reader, PollFlags::IN).unwrap_err();
        assert!(is_cancelled(&error));
        thread.join().unwrap();
    }

    #[test]
    fn what_is_ready_is_told_and_a_closed_pipe_is_ready() {
        let cancel = Cancel::new().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        drop(writer);
        cancel.wait(&reader, PollFlags::IN).unwrap();
    }
}
