//! What contestants work on: filesystems in memory, new for each run, and data that is the same each time.
//!
//! The hazard is a state that one run leaves to the next: fragmented free space, a tree that is being
//! deleted, pages in a cache. Destinations are never used twice. The source is only read; between runs it
//! is unmounted, which takes its inodes, metadata and pages out of every cache. The pages of its image
//! stay, for they are the disk.

mod data;
mod machine_files;
mod read;
mod source;
mod template;

use btrsync_testutil::{LoopFs, btrfs};

pub use data::{Changes, rewrite_some, text_files, write_large, write_small};
pub use machine_files::copy_machine;
pub use read::read_all;
pub use source::Source;
pub use template::Template;

/// The size of all images; they are sparse, and never full.
const SIZE_MIB: u64 = 12 << 10;

/// Makes an empty filesystem.
#[must_use]
pub fn fresh(mount_options: &str) -> LoopFs {
    let fs = LoopFs::builder().size_mib(SIZE_MIB).mount_options(mount_options).build();
    btrfs::sync(fs.path());
    fs
}

/// How much of a filesystem is in use, in bytes.
#[must_use]
pub fn used(fs: &LoopFs) -> u64 {
    let stat = rustix::fs::statvfs(fs.path()).expect("a mounted filesystem");
    (stat.f_blocks - stat.f_bfree) * stat.f_frsize
}
