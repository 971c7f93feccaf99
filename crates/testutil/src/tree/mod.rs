//! Trees that hold every kind of file and attribute a send stream can carry, and changes to them.
//!
//! The hazard is the ordinary tree: a receiver that passes on text files loses the capability, the
//! hole or the name that is no UTF-8. Everything here is the same on every run, times aside that
//! only the clock can give.

mod attributes;
mod bulk;
mod change;
mod content;
mod names;
mod raw;
mod special;

use std::path::Path;

pub use bulk::{nest_directories, write_files, write_files_seeded};
pub use change::mutate_zoo;

pub(crate) use attributes::{ACL_ACCESS, ACL_DEFAULT, CAPABILITY, acl, capability};
pub(crate) use content::pattern;
pub(crate) use names::ODD_NAMES;

/// Fills an existing empty directory with one of everything. Needs root and btrfs.
#[track_caller]
pub fn populate_zoo(dir: &Path) {
    content::populate(&raw::directory(dir, "content"));
    names::populate(&raw::directory(dir, "names"));
    special::populate(&raw::directory(dir, "special"));
    attributes::populate(&raw::directory(dir, "attributes"));
    change::populate(&raw::directory(dir, "change"));
    // Times come last: every entry made in a directory changes the directory's own.
    attributes::populate_times(&raw::directory(dir, "times"));
}
