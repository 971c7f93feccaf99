//! The one place with `unsafe`: each btrfs request paired with its argument structure.
//!
//! The hazard is a request number called with the wrong structure: the kernel would write past it.
//! A [`Request`] pairs the two once, so that everything above this module is ordinary safe code.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::os::fd::{AsFd, AsRawFd};

use linux_raw_sys::general::{__NR_cachestat, cachestat, cachestat_range, fsxattr, iovec};
use linux_raw_sys::{btrfs as raw, ioctl as op};
use rustix::io;
use rustix::ioctl::{Ioctl, IoctlOutput, NoArg, Opcode, ioctl, opcode};

use crate::error::{Error, Operation, Result};

/// A btrfs request and the structure it takes.
///
/// # Safety
///
/// `Args` must be the structure that the kernel expects for `OPCODE`, valid when all its bytes are
/// zero, and the kernel must write nowhere but into it.
pub(crate) unsafe trait Request {
    type Args: Copy;
    const OPCODE: Opcode;
    const OPERATION: Operation;
}

macro_rules! requests {
    ($($name:ident: $opcode:ident($args:ty);)*) => {$(
        pub(crate) struct $name;
        // SAFETY: the pairing is that of linux/btrfs.h; the structures hold integers, byte arrays
        // and pointers that the kernel only reads through, so all zeroes is a value of each.
        unsafe impl Request for $name {
            type Args = $args;
            const OPCODE: Opcode = op::$opcode;
            const OPERATION: Operation = Operation(stringify!($opcode));
        }
    )*};
}

requests! {
    SubvolCreate: BTRFS_IOC_SUBVOL_CREATE(raw::btrfs_ioctl_vol_args);
    SnapCreate: BTRFS_IOC_SNAP_CREATE_V2(raw::btrfs_ioctl_vol_args_v2);
    SnapDestroy: BTRFS_IOC_SNAP_DESTROY(raw::btrfs_ioctl_vol_args);
    SubvolGetFlags: BTRFS_IOC_SUBVOL_GETFLAGS(u64);
    SubvolSetFlags: BTRFS_IOC_SUBVOL_SETFLAGS(u64);
    SetReceived: BTRFS_IOC_SET_RECEIVED_SUBVOL(raw::btrfs_ioctl_received_subvol_args);
    GetSubvolInfo: BTRFS_IOC_GET_SUBVOL_INFO(raw::btrfs_ioctl_get_subvol_info_args);
    GetSubvolRootref: BTRFS_IOC_GET_SUBVOL_ROOTREF(raw::btrfs_ioctl_get_subvol_rootref_args);
    InoLookup: BTRFS_IOC_INO_LOOKUP(raw::btrfs_ioctl_ino_lookup_args);
    InoLookupUser: BTRFS_IOC_INO_LOOKUP_USER(raw::btrfs_ioctl_ino_lookup_user_args);
    Send: BTRFS_IOC_SEND(raw::btrfs_ioctl_send_args);
    GetFsInfo: BTRFS_IOC_FS_INFO(raw::btrfs_ioctl_fs_info_args);
    CloneRange: FICLONERANGE(raw::file_clone_range);
    FsGetXattr: FS_IOC_FSGETXATTR(fsxattr);
    FsSetXattr: FS_IOC_FSSETXATTR(fsxattr);
    EnableVerity: FS_IOC_ENABLE_VERITY(VerityArgs);
}

/// `struct fsverity_enable_arg`, which no crate has.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct VerityArgs {
    pub(crate) version: u32,
    pub(crate) hash_algorithm: u32,
    pub(crate) block_size: u32,
    pub(crate) salt_size: u32,
    pub(crate) salt_ptr: u64,
    pub(crate) sig_size: u32,
    pub(crate) reserved1: u32,
    pub(crate) sig_ptr: u64,
    pub(crate) reserved2: [u64; 11],
}

