//! Frames made by hand, without the encoder under test.

/// The crc32c of this format, bit by bit.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    })
}

/// A command with a checksum that holds, whatever it says.
pub(crate) fn frame(number: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::to_le_bytes(payload.len() as u32).to_vec();
    frame.extend(number.to_le_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    let crc = crc(&frame);
    frame[6..10].copy_from_slice(&crc.to_le_bytes());
    frame
}

/// An attribute with its length in front.
pub(crate) fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((value.len() as u16).to_le_bytes());
    bytes.extend(value);
    bytes
}
