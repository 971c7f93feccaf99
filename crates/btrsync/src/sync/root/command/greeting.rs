//! What tells the output of a script from whatever a login prints before it.
//!
//! A shell that greets its user does so for every command. Passed on, that would be the beginning of a
//! stream, or of an answer.

use std::io::{self, Read};
use std::os::fd::OwnedFd;

use crate::{Cancel, Flow};

/// Says that the script begins; `$N` is the mark.
pub(super) const GREETING: &str = "printf '\\n%s begins\\n' \"$N\"\n";

/// How much may come before that, in bytes.
const LONGEST: usize = 1 << 20;

/// Reads up to the greeting and not a byte further: what follows belongs to somebody else.
pub(super) fn skip(output: &OwnedFd, mark: &str, cancel: &Cancel) -> io::Result<()> {
    let mut output = Flow::new(output.try_clone()?, cancel);
    let end = format!("\n{mark} begins\n").into_bytes();
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(&end) {
        if seen.len() >= LONGEST {
            return Err(io::Error::other("the login prints without end"));
        }
        output.read_exact(&mut byte)?;
        seen.push(byte[0]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    /// What is left of an output after its greeting.
    fn rest(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let cancel = Cancel::new().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        File::from(writer).write_all(bytes).unwrap();
        skip(&reader, "M", &cancel)?;
        let mut rest = Vec::new();
        File::from(reader).read_to_end(&mut rest).map(|_| rest)
    }

    #[test]
    fn noise_goes_and_every_byte_behind_it_stays() {
        assert_eq!(rest(b"\nM begins\n").unwrap(), b"");
        assert_eq!(
            rest(b"Welcome!\0\n\nM beg\nM begins\n\nM begins\n\0x").unwrap(),
            b"\nM begins\n\0x"
        );
    }

    #[test]
    fn an_output_that_ends_before_is_an_error() {
        assert_eq!(rest(b"no such shell").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
