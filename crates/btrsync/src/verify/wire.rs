//! Entries on their way to another machine.

use super::entry::{BadEntry, Entry, take};

/// Encodes entries one behind the other, each with its place.
pub(crate) fn encode_entries(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        entry.encode(&mut bytes);
        bytes.extend(entry.place.to_le_bytes());
    }
    bytes
}

/// Decodes what [`encode_entries`] has made.
pub(crate) fn decode_entries(mut bytes: &[u8]) -> Result<Vec<Entry>, BadEntry> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let entry = Entry::decode(&mut bytes)?;
        entries.push(Entry { place: u64::from_le_bytes(take(&mut bytes)?), ..entry });
    }
    Ok(entries)
}
