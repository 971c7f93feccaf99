//! Asks before anything is sent.

use std::io::{self, IsTerminal, Write};

use btrsync::Cancel;

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    Skip,
}

/// Whether there is somebody to ask.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Asks; an interrupted question is an error.
pub(crate) fn ask(cancel: &Cancel, mut to: impl Write) -> io::Result<Answer> {
    write!(to, "Proceed? [y/N/(s)kip] ")?;
    to.flush()?;
    let line = read_line(cancel)?;
    Ok(answer(line.as_slice()))
}

fn answer(line: &[u8]) -> Answer {
    match line.trim_ascii().to_ascii_lowercase().as_slice() {
        b"y" | b"yes" => Answer::Yes,
        b"s" | b"skip" => Answer::Skip,
        _ => Answer::No,
    }
}

/// Reads a line byte by byte and without a buffer, so that a cancellation ends the wait and nothing
/// after the line is swallowed.
fn read_line(cancel: &Cancel) -> io::Result<Vec<u8>> {
    const LONGEST: usize = 4096;
    let mut line = Vec::new();
    loop {
        cancel.wait_readable(io::stdin())?;
        let mut byte = [0];
        match rustix::io::read(io::stdin(), &mut byte)? {
            1 if byte[0] != b'\n' && line.len() < LONGEST => line.push(byte[0]),
            _ => return Ok(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_proceeds() {
        for (line, expected) in [
            ("y", Answer::Yes),
            (" YES \r", Answer::Yes),
            ("s", Answer::Skip),
            ("", Answer::No),
            ("yep", Answer::No),
            ("n", Answer::No),
        ] {
            assert_eq!(answer(line.as_bytes()), expected, "{line:?}");
        }
    }
}
