//! Streams at rest: in a file, or on their way through a pipe, plain or compressed with zstd.
//!
//! A name says nothing about what a file holds. What is compressed is known by its first bytes, which
//! no send stream begins with; whatever else is wrong with the content, the codec tells.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The first byte of a frame without data, such as pzstd begins with, can also be one of the 15 behind.
const ZSTD_SKIPPED: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];

/// Opens a stream file; a compressed one yields what it holds.
///
/// # Errors
///
/// Where it cannot be opened or read.
pub fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    plain(File::open(path)?)
}

/// Reads what another reader holds, as [`open`]; waits for its first bytes.
///
/// # Errors
///
/// Where it cannot be read.
///
/// # Examples
///
/// ```
/// use std::io::Read;
///
/// let mut text = String::new();
/// btrsync::stream_file::plain(&b"as it was"[..])?.read_to_string(&mut text)?;
/// assert_eq!(text, "as it was");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn plain(mut reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = [0; ZSTD_MAGIC.len()];
    let count = read_up_to(&mut reader, &mut magic)?;
    let whole = Cursor::new(magic).take(count as u64).chain(reader);
    match count == magic.len() && is_compressed(magic) {
        true => Ok(Box::new(zstd::stream::read::Decoder::with_buffer(BufReader::new(whole))?)),
        false => Ok(Box::new(whole)),
    }
}

fn is_compressed(magic: [u8; 4]) -> bool {
    let [first, rest @ ..] = magic;
    magic == ZSTD_MAGIC || [first & 0xf0, rest[0], rest[1], rest[2]] == ZSTD_SKIPPED
}

fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match reader.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &'static [u8]) -> Vec<u8> {
        let mut out = Vec::new();
        plain(bytes).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn what_is_not_compressed_stays_as_it_is() {
        for bytes in [&b""[..], b"a", b"\x28\xb5\x2f", b"btrfs-stream\0"] {
            assert_eq!(read(bytes), bytes);
        }
    }

    #[test]
    fn what_is_compressed_comes_out_plain() {
        let packed = zstd::stream::encode_all(&b"some stream"[..], 1).unwrap();
        assert_eq!(read(packed.clone().leak()), b"some stream");
        // Frames follow each other, and some hold no data.
        let skipped = [0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let all = [skipped.as_slice(), &packed, &skipped, &packed].concat();
        assert_eq!(read(all.leak()), b"some streamsome stream");
    }
}
