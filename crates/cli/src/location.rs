//! What the user calls a place: a path or a URL, and not always on this machine.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use btrsync::sync::default_root;
use btrsync::sync::root::RootFactory;
use btrsync::text::escaped;

use crate::advice::Failure;

/// A place on a side of a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// The protocol that reaches it, as [`btrsync::sync::default_root`] knows it.
    pub(crate) protocol: String,
    /// The rest, in the form that the protocol has: a path for `local`.
    pub(crate) rest: OsString,
}

impl Location {
    /// Makes the place of a regular file one of streams.
    pub(crate) fn or_file(self) -> Self {
        let is_file = std::fs::metadata(&self.rest).is_ok_and(|metadata| metadata.is_file());
        match self.protocol == "local" && is_file {
            true => Self { protocol: "file".to_owned(), ..self },
            false => self,
        }
    }

    /// Returns the maker of roots for this place.
    pub(crate) fn factory(&self) -> Result<&'static dyn RootFactory, Failure> {
        default_root(&self.protocol).map_err(|unknown| match self.protocol.as_str() {
            "ssh" => Failure::usage(format!(
                "{} is on another machine, and this version reaches only this one",
                escaped(&self.rest)
            ))
            .hint("write ./NAME for a path here that has a colon in it"),
            _ => Failure::usage(unknown).hint("write ./PATH for a path here that has :// in it"),
        })
    }
}

/// Takes a location apart.
///
/// `SCHEME://REST` is a URL. A colon before the first slash makes it `HOST:PATH`, as in scp. Anything
/// else is a path.
pub(crate) fn parse(text: &OsStr) -> Location {
    let bytes = text.as_bytes();
    if let Some((scheme, rest)) = split_scheme(bytes) {
        let protocol = if scheme == "file" { "local".to_owned() } else { scheme };
        return Location { protocol, rest: OsString::from_vec(rest.to_vec()) };
    }
    let protocol = if names_host(bytes) { "ssh" } else { "local" };
    Location { protocol: protocol.to_owned(), rest: text.to_os_string() }
}

fn split_scheme(bytes: &[u8]) -> Option<(String, &[u8])> {
    let at = bytes.windows(3).position(|three| three == b"://")?;
    let scheme = std::str::from_utf8(&bytes[..at]).ok()?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_scheme =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(legal);
    is_scheme.then(|| (scheme.to_ascii_lowercase(), &bytes[at + 3..]))
}

fn names_host(bytes: &[u8]) -> bool {
    if bytes.first() == Some(&b'[') {
        return bytes.windows(2).any(|two| two == b"]:");
    }
    let first = bytes.iter().position(|c| matches!(c, b':' | b'/'));
    first.is_some_and(|at| at > 0 && bytes[at] == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_hosts_are_told_apart_as_in_scp() {
        let cases = [
            ("/a/b", "local", "/a/b"),
            ("a", "local", "a"),
            ("./a:b", "local", "./a:b"),
            ("a/b:c", "local", "a/b:c"),
            (":a", "local", ":a"),
            ("file:///a:b", "local", "/a:b"),
            ("host:a", "ssh", "host:a"),
            ("user@host:/a", "ssh", "user@host:/a"),
            ("[::1]:/a", "ssh", "[::1]:/a"),
            ("[ab]/x", "local", "[ab]/x"),
            ("ssh://host:22/a", "ssh", "host:22/a"),
            ("Gopher://x", "gopher", "x"),
            ("/a://b", "local", "/a://b"),
        ];
        for (text, protocol, rest) in cases {
            let location = parse(OsStr::new(text));
            assert_eq!(
                (location.protocol.as_str(), location.rest),
                (protocol, rest.into()),
                "{text}"
            );
        }
    }
}
