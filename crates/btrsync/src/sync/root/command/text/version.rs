//! Reads `btrfs --version`, and knows the versions that print what cannot be used.

use std::fmt;

use super::{Cursor, TextError};

/// A version of btrfs-progs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sync::root) struct Version(
    pub(in crate::sync::root) u64,
    pub(in crate::sync::root) u64,
    pub(in crate::sync::root) u64,
);

const OLDEST: Version = Version(4, 0, 0);
const BROKEN: [(Version, &str); 2] = [
    (Version(6, 1, 0), "it lists subvolumes without their UUIDs"),
    (Version(6, 9, 1), "it lists subvolumes without the last byte of their names"),
];

impl Version {
    /// Reads what `btrfs --version` prints.
    ///
    /// What comes behind the numbers is ignored: a distribution's own suffix, and from 6.10 on a line
    /// of features.
    ///
    /// # Errors
    ///
    /// [`TextError::Line`] where it does not begin with a version.
    pub(in crate::sync::root) fn parse(text: &[u8]) -> Result<Self, TextError> {
        let mut text = Cursor::new("--version", text);
        // Before 4.0 the program called itself so.
        text.take(b"btrfs-progs v").or_else(|_| text.take(b"Btrfs v"))?;
        let major = text.number()?;
        let mut part = || match text.take(b".") {
            Ok(()) => text.number(),
            Err(_) => Ok(0),
        };
        Ok(Self(major, part()?, part()?))
    }

    /// Fails for a version whose listings cannot be used.
    ///
    /// # Errors
    ///
    /// [`TextError::Version`].
    pub(in crate::sync::root) fn check(self) -> Result<(), TextError> {
        let broken = BROKEN.iter().find(|(version, _)| *version == self);
        let problem = match broken {
            Some((_, problem)) => problem,
            None if self < OLDEST => "4.0 is the oldest version that is supported",
            None => return Ok(()),
        };
        Err(TextError::Version { version: self, problem })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(major, minor, 0) => write!(f, "{major}.{minor}"),
            Self(major, minor, patch) => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_every_time_and_place_are_read() {
        for (text, version) in [
            ("Btrfs v3.12\n", Version(3, 12, 0)),
            ("btrfs-progs v4.0\n", Version(4, 0, 0)),
            ("btrfs-progs v4.5.3+20160729\n", Version(4, 5, 3)),
            ("btrfs-progs v5.10.1 \n", Version(5, 10, 1)),
            ("btrfs-progs v6.2\n", Version(6, 2, 0)),
            ("btrfs-progs v6.14-rc1\n", Version(6, 14, 0)),
            ("btrfs-progs v6.14\n+EXPERIMENTAL -INJECT +LZO +ZSTD\n", Version(6, 14, 0)),
        ] {
            assert_eq!(Version::parse(text.as_bytes()).unwrap(), version, "{text}");
        }
        for bad in ["", "btrfs-progs", "btrfs-progs vX", "btrfs-progs v6.", "busybox v1.0"] {
            assert!(Version::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_with_broken_listings_are_told_and_their_neighbours_are_not() {
        for good in [(4, 0, 0), (4, 13, 2), (6, 0, 2), (6, 1, 1), (6, 9, 0), (6, 9, 2), (7, 0, 0)] {
            Version(good.0, good.1, good.2).check().unwrap();
        }
        for (version, told) in [
            (Version(3, 19, 1), "btrfs-progs 3.19.1 cannot be used: 4.0 is the oldest"),
            (Version(6, 1, 0), "btrfs-progs 6.1 cannot be used: it lists subvolumes without their"),
            (Version(6, 9, 1), "btrfs-progs 6.9.1 cannot be used: it lists subvolumes without the"),
        ] {
            let error = version.check().unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }
}
