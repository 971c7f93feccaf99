//! The meaning of a stream, and the part of it that acts on a filesystem: a command read wrongly here is a file written
//! wrongly there. Each row below is the whole truth about one command.

use std::fmt;

use uuid::Uuid;

use crate::attribute::{Attribute, Attributes};
use crate::error::{EncodeError, Error};
use crate::frame::Frame;
use crate::payload::Payload;
use crate::table::command_table;
use crate::value::{Timespec, Value};
use crate::version::Version;

command_table! {
    /// Begins a subvolume that is sent in full.
    Subvol = 1, V1, "subvol" {
        /// The name of the subvolume on the sending side.
        Path path: &'a [u8],
        /// Its received UUID if it has one, else its UUID.
        Uuid uuid: Uuid,
        /// The transaction in which it, or what it was received from, last changed.
        Ctransid ctransid: u64,
    };
    /// Begins a subvolume that is sent as the difference to a parent.
    Snapshot = 2, V1, "snapshot" {
        /// The name of the subvolume on the sending side.
        Path path: &'a [u8],
        /// Its received UUID if it has one, else its UUID.
        Uuid uuid: Uuid,
        /// The transaction in which it, or what it was received from, last changed.
        Ctransid ctransid: u64,
        /// The parent, by the same rule.
        CloneUuid clone_uuid: Uuid,
        /// The transaction of the parent, by the same rule.
        CloneCtransid clone_ctransid: u64,
    };
    /// Creates an empty regular file.
    Mkfile = 3, V1, "mkfile" {
        /// The new file.
        Path path: &'a [u8],
        /// The inode number on the sending side.
        Ino ino: u64,
    };
    /// Creates an empty directory.
    Mkdir = 4, V1, "mkdir" {
        /// The new directory.
        Path path: &'a [u8],
        /// The inode number on the sending side.
        Ino ino: u64,
    };
    /// Creates a character or block device.
    Mknod = 5, V1, "mknod" {
        /// The new device.
        Path path: &'a [u8],
        /// The inode number on the sending side.
        Ino ino: u64,
        /// The device number: minor bits 0-7, major bits 8-19, more of the minor bits 20-31.
        Rdev rdev: u32,
        /// File type and permissions as in `st_mode`.
        Mode mode: u32,
    };
    /// Creates a named pipe.
    Mkfifo = 6, V1, "mkfifo" {
        /// The new pipe.
        Path path: &'a [u8],
        /// The inode number on the sending side.
        Ino ino: u64,
        /// Without meaning here, but sent.
        Rdev rdev: u32,
        /// File type and permissions as in `st_mode`.
        Mode mode: u32,
    };
    /// Creates a socket.
    Mksock = 7, V1, "mksock" {
        /// The new socket.
        Path path: &'a [u8],
        /// The inode number on the sending side.
        Ino ino: u64,
        /// Without meaning here, but sent.
        Rdev rdev: u32,
        /// File type and permissions as in `st_mode`.
        Mode mode: u32,
    };
    /// Creates a symbolic link.
    Symlink = 8, V1, "symlink" {
        /// The new link.
        Path path: &'a [u8],
        /// The inode number on the sending side.
        Ino ino: u64,
        /// What it holds.
        PathLink target: &'a [u8],
    };
    /// Renames; replaces nothing.
    Rename = 9, V1, "rename" {
        /// The old path.
        Path path: &'a [u8],
        /// The new path.
        PathTo to: &'a [u8],
    };
    /// Creates a hard link.
    Link = 10, V1, "link" {
        /// The new name.
        Path path: &'a [u8],
        /// An existing name of the same file.
        PathLink existing: &'a [u8],
    };
    /// Removes a name of anything but a directory.
    Unlink = 11, V1, "unlink" {
        /// The name.
        Path path: &'a [u8],
    };
    /// Removes an empty directory.
    Rmdir = 12, V1, "rmdir" {
        /// The directory.
        Path path: &'a [u8],
    };
    /// Sets an extended attribute.
    SetXattr = 13, V1, "set_xattr" {
        /// The file.
        Path path: &'a [u8],
        /// The name of the attribute, with its namespace.
        XattrName name: &'a [u8],
        /// Its value, which may be empty.
        XattrData value: &'a [u8],
    };
    /// Removes an extended attribute.
    RemoveXattr = 14, V1, "remove_xattr" {
        /// The file.
        Path path: &'a [u8],
        /// The name of the attribute, with its namespace.
        XattrName name: &'a [u8],
    };
    /// Writes file data.
    Write = 15, V1, "write" {
        /// The file.
        Path path: &'a [u8],
        /// Where to write, in bytes.
        FileOffset offset: u64,
        /// What to write.
        Data data: &'a [u8],
    };
    /// Shares an extent of a file that the receiver has.
    Clone = 16, V1, "clone" {
        /// Where to put it, in bytes.
        FileOffset offset: u64,
        /// The length, in bytes.
        CloneLen len: u64,
        /// The file that gets it.
        Path path: &'a [u8],
        /// The subvolume to take it from; may be the one being sent.
        CloneUuid clone_uuid: Uuid,
        /// The transaction of that subvolume.
        CloneCtransid clone_ctransid: u64,
        /// The file in that subvolume.
        ClonePath clone_path: &'a [u8],
        /// Where it begins in that file, in bytes.
        CloneOffset clone_offset: u64,
    };
    /// Sets the size of a file.
    Truncate = 17, V1, "truncate" {
        /// The file.
        Path path: &'a [u8],
        /// The new size, in bytes.
        Size size: u64,
    };
    /// Sets permissions.
    Chmod = 18, V1, "chmod" {
        /// The file.
        Path path: &'a [u8],
        /// The permission bits.
        Mode mode: u32,
    };
    /// Sets owner and group.
    Chown = 19, V1, "chown" {
        /// The file; a symbolic link itself, not its target.
        Path path: &'a [u8],
        /// The owner.
        Uid uid: u32,
        /// The group.
        Gid gid: u32,
    };
    /// Sets times.
    Utimes = 20, V1, "utimes" {
        /// The file; a symbolic link itself, not its target.
        Path path: &'a [u8],
        /// The last access.
        Atime atime: Timespec,
        /// The last change of data.
        Mtime mtime: Timespec,
        /// The last change of the inode, which no receiver can set.
        Ctime ctime: Timespec,
        /// The birth of the inode, which no receiver can set; absent in v1, always there from v2 on.
        Otime otime: Option<Timespec>,
    };
    /// Completes the stream.
    End = 21, V1, "end";
    /// Stands for a write in a stream without file data.
    UpdateExtent = 22, V1, "update_extent" {
        /// The file.
        Path path: &'a [u8],
        /// Where data changed, in bytes.
        FileOffset offset: u64,
        /// How much, in bytes.
        Size size: u64,
    };
    /// Allocates space or punches a hole.
    Fallocate = 23, V2, "fallocate" {
        /// The file.
        Path path: &'a [u8],
        /// The mode as in fallocate(2).
        FallocateMode mode: u32,
        /// Where, in bytes.
        FileOffset offset: u64,
        /// How much, in bytes.
        Size size: u64,
    };
    /// Sets the inode flags.
    Fileattr = 24, V2, "fileattr" {
        /// The file.
        Path path: &'a [u8],
        /// The flags of the inode item (`BTRFS_INODE_*`), not those of chattr(1).
        Fileattr flags: u64,
    };
    /// Writes file data that is still compressed.
    EncodedWrite = 25, V2, "encoded_write" {
        /// The file.
        Path path: &'a [u8],
        /// Where to write, in bytes.
        FileOffset offset: u64,
        /// The length of the file data that results, in bytes.
        UnencodedFileLen unencoded_file_len: u64,
        /// The length of all data when decompressed, in bytes.
        UnencodedLen unencoded_len: u64,
        /// Where the file data begins in the decompressed data, in bytes.
        UnencodedOffset unencoded_offset: u64,
        /// The algorithm (`BTRFS_ENCODED_IO_COMPRESSION_*`); 0 if absent.
        Compression compression: Option<u32>,
        /// The encryption, 0 so far; 0 if absent, as in inline extents.
        Encryption encryption: Option<u32>,
        /// The encoded data.
        Data data: &'a [u8],
    };
    /// Seals a file with fs-verity.
    EnableVerity = 26, V3, "enable_verity" {
        /// The file.
        Path path: &'a [u8],
        /// The hash algorithm (`FS_VERITY_HASH_ALG_*`).
        VerityAlgorithm algorithm: u8,
        /// The block size of the hash tree, in bytes.
        VerityBlockSize block_size: u32,
        /// The salt, which may be empty.
        VeritySaltData salt: &'a [u8],
        /// The signature, which may be empty.
        VeritySigData signature: &'a [u8],
    };
}

impl CommandKind {
    /// Returns the number in the stream.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Returns the command with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// Says whether it begins a subvolume and carries its name.
    #[must_use]
    pub const fn names_subvolume(self) -> bool {
        matches!(self, Self::Subvol | Self::Snapshot)
    }
}

impl fmt::Display for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
