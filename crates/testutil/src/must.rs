//! An `unwrap` that says on what: a bare `ENOENT` from a helper that touches sixty files tells nothing.

use std::ffi::OsStr;
use std::fmt::Display;

/// Returns the value, or panics with what was attempted, on which path, and why it failed.
#[track_caller]
pub(crate) fn must<T, E: Display>(what: &str, path: impl AsRef<OsStr>, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("cannot {what} {}: {error}", path.as_ref().display()),
    }
}