pub(crate) struct Fiemap;

// SAFETY: the pairing is that of linux/fiemap.h. Nobody outside of this module can ask for extents, which
// the kernel would write behind the structure; it holds integers, so all zeroes is a value of it.
unsafe impl Request for Fiemap {
    type Args = FiemapArgs;
    const OPCODE: Opcode = op::FS_IOC_FIEMAP;
    const OPERATION: Operation = Operation("FS_IOC_FIEMAP");
}

/// `struct fiemap` without room for extents.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct FiemapArgs {
    pub(crate) start: u64,
    pub(crate) length: u64,
    pub(crate) flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
}

pub(crate) struct EncodedWrite;

// SAFETY: the pairing is that of linux/btrfs.h; the structure holds integers and a pointer that the
// kernel only reads through, so all zeroes is a value of it.
unsafe impl Request for EncodedWrite {
    type Args = raw::btrfs_ioctl_encoded_io_args;
    const OPCODE: Opcode = opcode::write::<Self::Args>(0x94, 64);
    const OPERATION: Operation = Operation("BTRFS_IOC_ENCODED_WRITE");
}

/// Returns the arguments of a request with every byte zero.
pub(crate) fn zeroed<R: Request>() -> R::Args {
    // SAFETY: `Request` promises that all zeroes is a valid value.
    unsafe { std::mem::zeroed() }
}

/// A request called by its number, with arguments that outlive the call.
struct Call<'a, R: Request>(&'a mut R::Args);

// SAFETY: opcode and structure belong together by the contract of `Request`; the pointer is that of
// an exclusive borrow, which lives until the call has returned.
unsafe impl<R: Request> Ioctl for Call<'_, R> {
    type Output = ();
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        R::OPCODE
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> io::Result<()> {
        Ok(())
    }
}

/// Calls a request; the kernel reads `args` and may write its answer into them.
pub(crate) fn call<R: Request>(fd: impl AsFd, args: &mut R::Args) -> Result<()> {
    io::retry_on_intr(|| once::<R>(&fd, args)).map_err(|e| Error::call(R::OPERATION, e))
}

/// Calls a request that must not be repeated when a signal has ended it half-way.
pub(crate) fn call_once<R: Request>(fd: impl AsFd, args: &mut R::Args) -> Result<()> {
    once::<R>(fd, args).map_err(|e| Error::call(R::OPERATION, e))
}

fn once<R: Request>(fd: impl AsFd, args: &mut R::Args) -> io::Result<()> {
    // SAFETY: `Call` keeps the promises of `Ioctl` for every `Request`.
    unsafe { ioctl(fd, Call::<R>(args)) }
}

/// Commits the running transaction of the filesystem that `fd` is on.
pub(crate) fn commit(fd: impl AsFd) -> io::Result<()> {
    // SAFETY: BTRFS_IOC_SYNC takes no argument.
    io::retry_on_intr(|| unsafe { ioctl(&fd, NoArg::<{ op::BTRFS_IOC_SYNC }>::new()) })
}

