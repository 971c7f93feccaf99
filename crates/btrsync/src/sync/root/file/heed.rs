//! Reads a file that can be very long, and stops where nobody wants to wait for its end.

use std::io::{self, Read};

use crate::Cancel;
use crate::cancel::cancelled;

/// A reader that fails once the switch is thrown.
pub(super) struct Heeding<R> {
    reader: R,
    cancel: Option<Cancel>,
}

impl<R> Heeding<R> {
    pub(super) fn new(reader: R, cancel: Option<Cancel>) -> Self {
        Self { reader, cancel }
    }
}

impl<R: Read> Read for Heeding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            true => Err(cancelled()),
            false => self.reader.read(buffer),
        }
    }
}
