//! Reads what `btrfs` of btrfs-progs prints, for a side on which there is nothing else.
//!
//! The hazard is a name: it may hold every byte but NUL and `/`, and is printed as it is. A newline in it
//! ends a line, and what follows can look like a whole record, of a subvolume that does not exist
//! or with the UUID of another. So nothing here goes by lines; what cannot be told apart is refused.
//!
//! What is printed differs between the versions of btrfs-progs:
//!
//! | version | `subvolume list` | `subvolume show` |
//! |---|---|---|
//! | 3.16.1 | `-R` is known; a UUID that is not set is `-` | keys as `uuid`, `Object ID`; no received UUID |
//! | 4.1 | | keys as `UUID`, `Subvolume ID`; `Received UUID` |
//! | 4.8.3 | | the top level too; before, a sentence |
//! | 4.12 | | the first line is the path from the top level; before, that of the file |
//! | 4.13.2 | a UUID that is not set fills its column; the top level as `TOPLEVEL` | |
//! | 4.13.3 | no `TOPLEVEL` any more | |
//! | 5.2 | | `Quota group` after the snapshots |
//! | 5.14.2 | | `Send transid`, `Receive transid` and their times |
//! | 6.1 | no UUID is printed, not of any subvolume: refused | |
//! | 6.1.1 | as before | |
//! | 6.9.1 | names lack their last byte: refused | |
//! | 6.9.2 | as before | |
//!
//! The listings need 4.0, the version of the oldest systems that are still in use; `show` needs 4.1.

mod cursor;
mod error;
#[cfg(test)]
mod fixtures;
mod list;
#[cfg(test)]
mod on_btrfs;
#[cfg(test)]
mod render;
mod show;
pub(in crate::sync::root) mod version;

pub(super) use error::TextError;
pub(super) use list::{Listed, listing, read_only};
#[cfg(test)]
use show::Shown;
pub(super) use show::shown;
pub(super) use version::Version;

use cursor::Cursor;

/// Reads what `btrfs inspect-internal rootid PATH` prints: the id of the subvolume that holds `PATH`.
///
/// # Errors
///
/// [`TextError::Line`] where that is not one number.
pub(super) fn root_id(text: &[u8]) -> Result<u64, TextError> {
    let mut cursor = Cursor::new("inspect-internal rootid", text);
    let id = cursor.number()?;
    cursor.take(b"\n")?;
    cursor.end().map(|()| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_id_is_one_number() {
        assert_eq!(root_id(b"257\n").unwrap(), 257);
        for bad in ["", "257", "x\n", "-1\n", "257\n258\n", "99999999999999999999\n", " 5\n"] {
            let error = root_id(bad.as_bytes()).unwrap_err();
            assert!(matches!(error, TextError::Line { .. }), "{bad:?}: {error}");
        }
    }
}
