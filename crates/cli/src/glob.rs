//! Shell patterns over paths, as bytes, in the semantics of Python's fnmatch: `*` also matches `/`,
//! and nothing is special about a leading dot.

use regex::bytes::{Regex, RegexBuilder};

/// A compiled pattern that a whole path must match.
#[derive(Debug, Clone)]
pub(crate) struct Glob(Regex);

/// A pattern that cannot be compiled: it is too large.
#[derive(Debug, thiserror::Error)]
#[error("the pattern {} is too long", .0.escape_ascii())]
pub(crate) struct TooLong(Vec<u8>);

impl Glob {
    pub(crate) fn new(pattern: &[u8]) -> Result<Self, TooLong> {
        let regex = RegexBuilder::new(&translate(pattern))
            .unicode(false)
            .dot_matches_new_line(true)
            .build();
        regex.map(Self).map_err(|_| TooLong(pattern.to_vec()))
    }

    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        self.0.is_match(path)
    }
}

/// Whether a pattern has anything that is not literal.
pub(crate) fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|c| matches!(c, b'*' | b'?' | b'['))
}

/// Makes a literal text a pattern that matches just that.
pub(crate) fn quote(text: &[u8]) -> Vec<u8> {
    let quoted = |c: &u8| match c {
        b'*' | b'?' | b'[' => vec![b'[', *c, b']'],
        c => vec![*c],
    };
    text.iter().flat_map(quoted).collect()
}

fn translate(pattern: &[u8]) -> String {
    let mut regex = String::from(r"\A(?-u:");
    let mut rest = pattern;
    while let Some((c, after)) = rest.split_first() {
        rest = after;
        match c {
            b'*' => regex.push_str(".*"),
            b'?' => regex.push('.'),
            b'[' => match class(after) {
                Some((class, after)) => {
                    regex.push_str(&class);
                    rest = after;
                }
                None => literal(*c, &mut regex),
            },
            c => literal(*c, &mut regex),
        }
    }
    regex.push_str(r")\z");
    regex
}

fn literal(c: u8, regex: &mut String) {
    regex.push_str(&format!(r"\x{c:02x}"));
}

/// Translates what follows a `[`, up to its `]`; `None` where there is none, and the `[` is literal.
fn class(after: &[u8]) -> Option<(String, &[u8])> {
    let (negated, body) = match after.strip_prefix(b"!") {
        Some(body) => (true, body),
        None => (false, after),
    };
    // A `]` in the first place is a member.
    let end = 1 + body.get(1..)?.iter().position(|c| *c == b']')?;
    let members = ranges(&body[..end]);
    let class = match (members.is_empty(), negated) {
        // No byte is in an empty range, and every byte is outside of it.
        (true, false) => r"[^\x00-\xff]".to_owned(),
        (true, true) => ".".to_owned(),
        (false, negated) => format!("[{}{members}]", if negated { "^" } else { "" }),
    };
    Some((class, &body[end + 1..]))
}

/// Translates the members of a class; a range that goes backwards has none.
fn ranges(mut body: &[u8]) -> String {
    let mut members = String::new();
    loop {
        match body {
            [] => return members,
            [first, b'-', last, rest @ ..] => {
                if first <= last {
                    members.push_str(&format!(r"\x{first:02x}-\x{last:02x}"));
                }
                body = rest;
            }
            [one, rest @ ..] => {
                literal(*one, &mut members);
                body = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_pythons_fnmatch() {
        let cases: &[(&[u8], &[u8], bool)] = &[
            (b"*", b"a/b", true),
            (b"*", b"", true),
            (b"a*c", b"a/\n/c", true),
            (b"a?c", b"a/c", true),
            (b"a?c", b"ac", false),
            (b"*.d", b".x.d", true),
            (b"a", b"ab", false),
            (b"b", b"ab", false),
            (b"[abc]x", b"bx", true),
            (b"[a-c]x", b"dx", false),
            (b"[!a-c]x", b"dx", true),
            (b"[!a-c]x", b"/x", true),
            (b"[]]x", b"]x", true),
            (b"[!]]x", b"ax", true),
            (b"[x", b"[x", true),
            (b"[]", b"[]", true),
            (b"a.b", b"axb", false),
            (b"a+(b)\\", b"a+(b)\\", true),
            (b"[c-a]", b"b", false),
            (b"[!c-a]", b"b", true),
            (b"[a-]", b"-", true),
            (b"[^a]", b"^", true),
            (b"?\xff", b"\xfe\xff", true),
            (b"\xc3\xa9", b"\xc3\xa9", true),
        ];
        for (pattern, path, expected) in cases {
            let shown = (pattern.escape_ascii(), path.escape_ascii());
            assert_eq!(Glob::new(pattern).unwrap().matches(path), *expected, "{shown:?}");
        }
    }

    #[test]
    fn a_quoted_text_matches_itself_alone() {
        for text in [&b"a*b"[..], b"[x]", b"?", b"a/b\xff\n"] {
            let glob = Glob::new(&quote(text)).unwrap();
            assert!(glob.matches(text), "{}", text.escape_ascii());
            assert!(!glob.matches(b"axb"));
        }
    }

    #[test]
    fn a_pattern_that_is_too_long_is_refused() {
        assert!(Glob::new(&vec![b'?'; 1 << 20]).is_err());
    }
}
