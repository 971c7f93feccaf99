//! Moves file data as only the kernel can: shared with another file, or still compressed; and seals
//! it.
//!
//! The lengths and offsets go to the kernel as they are; it refuses what does not fit the file or the
//! filesystem, and changes nothing then.

use std::os::fd::{AsFd, AsRawFd};

use linux_raw_sys::general::iovec;
use linux_raw_sys::ioctl::FIEMAP_FLAG_SYNC;

use crate::error::{Error, Operation, Result};
use crate::ioctl::{self, CloneRange, EnableVerity, EncodedWrite, Fiemap};

/// Makes `length` bytes of `file` at `offset` share the extents of `source` at `from`
/// (`FICLONERANGE`).
///
/// All three are in bytes; offsets and, but for the end of the source, lengths are multiples of the
/// sector size. `source` must be readable, `file` writable; a length of 0 means to the end of the
/// source. Needs no rights.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call): `EINVAL` where a range is not aligned or not in the source, or
/// one of the two files has checksums and the other has none; `EXDEV` on two filesystems.
pub fn clone_range(
    file: impl AsFd,
    offset: u64,
    source: impl AsFd,
    from: u64,
    length: u64,
) -> Result<()> {
    let mut args = ioctl::zeroed::<CloneRange>();
    args.src_fd = source.as_fd().as_raw_fd().into();
    args.src_offset = from;
    args.src_length = length;
    args.dest_offset = offset;
    ioctl::call::<CloneRange>(file, &mut args)
}

/// Returns how much of a range of a file is in memory, in bytes (`cachestat`). Nothing is known before Linux 6.5,
/// nor of files of others without rights.
pub fn in_memory(file: impl AsFd, offset: u64, length: u64) -> Option<u64> {
    let pages = ioctl::pages_in_memory(file, offset, length).ok()?;
    Some(pages.saturating_mul(rustix::param::page_size() as u64).min(length))
}

/// Begins to write the data of a file to the devices, for a [`write_out`] that follows: of many files it
/// takes less time so. Needs no rights.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call), as [`write_out`].
pub fn begin_write_out(file: impl AsFd) -> Result<()> {
    ioctl::begin_writing(file).map_err(|e| Error::call(Operation("sync_file_range"), e))
}

/// Writes the data of a file to the devices and waits until it is there, and known to the running
/// transaction (`FS_IOC_FIEMAP` with `FIEMAP_FLAG_SYNC`): the next commit makes the file durable as it is.
///
/// That is so only where [`writes_out`] says it. Needs no rights.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call): `EIO`, `ENOSPC` where the data could not be written, now or since
/// the file was opened.
pub fn write_out(file: impl AsFd) -> Result<()> {
    let mut args = ioctl::zeroed::<Fiemap>();
    args.length = u64::MAX;
    args.flags = FIEMAP_FLAG_SYNC;
    ioctl::call::<Fiemap>(file, &mut args)
}

/// Returns whether [`write_out`] waits for all that has to be done: from Linux 6.1 on. Before, the
/// transaction may not know the data yet when the call returns.
pub fn writes_out() -> bool {
    is_from_6_1(rustix::system::uname().release().to_bytes())
}

fn is_from_6_1(release: &[u8]) -> bool {
    let mut numbers = release.split(|byte| !byte.is_ascii_digit()).map(number);
    (numbers.next(), numbers.next()) >= (Some(6), Some(1))
}

/// A number in digits; one that is too large is as large as can be.
fn number(digits: &[u8]) -> u32 {
    let add = |sum: u32, digit: &u8| sum.saturating_mul(10).saturating_add((digit - b'0').into());
    digits.iter().fold(0, add)
}

/// Data that is still compressed, and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Encoded<'a> {
    /// Where to write, in bytes.
    pub offset: u64,
    /// The length of the file data that results, in bytes.
    pub length: u64,
    /// The length of all data when decompressed, in bytes.
    pub unencoded_length: u64,
    /// Where the file data begins in the decompressed data, in bytes.
    pub unencoded_offset: u64,
    /// The algorithm: 1 zlib, 2 zstd, 3 to 7 LZO with sectors of 4 to 64 KiB.
    pub compression: u32,
    /// The compressed data.
    pub data: &'a [u8],
}