/// Begins to write what a file holds in memory alone, and does not wait for it (`sync_file_range`, which is
/// not in rustix).
pub(crate) fn begin_writing(fd: impl AsFd) -> io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open during the call, and the rest are numbers.
    match unsafe { libc::sync_file_range(fd, 0, 0, libc::SYNC_FILE_RANGE_WRITE) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

/// How many pages of a range of a file are in memory (`cachestat`, which is not in rustix).
pub(crate) fn pages_in_memory(fd: impl AsFd, offset: u64, length: u64) -> io::Result<u64> {
    let range = cachestat_range { off: offset, len: length };
    let mut found = cachestat {
        nr_cache: 0,
        nr_dirty: 0,
        nr_writeback: 0,
        nr_evicted: 0,
        nr_recently_evicted: 0,
    };
    let (call, fd) = (__NR_cachestat as libc::c_long, fd.as_fd().as_raw_fd());
    // SAFETY: the kernel reads one structure and writes into the other, and both live until the call has returned.
    match unsafe { libc::syscall(call, fd, &raw const range, &raw mut found, 0) } {
        0 => Ok(found.nr_cache),
        _ => Err(last_error()),
    }
}

fn last_error() -> io::Errno {
    io::Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(io::Errno::IO)
}

/// Reads data of a file as it is stored, from `offset` on; returns how much of `buffer` it takes, and what
/// the kernel tells of it.
pub(crate) fn read_encoded(
    fd: impl AsFd,
    offset: i64,
    buffer: &mut [u8],
) -> Result<(usize, raw::btrfs_ioctl_encoded_io_args)> {
    let vector = iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() as _ };
    let mut args = zeroed::<EncodedWrite>();
    args.iov = (&raw const vector).cast();
    args.iovcnt = 1;
    args.offset = offset;
    // SAFETY: the kernel writes into `args`, and at most its length into the buffer that the vector names;
    // both are borrowed exclusively until the call has returned.
    let read = io::retry_on_intr(|| unsafe { ioctl(&fd, EncodedRead(&mut args)) });
    let read = read.map_err(|e| Error::call(Operation("BTRFS_IOC_ENCODED_READ"), e))?;
    Ok((read.min(buffer.len()), args))
}

/// A read of encoded data.
struct EncodedRead<'a>(&'a mut raw::btrfs_ioctl_encoded_io_args);

// SAFETY: opcode and structure are a pair of linux/btrfs.h, and the pointer is that of an exclusive borrow;
// made only by `read_encoded`, which keeps the buffer alive that the structure names.
unsafe impl Ioctl for EncodedRead<'_> {
    type Output = usize;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read::<raw::btrfs_ioctl_encoded_io_args>(0x94, 64)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> io::Result<usize> {
        Ok(out as usize)
    }
}

/// What stands before the items of a tree search.
#[repr(C)]
struct SearchHead {
    key: raw::btrfs_ioctl_search_key,
    buf_size: u64,
}

/// The argument area of BTRFS_IOC_TREE_SEARCH_V2: a head and room for the items.
#[derive(Debug)]
pub(crate) struct TreeSearch(Vec<u8>);

impl TreeSearch {
    const HEAD: usize = size_of::<SearchHead>();

    /// Makes an area with room for `size` bytes of items.
    pub(crate) fn new(size: usize) -> Self {
        Self(vec![0; Self::HEAD + size])
    }

    /// Runs a search; returns the number of items found and the buffer they stand in.
    pub(crate) fn run(
        &mut self,
        fd: impl AsFd,
        key: raw::btrfs_ioctl_search_key,
    ) -> io::Result<(u32, &[u8])> {
        let buf_size = (self.0.len() - Self::HEAD) as u64;
        let head = self.0.as_mut_ptr().cast::<SearchHead>();
        // SAFETY: the area is at least a head long; the write does not assume alignment.
        unsafe { head.write_unaligned(SearchHead { key, buf_size }) };
        // SAFETY: the structure of this request begins with the head, and the kernel writes into it
        // and into the `buf_size` bytes after it, all inside the area.
        io::retry_on_intr(|| unsafe { ioctl(&fd, SearchCall(head)) })?;
        // SAFETY: the head is still there, and any bytes are a value of it.
        let found = unsafe { head.read_unaligned() }.key.nr_items;
        Ok((found, &self.0[Self::HEAD..]))
    }
}

/// A tree search into the area that begins at the pointer.
struct SearchCall(*mut SearchHead);

// SAFETY: made only by `TreeSearch::run`, which keeps the area alive during the call.
unsafe impl Ioctl for SearchCall {
    type Output = ();
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        op::BTRFS_IOC_TREE_SEARCH_V2
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.0.cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> io::Result<()> {
        Ok(())
    }
}
