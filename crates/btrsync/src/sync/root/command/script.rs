//! Shell scripts with arguments, in a form that passes through any shell unharmed.
//!
//! ssh hands its command to the login shell of the far side, whichever that is, and a name may hold
//! any byte. So a script never is part of a command line: it goes to the standard input of a shell that
//! waits for it there, as one line in which every byte that could mean something is an octal escape.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::greeting::GREETING;

/// What every script can use: `r COMMAND…` runs a command with the rights of the run and ends the
/// script where it fails, `t …` tests, `try …` runs with own rights first.
const PRELUDE: &str = r#"
LC_ALL=C; export LC_ALL; unset CDPATH; PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH
failed() { s=$1; shift; printf '%s! %s\n' "$N" "$*" >&2; exit "$s"; }
r() { $S "$@" || failed $? "$@"; }
t() { test "$@" 2>/dev/null || { test -n "$S" && $S test "$@" 2>/dev/null; }; }
try() { "$@" 2>/dev/null || r "$@"; }
"#;

/// Reads one line, and runs the script in it. Nothing in it is special between single quotes, in
/// whatever shell.
pub(super) const ONE: &str = r#"IFS= read -r l; eval "$(printf %b "$l")""#;

/// Runs the script in each line, and tells how it ended.
pub(super) const MANY: &str = r#"exec 3>&1; printf "\n%s ready\n" "$1"; while IFS= read -r l; do e=$(eval "$(printf %b "$l")" 2>&1 >&3 </dev/null); s=$?; printf "\n%s %s\n%s\n%s.\n" "$1" "$s" "$e" "$1"; done"#;

/// A script and its arguments.
#[derive(Debug, Clone)]
pub(super) struct Script {
    greeting: &'static str,
    body: &'static str,
    arguments: Vec<Vec<u8>>,
}

impl Script {
    pub(super) fn new(body: &'static str) -> Self {
        Self { greeting: "", body, arguments: Vec::new() }
    }

    pub(super) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().as_bytes().to_vec());
        self
    }

    pub(super) fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Lets the script say when it begins.
    pub(super) fn greeting(self) -> Self {
        Self { greeting: GREETING, ..self }
    }

    /// Returns the line that a waiting shell reads. `mark` is text that no output can hold, `sudo` what
    /// is put before commands.
    pub(super) fn line(&self, mark: &str, sudo: &str) -> Vec<u8> {
        let mut text = format!("N={mark}; S='{sudo}'; set --").into_bytes();
        for argument in &self.arguments {
            text.push(b' ');
            quote(argument, &mut text);
        }
        text.extend_from_slice(PRELUDE.as_bytes());
        text.extend_from_slice(self.greeting.as_bytes());
        text.extend_from_slice(self.body.as_bytes());
        // A command substitution drops the newlines at the end, and a name could end in one.
        text.extend_from_slice(b"\n:");
        let mut line = Vec::with_capacity(text.len() * 2);
        text.iter().for_each(|byte| escape(*byte, &mut line));
        line.push(b'\n');
        line
    }
}

/// Quotes a word for a POSIX shell.
fn quote(word: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    for byte in word {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            byte => out.push(*byte),
        }
    }
    out.push(b'\'');
}

/// Writes a byte as `printf %b` reads it.
pub(super) fn escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b' ' | b'_' | b'-' | b'.' | b'/' | b'=' => {
            out.push(byte);
        }
        byte => out.extend_from_slice(format!("\\0{byte:03o}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    fn run(script: &Script) -> Vec<u8> {
        let mut child = Command::new("sh")
            .args(["-c", ONE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&script.line("mark", "")).unwrap();
        child.wait_with_output().unwrap().stdout
    }

    #[test]
    fn any_byte_of_an_argument_arrives() {
        let all: Vec<u8> = (1..=255).chain(*b"\n\n").collect();
        let out = run(&Script::new("printf '%s' \"$1\"; printf '%s' \"$#\"")
            .arg(OsStr::from_bytes(&all))
            .arg("")
            .arg("-n $(false) `false` \\"));
        assert_eq!(out, [&all[..], b"3"].concat());
    }

    #[test]
    fn a_command_that_fails_ends_the_script_with_its_status() {
        let out = run(&Script::new("r sh -c 'exit 7'; echo not reached"));
        assert_eq!(out, b"");
    }

    #[test]
    fn a_line_is_text_that_no_shell_changes() {
        let line = Script::new("x").arg(OsStr::from_bytes(b"'\"\xff\n!")).line("m", "");
        let (last, rest) = line.split_last().unwrap();
        assert_eq!(*last, b'\n');
        assert!(rest.iter().all(|c| c.is_ascii_graphic() || *c == b' '));
        assert!(!rest.iter().any(|c| b"'\"!$`|;&<>()*?[]{}~#".contains(c)));
    }
}