/// Writes a compressed extent as it is (`BTRFS_IOC_ENCODED_WRITE`).
///
/// The kernel does not decompress it: damaged data is found when it is read. Needs `CAP_SYS_ADMIN`,
/// and a kernel from 5.18 on.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call): `EINVAL` where the file cannot hold such an extent (no
/// checksums, another sector size, not aligned), `ENOTTY` on an older kernel, `ENOSPC`.
pub fn encoded_write(file: impl AsFd, encoded: &Encoded<'_>) -> Result<()> {
    let vector = iovec {
        iov_base: encoded.data.as_ptr().cast_mut().cast(),
        iov_len: encoded.data.len() as _,
    };
    let mut args = ioctl::zeroed::<EncodedWrite>();
    args.iov = (&raw const vector).cast();
    args.iovcnt = 1;
    args.offset = encoded.offset.cast_signed();
    args.len = encoded.length;
    args.unencoded_len = encoded.unencoded_length;
    args.unencoded_offset = encoded.unencoded_offset;
    args.compression = encoded.compression;
    ioctl::call::<EncodedWrite>(file, &mut args)
}

/// Reads the data of a file at `offset` as it is stored, into `buffer` (`BTRFS_IOC_ENCODED_READ`): up to the
/// end of one extent, decompressed by nobody, from the disk and not from memory.
///
/// What is not compressed comes as it is, with 0 for the compression, as much of it as there is room for;
/// where the file has a hole there is a length and no data. Nothing at the end of the file. The longest
/// data that is compressed has 128 KiB. Needs `CAP_SYS_ADMIN`, and a kernel from 5.18 on.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call): `ENOBUFS` where compressed data is longer than the buffer, `ENOTTY` on an
/// older kernel, `EPERM`, `EIO`.
pub fn encoded_read(
    file: impl AsFd,
    offset: u64,
    buffer: &mut [u8],
) -> Result<Option<Encoded<'_>>> {
    let (read, args) = ioctl::read_encoded(file, offset.cast_signed(), buffer)?;
    let encoded = Encoded {
        offset,
        length: args.len,
        unencoded_length: args.unencoded_len,
        unencoded_offset: args.unencoded_offset,
        compression: args.compression,
        data: &buffer[..read],
    };
    Ok((encoded.length > 0).then_some(encoded))
}

/// How a file is sealed with fs-verity.
#[derive(Debug, Clone, Copy)]
pub struct Verity<'a> {
    /// The hash algorithm: 1 SHA-256, 2 SHA-512.
    pub algorithm: u32,
    /// The block size of the hash tree, in bytes.
    pub block_size: u32,
    /// The salt; may be empty.
    pub salt: &'a [u8],
    /// The signature; may be empty.
    pub signature: &'a [u8],
}

/// Seals a file with fs-verity (`FS_IOC_ENABLE_VERITY`); it can never be written again.
///
/// `file` must be open for reading, and by nobody for writing. Needs the right to write to it.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call): `ETXTBSY` where it is open for writing, `EEXIST` where it is
/// sealed, `EOPNOTSUPP` where the kernel cannot, `EINVAL`, `EMSGSIZE` for impossible values.
pub fn enable_verity(file: impl AsFd, verity: &Verity<'_>) -> Result<()> {
    let mut args = ioctl::zeroed::<EnableVerity>();
    args.version = 1;
    args.hash_algorithm = verity.algorithm;
    args.block_size = verity.block_size;
    args.salt_size = verity.salt.len() as u32;
    args.salt_ptr = verity.salt.as_ptr() as u64;
    args.sig_size = verity.signature.len() as u32;
    args.sig_ptr = verity.signature.as_ptr() as u64;
    ioctl::call::<EnableVerity>(file, &mut args)
}

#[cfg(test)]
mod tests {
    use super::is_from_6_1;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (release, is) in [
            ("6.1.0-18-amd64", true),
            ("6.18.44", true),
            ("7.0-rc1", true),
            ("10.0.0", true),
            ("6.0.19", false),
            ("5.15.0", false),
            ("6", false),
            ("", false),
            ("linux", false),
        ] {
            assert_eq!(is_from_6_1(release.as_bytes()), is, "{release}");
        }
    }
}
