//! Safe functions over the btrfs ioctls: a borrowed file descriptor in, plain values out.
//!
//! The hazards kept in here are those of the kernel boundary: structures whose layout must be exact,
//! items read from disk whose lengths cannot be trusted, names that are bytes and not text. There is
//! no policy in this crate, and every error names the ioctl that failed and keeps its errno.
//!
//! Most calls need `CAP_SYS_ADMIN` in the initial user namespace; each function says so where it does.
//!
//! # Examples
//!
//! ```no_run
//! let root = std::fs::File::open("/mnt/pool")?;
//! for subvolume in btrsync_kernel::list(&root)? {
//!     println!("{} {}", subvolume.info.id, subvolume.path.display());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod change;
mod data;
mod error;
mod extents;
mod filesystem;
mod info;
mod inode;
mod ioctl;
mod items;
mod list;
mod names;
mod protection;
mod quota;
mod raw;
mod reach;
mod search;
mod send;
mod subvolume;
mod uuid_tree;

pub use change::{Received, create, delete, is_read_only, set_read_only, set_received, snapshot};
pub use data::{
    Encoded, Verity, begin_write_out, clone_range, enable_verity, encoded_read, encoded_write,
    in_memory, write_out, writes_out,
};
pub use error::{Error, Operation, Result};
pub use extents::{ExtentData, FileData, FileExtent, file_data};
pub use filesystem::{FsInfo, commit, fs_info, is_btrfs, is_subvolume, sync};
pub use info::info;
pub use inode::{InodeTime, InodeTimes, root_times};
pub use items::{Inode, Item, Place, items, items_of, place, stored_at};
pub use list::{directory_path, find, inode_path, list, path_of, waiting_for_cleaner};
pub use protection::{Protection, protection, set_protection};
pub use quota::{Usage, usages};
pub use reach::list_reachable;
pub use send::{SendOptions, max_send_version, send};
pub use subvolume::{FIRST_SUBVOLUME, Info, Subvolume, TOP_LEVEL, Timestamp};
pub use uuid_tree::{lookup_received_uuid, lookup_uuid};
