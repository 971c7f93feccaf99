//! Decompresses the extents of a stream, where the destination cannot take them as they are.
//!
//! The lengths in a compressed extent are claims of a stranger, and so is what it decompresses to. An
//! extent of btrfs holds at most 128 KiB; the buffer has the length that the stream names, checked
//! against that, and each decoder is kept within it. The padding after the data is not looked at, and
//! data that ends early is followed by zeros: both is what the kernel does when it reads such an extent.

use flate2::{Decompress, FlushDecompress, Status};
use zstd::zstd_safe;

/// The longest extent that btrfs compresses, in bytes.
const LONGEST: u64 = 128 << 10;

/// Why compressed data could not be decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The data is damaged, or longer than the stream says.
    #[error("the {0} data is damaged, or longer than the stream says")]
    Damaged(&'static str),
    /// The lengths contradict each other, or are longer than any extent.
    #[error("the lengths in the command contradict each other")]
    Lengths,
    /// The algorithm is not known.
    #[error("the compression {0} is unknown")]
    Unknown(u32),
}

/// What a stream says of a compressed extent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent<'a> {
    /// The algorithm.
    pub(super) compression: u32,
    /// The length of all data when decompressed.
    pub(super) length: u64,
    /// The part that is wanted: where it begins, and its length.
    pub(super) wanted: (u64, u64),
    pub(super) data: &'a [u8],
}

impl Extent<'_> {
    /// Decompresses the part that is wanted.
    pub(super) fn decode(&self) -> Result<Vec<u8>, DecodeError> {
        let (from, length) = self.wanted;
        let to = from.checked_add(length).ok_or(DecodeError::Lengths)?;
        if to > self.length || self.length > LONGEST {
            return Err(DecodeError::Lengths);
        }
        let mut out = vec![0; self.length as usize];
        self.decode_into(&mut out)?;
        out.truncate(to as usize);
        out.drain(..from as usize);
        Ok(out)
    }

    fn decode_into(&self, out: &mut [u8]) -> Result<(), DecodeError> {
        match self.compression {
            0 => {
                let whole = out.get_mut(..self.data.len()).ok_or(DecodeError::Lengths)?;
                whole.copy_from_slice(self.data);
                Ok(())
            }
            1 => zlib(self.data, out).ok_or(DecodeError::Damaged("zlib")),
            2 => zstd(self.data, out).ok_or(DecodeError::Damaged("zstd")),
            number @ 3..=7 => {
                let sector = 4096 << (number - 3);
                lzo(self.data, out, sector).ok_or(DecodeError::Damaged("LZO"))
            }
            number => Err(DecodeError::Unknown(number)),
        }
    }
}

fn zlib(data: &[u8], out: &mut [u8]) -> Option<()> {
    let mut decoder = Decompress::new(true);
    let mut status = decoder.decompress(data, out, FlushDecompress::Finish).ok()?;
    if status != Status::StreamEnd {
        // The checksum at the end may need one more turn; anything else does not fit.
        let rest = data.get(decoder.total_in() as usize..)?;
        status = decoder.decompress(rest, &mut [0], FlushDecompress::Finish).ok()?;
    }
    (status == Status::StreamEnd && decoder.total_out() <= out.len() as u64).then_some(())
}

fn zstd(data: &[u8], out: &mut [u8]) -> Option<()> {
    let length = zstd_safe::find_frame_compressed_size(data).ok()?;
    let written = zstd_safe::decompress(out, data.get(..length)?).ok()?;
    // It uses the room behind the end for copies.
    out.get_mut(written..)?.fill(0);
    Some(())
}

/// LZO data has its whole length in front and then a segment per sector, each with its length. A
/// length never crosses the end of a sector of the compressed data.
fn lzo(data: &[u8], out: &mut [u8], sector: usize) -> Option<()> {
    let (total, _) = split_length(data)?;
    let data = data.get(..total).filter(|data| data.len() > LENGTH)?;
    let mut at = LENGTH;
    let mut sectors = out.chunks_mut(sector);
    while at + LENGTH <= data.len() {
        let left = sector - at % sector;
        if left < LENGTH {
            at += left;
            continue;
        }
        let (length, rest) = split_length(&data[at..])?;
        let out = sectors.next()?;
        let written = lzokay::decompress::decompress(rest.get(..length)?, out).ok()?;
        out.get_mut(written..)?.fill(0);
        at += LENGTH + length;
    }
    Some(())
}

const LENGTH: usize = 4;

fn split_length(data: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = data.split_first_chunk::<LENGTH>()?;
    Some((u32::from_le_bytes(*length) as usize, rest))
}
