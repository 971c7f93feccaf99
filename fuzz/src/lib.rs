//! What the targets share. Random bytes would never get past the magic and the checksums, so an input is read as what a
//! stream would be, and both are put right first; everything else in it stays as the fuzzer likes it.

use btrsync_stream::{COMMAND_HEADER_LEN, Command, HEADER_LEN, Header, Version};

/// Makes a stream of an input: the header is that of some version, each command ends with the input at the latest, and
/// its checksum holds.
pub fn sealed(input: &[u8]) -> Vec<u8> {
    let (header, mut rest) = input.split_at(input.len().min(HEADER_LEN));
    let which = usize::from(header.get(13).copied().unwrap_or(1).wrapping_sub(1));
    let mut stream = Header { version: Version::ALL[which % Version::ALL.len()] }.encode().to_vec();
    while let Some((header, tail)) = rest.split_first_chunk::<COMMAND_HEADER_LEN>() {
        let claimed = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let (payload, tail) = tail.split_at(claimed.min(tail.len()));
        seal(u16::from_le_bytes([header[4], header[5]]), payload, &mut stream);
        rest = tail;
        let ended = header[4] == 21 && rest.starts_with(b"btrfs-stream\0");
        if ended && let Some((header, tail)) = rest.split_at_checked(HEADER_LEN) {
            stream.extend(header);
            rest = tail;
        }
    }
    stream
}

fn seal(number: u16, payload: &[u8], stream: &mut Vec<u8>) {
    let start = stream.len();
    stream.extend((payload.len() as u32).to_le_bytes());
    stream.extend(number.to_le_bytes());
    stream.extend([0; 4]);
    stream.extend(payload);
    let crc = !crc32c::crc32c_append(!0, &stream[start..]);
    stream[start + 6..start + COMMAND_HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
}

/// A stream of one version that begins with a subvolume, so that any command may follow.
pub fn opened(version: Version) -> Vec<u8> {
    let mut stream = Header { version }.encode().to_vec();
    let subvol = Command::Subvol { path: b"s", uuid: Default::default(), ctransid: 0 };
    subvol.encode(version, &mut stream).expect("a small command");
    stream
}
