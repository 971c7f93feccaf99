//! What whoever has logged in with a key wanted to run.
//!
//! sshd runs the forced command in place of that, and tells it. Nothing of it is ever run; it is only looked
//! at, so that what is not a btrsync is told that it gets nothing, and noted.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Btrsync,
    /// Something else; empty for a shell.
    Other(OsString),
}

/// Reads what sshd tells: the command, and whether there is a connection at all.
pub(super) fn asked(command: Option<OsString>, connected: bool) -> Asked {
    match command {
        Some(command) if is_ours(command.as_bytes()) => Asked::Btrsync,
        Some(command) => Asked::Other(command),
        None if connected => Asked::Other(OsString::new()),
        // Not by sshd.
        None => Asked::Btrsync,
    }
}

/// Whether a btrsync asks like this: for a shell, `sh -c '…' btrsync MARK`, or for the command itself.
fn is_ours(command: &[u8]) -> bool {
    if command == b"btrsync serve" {
        return true;
    }
    let begins = command.starts_with(b"exec sh -c '");
    let mark = command.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let end = [b"' btrsync ", mark].concat();
    let is_mark = mark.len() == 32 && mark.iter().all(u8::is_ascii_hexdigit);
    begins && is_mark && command.ends_with(&end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_btrsync_asks_for_is_its() {
        let mark = "0123456789abcdef".repeat(2);
        let shell = format!("exec sh -c 'exec 3>&1; printf x' btrsync {mark}");
        for command in [shell.as_str(), "btrsync serve"] {
            assert_eq!(asked(Some(command.into()), true), Asked::Btrsync, "{command}");
        }
        let short = shell[..shell.len() - 1].to_owned();
        let more = format!("{shell} x");
        for command in ["", "ls", "btrsync serve x", " btrsync serve", &short, &more] {
            let other = Asked::Other(command.into());
            assert_eq!(asked(Some(command.into()), true), other, "{command}");
        }
        assert_eq!(asked(None, true), Asked::Other("".into()));
        assert_eq!(asked(None, false), Asked::Btrsync);
    }
}
