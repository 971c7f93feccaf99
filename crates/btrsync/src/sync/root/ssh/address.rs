//! `[user@]host:path` and `ssh://[user@]host[:port]/path`, as scp takes them apart.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::SshOptions;
use crate::text::escaped;

/// A text that names no place on another machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is no location on another machine: {what}", escaped(text))]
pub struct BadAddress {
    /// The text.
    pub text: OsString,
    /// What is wrong with it.
    pub what: &'static str,
}

/// A path on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAddress {
    /// Whom to log in as, where.
    pub options: SshOptions,
    /// The path; relative to the home directory there, as is one that begins with `~/`.
    pub path: PathBuf,
}

impl SshAddress {
    /// Returns whether a text that is no URL names a place on another machine: whether it has a colon
    /// before its first slash, brackets around the host not counted.
    pub fn has_host(text: &[u8]) -> bool {
        colon(text).is_some()
    }

    /// Takes a location apart.
    ///
    /// # Errors
    ///
    /// [`BadAddress`] where it has no host, or a port that is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use btrsync::sync::root::SshAddress;
    ///
    /// let there = SshAddress::parse(b"me@nas:backup")?;
    /// assert_eq!((there.options.host.as_str(), there.path.to_str()), ("nas", Some("backup")));
    /// let there = SshAddress::parse(b"ssh://[::1]:2222/srv/backup")?;
    /// assert_eq!((there.options.host.as_str(), there.options.port), ("::1", Some(2222)));
    /// # Ok::<(), btrsync::sync::root::BadAddress>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, BadAddress> {
        let bad = |what| BadAddress { text: OsString::from_vec(text.to_vec()), what };
        let (authority, path) = match strip_scheme(text) {
            Some(rest) => {
                let at = rest.iter().position(|c| *c == b'/').unwrap_or(rest.len());
                let path = &rest[at..];
                (&rest[..at], if path.starts_with(b"/~") { &path[1..] } else { path })
            }
            None => {
                let colon = colon(text).ok_or_else(|| bad("it has no colon"))?;
                (&text[..colon], &text[colon + 1..])
            }
        };
        let is_url = strip_scheme(text).is_some();
        let options = options(authority, is_url).map_err(bad)?;
        Ok(Self { options, path: PathBuf::from(OsString::from_vec(path.to_vec())) })
    }
}

fn strip_scheme(text: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = text.split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"ssh://").then_some(rest)
}

/// The colon between host and path: the first outside of brackets, before any slash.
fn colon(text: &[u8]) -> Option<usize> {
    let host = text.iter().position(|c| *c == b'@').map_or(0, |at| at + 1);
    let slash = text.iter().position(|c| *c == b'/').unwrap_or(text.len());
    let host = if host > slash { 0 } else { host };
    let after = match text[host..].first() {
        Some(b'[') => host + text[host..].windows(2).position(|two| two == b"]:")? + 1,
        _ => text.iter().position(|c| *c == b':')?,
    };
    (after > 0 && text[after] == b':' && (after < slash || text[host..].starts_with(b"[")))
        .then_some(after)
}

/// Reads `[user@]host`, and in a URL also `:port`.
fn options(authority: &[u8], is_url: bool) -> Result<SshOptions, &'static str> {
    let text = std::str::from_utf8(authority).map_err(|_| "its host is not text")?;
    let (user, host) = match text.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, text),
    };
    let (host, port) = if is_url { split_port(host)? } else { (host, None) };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        return Err("it names no host");
    }
    // ssh would take the one for an option, and a shell between us and it the others for its own.
    if host.starts_with('-') || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("no host has such a name");
    }
    if user.is_some_and(|user| user.is_empty() || user.starts_with('-')) {
        return Err("no user has such a name");
    }
    let user = user.map(str::to_owned);
    Ok(SshOptions { host: host.to_owned(), user, port, ..SshOptions::default() })
}

fn split_port(host: &str) -> Result<(&str, Option<u16>), &'static str> {
    let after_brackets = host.rfind(']').map_or(0, |at| at + 1);
    match host[after_brackets..].rfind(':').map(|at| after_brackets + at) {
        None => Ok((host, None)),
        Some(at) => match host[at + 1..].parse() {
            Ok(port) if port > 0 => Ok((&host[..at], Some(port))),
            _ => Err("its port is no number from 1 to 65535"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_taken_apart_as_scp_does() {
        let cases = [
            ("h:p", None, "h", None, "p"),
            ("h:", None, "h", None, ""),
            ("u@h:/p:q", Some("u"), "h", None, "/p:q"),
            ("h:a@b", None, "h", None, "a@b"),
            ("[::1]:/p", None, "::1", None, "/p"),
            ("u@[fe80::1%eth0]:p", Some("u"), "fe80::1%eth0", None, "p"),
            ("ssh://h/p", None, "h", None, "/p"),
            ("ssh://u@h:22/p", Some("u"), "h", Some(22), "/p"),
            ("SSH://[::1]:22/p:q", None, "::1", Some(22), "/p:q"),
            ("ssh://[::1]/", None, "::1", None, "/"),
            ("ssh://h/~/p", None, "h", None, "~/p"),
            ("ssh://h", None, "h", None, ""),
        ];
        for (text, user, host, port, path) in cases {
            let there = SshAddress::parse(text.as_bytes()).unwrap();
            let expected = SshOptions {
                host: host.to_owned(),
                user: user.map(str::to_owned),
                port,
                ..SshOptions::default()
            };
            assert_eq!((there.options, there.path), (expected, path.into()), "{text}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        for text in [
            "h",
            ":p",
            "/a:b",
            "@h:p",
            "-oProxyCommand=x:p",
            "a b:p",
            "ssh://",
            "ssh:///p",
            "ssh://h:0/p",
            "ssh://h:x/p",
            "ssh://h:70000/p",
            "-u@h:p",
            "[]:p",
            "[::1]",
        ] {
            assert!(SshAddress::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
