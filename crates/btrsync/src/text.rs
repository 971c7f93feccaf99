//! Shows names, which are bytes, in messages, which are text.
//!
//! A name may hold a newline that fakes a line of output, or an escape sequence that drives the
//! terminal; neither must reach it.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;

/// Shows a name or path with everything escaped that is not printable text; see [`escaped`].
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(&'a [u8]);

/// Shows a name or path: control characters and bytes that are not UTF-8 as `\n`, `\t` or `\x1b`, a
/// backslash doubled, and the empty path as `.`.
///
/// # Examples
///
/// ```
/// use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
/// use btrsync::text::escaped;
///
/// assert_eq!(escaped("snaps/day 1").to_string(), "snaps/day 1");
/// assert_eq!(escaped(OsStr::from_bytes(b"a\n\xff\x1b")).to_string(), r"a\n\xff\x1b");
/// ```
pub fn escaped<T: AsRef<OsStr> + ?Sized>(name: &T) -> Escaped<'_> {
    let bytes = name.as_ref().as_bytes();
    Escaped(if bytes.is_empty() { b"." } else { bytes })
}

impl<'a> Escaped<'a> {
    /// Returns the text, which is the name itself where nothing in it needs to be escaped.
    pub fn to_text(self) -> Cow<'a, str> {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\';
        match std::str::from_utf8(self.0) {
            Ok(plain) if self.0.iter().all(is_plain) => plain.into(),
            _ => self.to_string().into(),
        }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                put(f, c)?;
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

fn put(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '\n' | '\t' | '\r' | '\\' => write!(f, "{}", c.escape_default()),
        c if c.is_ascii_control() => write!(f, "\\x{:02x}", c as u32),
        c if c.is_control() || is_invisible(c) => write!(f, "{}", c.escape_unicode()),
        c => f.write_char(c),
    }
}

/// Whether a character changes how the line around it is laid out.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_shown_and_not_sent() {
        assert_eq!(escaped("a\x1b[2Jb").to_string(), r"a\x1b[2Jb");
        assert_eq!(escaped("a\u{202e}b\u{85}").to_string(), r"a\u{202e}b\u{85}");
        assert_eq!(escaped("a\\b").to_string(), r"a\\b");
    }

    #[test]
    fn text_of_any_script_stays_and_the_root_is_a_dot() {
        assert_eq!(escaped("día 日 🦀").to_string(), "día 日 🦀");
        assert_eq!(escaped("").to_string(), ".");
    }

    #[test]
    fn the_text_is_what_is_shown() {
        for name in ["a b~!", "", "a\\b", "día", "a\x7f", "a\x1f"] {
            assert_eq!(escaped(name).to_text(), escaped(name).to_string());
        }
        assert!(matches!(escaped("snaps/day 1").to_text(), Cow::Borrowed(_)));
    }
}
