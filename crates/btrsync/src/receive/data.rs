//! The commands that change what a file holds.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use btrsync_kernel as kernel;
use btrsync_stream::Command;
use rustix::fs::{FallocateFlags, OFlags, fallocate, ftruncate};
use rustix::io::Errno;

use super::apply_error::{Applied, ApplyError, Told};
use super::confine;
use super::decode::Extent;
use super::node::{Access, Node};
use super::tree::Tree;

/// The smallest unit of an extent that is not inline.
const BLOCK: usize = 4096;

pub(super) fn write(tree: &mut Tree, path: &[u8], offset: u64, data: &[u8]) -> Applied<()> {
    let node = tree.writable(path)?;
    node.file.write_all_at(data, offset).told("write")?;
    node.wrote(data.len())
}

pub(super) fn truncate(tree: &mut Tree, path: &[u8], size: u64) -> Applied<()> {
    ftruncate(&tree.writable(path)?.file, size).told("set the size")
}

pub(super) fn allocate(
    tree: &mut Tree,
    path: &[u8],
    mode: u32,
    (offset, size): (u64, u64),
) -> Applied<()> {
    let mode = FallocateFlags::from_bits_retain(mode);
    let node = tree.writable(path)?;
    // What is about to become a hole is none by mistake.
    node.find_compressed()?;
    fallocate(&node.file, mode, offset, size).told("allocate or punch")
}

/// Writes a compressed extent, as it is where the filesystem and the file can take that.
pub(super) fn encoded_write(
    tree: &mut Tree,
    path: &[u8],
    encoded: &kernel::Encoded<'_>,
    decompress: bool,
) -> Applied<()> {
    let node = tree.writable(path)?;
    if !decompress && encoded.compression != 0 {
        match kernel::encoded_write(&node.file, encoded) {
            Ok(()) => {
                node.wrote_compressed(encoded.offset, encoded.length)?;
                return tree.compressed.note(&node);
            }
            Err(error) if is_about_the_form(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let extent = Extent {
        compression: encoded.compression,
        length: encoded.unencoded_length,
        wanted: (encoded.unencoded_offset, encoded.length),
        data: encoded.data,
    };
    let data = extent.decode()?;
    node.file.write_all_at(&data, encoded.offset).told("write")?;
    node.wrote(data.len())?;
    clear_block(&node.file, encoded.offset + encoded.length)
}

/// Clears what follows the end of an extent in its last block.
///
/// At the source that is zero, as an extent covers whole blocks. But of one that is inline the stream
/// tells only how long it is (Linux 6.18), and behind that stands here what the parent had.
fn clear_block(file: &File, end: u64) -> Applied<()> {
    let size = file.metadata().told("look at")?.len();
    let rest = end.next_multiple_of(BLOCK as u64).min(size).saturating_sub(end);
    file.write_all_at(&[0; BLOCK][..rest as usize], end).told("write")
}

/// Whether the same data may fit when it is not compressed: no checksums, another sector size, an old
/// kernel, or no room for it in one piece.
fn is_about_the_form(error: &kernel::Error) -> bool {
    let form = [Errno::INVAL, Errno::NOTTY, Errno::OPNOTSUPP, Errno::NOSPC];
    form.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Reads the encoded extent of a command.
pub(super) fn encoded<'a>(command: &Command<'a>) -> Applied<Option<kernel::Encoded<'a>>> {
    let Command::EncodedWrite {
        offset,
        unencoded_file_len,
        unencoded_len,
        unencoded_offset,
        compression,
        encryption,
        data,
        ..
    } = *command
    else {
        return Ok(None);
    };
    if encryption.unwrap_or(0) != 0 {
        return Err(ApplyError::Unsupported("encryption"));
    }
    Ok(Some(kernel::Encoded {
        offset,
        length: unencoded_file_len,
        unencoded_length: unencoded_len,
        unencoded_offset,
        compression: compression.unwrap_or(0),
        data,
    }))
}

/// Seals a file; nobody may have it open for writing meanwhile, and we are no exception.
pub(super) fn enable_verity(
    tree: &mut Tree,
    path: &[u8],
    verity: &kernel::Verity<'_>,
) -> Applied<()> {
    let node = tree.readable(path)?;
    let file = confine::reopen(&node.file, OFlags::RDONLY).told("open the file")?;
    let kind = node.kind;
    drop(node);
    tree.close(path);
    tree.written.give_up();
    tree.compressed.settle()?;
    kernel::enable_verity(file.as_fd(), verity)?;
    tree.hold(path, Node::found(file, kind, Access::Read));
    Ok(())
}
