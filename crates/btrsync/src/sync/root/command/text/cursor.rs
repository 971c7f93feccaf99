//! Takes a text apart from its beginning, and tells where that failed.

use uuid::Uuid;

use super::TextError;
use crate::text::escaped;

/// The length of a UUID with its hyphens.
const UUID: usize = 36;

/// How much of a line is shown.
const SHOWN: usize = 200;

/// A place in a text that a subcommand of `btrfs` printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    command: &'static str,
    all: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(command: &'static str, text: &'a [u8]) -> Self {
        Self { command, all: text, rest: text }
    }

    /// What has not been taken.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Fails unless all was taken.
    pub(super) fn end(&self) -> Result<(), TextError> {
        if self.is_at_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes exactly these bytes.
    pub(super) fn take(&mut self, literal: &[u8]) -> Result<(), TextError> {
        self.rest = self.rest.strip_prefix(literal).ok_or_else(|| self.unexpected())?;
        Ok(())
    }

    /// Takes so many bytes, whatever they are.
    pub(super) fn take_any(&mut self, count: usize) -> Result<&'a [u8], TextError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| self.unexpected())?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes a decimal number.
    pub(super) fn number(&mut self) -> Result<u64, TextError> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let here = *self;
        let digits = self.take_any(digits)?;
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        number.ok_or_else(|| here.unexpected())
    }

    /// Takes a UUID, or the `-` that stands for none: alone, or filling the column as newer versions do.
    pub(super) fn uuid(&mut self) -> Result<Option<Uuid>, TextError> {
        const NONE: &[u8; UUID] = b"-                                   ";
        for none in [NONE.as_slice(), b"-"] {
            if self.rest.starts_with(none) {
                return self.take(none).map(|()| None);
            }
        }
        let here = *self;
        let uuid = Uuid::try_parse_ascii(self.take_any(UUID)?);
        uuid.map(Some).map_err(|_| here.unexpected())
    }

    /// The error of a text that does not go on as it should here.
    pub(super) fn unexpected(&self) -> TextError {
        let (before, _) = self.all.split_at(self.all.len() - self.rest.len());
        let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let line = self.all[begin..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let text = &line[..line.len().min(SHOWN)];
        TextError::Line {
            command: self.command,
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            text: if text.is_empty() { String::new() } else { escaped(bytes(text)).to_string() },
        }
    }
}

fn bytes(text: &[u8]) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(text)
}
