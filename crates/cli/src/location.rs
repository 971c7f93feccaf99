//! What the user calls a place: a path or a URL, and not always on this machine.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use btrsync::sync::root::SshAddress;
use btrsync::text::escaped;

use crate::advice::Failure;

/// A place on a side of a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// A path on this machine.
    Here(PathBuf),
    /// A path on another.
    There(SshAddress),
}

/// Takes a location apart.
///
/// `ssh://…` and `file://…` are URLs. A colon before the first slash makes it `HOST:PATH`, as in scp.
/// Anything else is a path.
pub(crate) fn parse(text: &OsStr) -> Result<Location, Failure> {
    let bytes = text.as_bytes();
    match split_scheme(bytes) {
        Some((scheme, _)) if scheme == "ssh" => there(bytes),
        Some((scheme, rest)) if scheme == "file" => {
            Ok(Location::Here(OsString::from_vec(rest.to_vec()).into()))
        }
        Some((scheme, _)) => {
            let message = format!("unknown protocol '{}'; known: ssh, file", escaped(&scheme));
            Err(Failure::usage(message).hint("write ./PATH for a path here that has :// in it"))
        }
        None if SshAddress::has_host(bytes) => there(bytes),
        None => Ok(Location::Here(text.into())),
    }
}

fn there(bytes: &[u8]) -> Result<Location, Failure> {
    let address = SshAddress::parse(bytes).map_err(|bad| {
        Failure::usage(bad).hint(
            "write HOST:PATH or ssh://USER@HOST:PORT/PATH, or ./PATH for a path here that has a colon",
        )
    })?;
    Ok(Location::There(address))
}

fn split_scheme(bytes: &[u8]) -> Option<(String, &[u8])> {
    let at = bytes.windows(3).position(|three| three == b"://")?;
    let scheme = std::str::from_utf8(&bytes[..at]).ok()?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_scheme =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(legal);
    is_scheme.then(|| (scheme.to_ascii_lowercase(), &bytes[at + 3..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_hosts_are_told_apart_as_in_scp() {
        let cases = [
            ("/a/b", None, "/a/b"),
            ("a", None, "a"),
            ("./a:b", None, "./a:b"),
            ("a/b:c", None, "a/b:c"),
            (":a", None, ":a"),
            ("file:///a:b", None, "/a:b"),
            ("host:a", Some("host"), "a"),
            ("user@host:/a", Some("host"), "/a"),
            ("[::1]:/a", Some("::1"), "/a"),
            ("user@[::1]:/a", Some("::1"), "/a"),
            ("[ab]/x", None, "[ab]/x"),
            ("ssh://host:22/a", Some("host"), "/a"),
            ("/a://b", None, "/a://b"),
            ("a@b/c:d", None, "a@b/c:d"),
        ];
        for (text, host, path) in cases {
            let (got_host, got_path) = match parse(OsStr::new(text)).unwrap() {
                Location::Here(path) => (None, path),
                Location::There(address) => (Some(address.options.host), address.path),
            };
            assert_eq!((got_host.as_deref(), got_path), (host, path.into()), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_a_mistake() {
        for text in ["Gopher://x", "ssh://", "ssh:///a", "ssh://h:0/a", "-oX:a", "a b:c"] {
            let failure = parse(OsStr::new(text)).unwrap_err();
            assert_eq!((failure.exit, failure.hint.is_some()), (crate::exit::Exit::Usage, true));
        }
    }
}
