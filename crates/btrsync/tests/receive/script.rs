//! Streams made by hand, command by command.

use btrsync_stream::{Command, Header, Timespec, Version};
use uuid::Uuid;

/// The UUID that hand-made streams give.
pub(crate) const MADE: Uuid = Uuid::from_u128(0x1111_2222_3333_4444_5555_6666_7777_8888);

/// A stream under construction.
pub(crate) struct Script {
    version: Version,
    bytes: Vec<u8>,
}

impl Script {
    /// Begins a full stream of a subvolume.
    pub(crate) fn full(name: &str) -> Self {
        Self::begin(Version::V1).then(Command::Subvol {
            path: name.as_bytes(),
            uuid: MADE,
            ctransid: 7,
        })
    }

    pub(crate) fn begin(version: Version) -> Self {
        Self { version, bytes: Header { version }.encode().to_vec() }
    }

    pub(crate) fn then(mut self, command: Command<'_>) -> Self {
        command.encode(self.version, &mut self.bytes).unwrap();
        self
    }

    pub(crate) fn mkfile(self, path: impl AsRef<[u8]>) -> Self {
        self.then(Command::Mkfile { path: path.as_ref(), ino: 1 })
    }

    pub(crate) fn mkdir(self, path: impl AsRef<[u8]>) -> Self {
        self.then(Command::Mkdir { path: path.as_ref(), ino: 1 })
    }

    pub(crate) fn symlink(self, path: impl AsRef<[u8]>, target: &str) -> Self {
        let (path, target) = (path.as_ref(), target.as_bytes());
        self.then(Command::Symlink { path, ino: 1, target })
    }

    pub(crate) fn rename(self, path: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Self {
        self.then(Command::Rename { path: path.as_ref(), to: to.as_ref() })
    }

    pub(crate) fn link(self, path: impl AsRef<[u8]>, existing: impl AsRef<[u8]>) -> Self {
        self.then(Command::Link { path: path.as_ref(), existing: existing.as_ref() })
    }

    pub(crate) fn unlink(self, path: impl AsRef<[u8]>) -> Self {
        self.then(Command::Unlink { path: path.as_ref() })
    }

    pub(crate) fn rmdir(self, path: impl AsRef<[u8]>) -> Self {
        self.then(Command::Rmdir { path: path.as_ref() })
    }

    pub(crate) fn write(self, path: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Self {
        self.write_at(path, 0, data)
    }

    pub(crate) fn write_at(
        self,
        path: impl AsRef<[u8]>,
        offset: u64,
        data: impl AsRef<[u8]>,
    ) -> Self {
        self.then(Command::Write { path: path.as_ref(), offset, data: data.as_ref() })
    }

    pub(crate) fn xattr(self, path: impl AsRef<[u8]>, name: &str, value: &[u8]) -> Self {
        self.then(Command::SetXattr { path: path.as_ref(), name: name.as_bytes(), value })
    }

    pub(crate) fn utimes(self, path: impl AsRef<[u8]>, sec: i64) -> Self {
        let (path, time) = (path.as_ref(), Timespec { sec, nsec: 5 });
        let otime = (self.version > Version::V1).then_some(time);
        self.then(Command::Utimes { path, atime: time, mtime: time, ctime: time, otime })
    }

    pub(crate) fn clone(self, path: &str, from: (Uuid, u64, &str), offset: u64, len: u64) -> Self {
        let (clone_uuid, clone_ctransid, source) = from;
        self.then(Command::Clone {
            offset,
            len,
            path: path.as_bytes(),
            clone_uuid,
            clone_ctransid,
            clone_path: source.as_bytes(),
            clone_offset: offset,
        })
    }

    /// Completes the stream.
    pub(crate) fn end(self) -> Vec<u8> {
        self.then(Command::End).bytes
    }
}
