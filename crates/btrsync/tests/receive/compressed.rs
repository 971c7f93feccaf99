//! Compressed extents made by hand: odd, damaged, and lying about their lengths.

use std::fs;

use btrsync_stream::{Command, Version};
use btrsync_testutil::{LoopFs, require_btrfs};

use crate::script::{MADE, Script};
use crate::support::{refused, take_with};
use btrsync::receive::ReceiveOptions;

/// A stream with one encoded write.
fn stream(compression: u32, data: &[u8], lengths: [u64; 3]) -> Vec<u8> {
    let [unencoded_file_len, unencoded_len, unencoded_offset] = lengths;
    Script::begin(Version::V2)
        .then(Command::Subvol { path: b"v", uuid: MADE, ctransid: 7 })
        .mkfile("f")
        .then(Command::EncodedWrite {
            path: b"f",
            offset: 0,
            unencoded_file_len,
            unencoded_len,
            unencoded_offset,
            compression: Some(compression),
            encryption: None,
            data,
        })
        .end()
}

fn decompressed(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let fs = LoopFs::new();
    let options = ReceiveOptions { force_decompress: true, ..ReceiveOptions::default() };
    take_with(bytes, fs.path(), options).map_err(|error| error.to_string())?;
    Ok(fs::read(fs.path().join("v/f")).unwrap())
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(data, 3).unwrap()
}

#[test]
fn the_wanted_part_is_written_padding_is_not_looked_at_and_zeros_follow() {
    require_btrfs!();
    let content: Vec<u8> = (0..10_000u32).map(|at| (at % 97) as u8).collect();
    let mut data = zstd(&content);
    data.resize(data.len().next_multiple_of(4096), 0);
    let whole = decompressed(&stream(2, &data, [12_288, 12_288, 0])).unwrap();
    assert_eq!(whole.len(), 12_288);
    assert!(whole[..10_000] == content && whole[10_000..] == [0; 2288]);
    let part = decompressed(&stream(2, &data, [4096, 12_288, 4096])).unwrap();
    assert!(part == content[4096..8192]);
}

/// A segment whose length would cross the end of a sector is moved behind it.
#[test]
fn lzo_segments_never_begin_across_sectors() {
    require_btrfs!();
    // The literal run of LZO: 17 + length, then the bytes, then the end.
    let literal = |bytes: &[u8]| [&[17 + bytes.len() as u8][..], bytes, &[0x11, 0, 0]].concat();
    let segment = |data: &[u8]| [&(data.len() as u32).to_le_bytes()[..], data].concat();
    let mut body = Vec::new();
    let mut expected = Vec::new();
    // 4 + n * (4 + 24): a sector of 4096 has 4 left after 146 segments, and 0 then.
    for number in 0..32u8 {
        let text = [number; 20];
        let at = 4 + body.len();
        if 4096 - at % 4096 < 4 {
            body.resize(body.len() + 4096 - at % 4096, 0);
        }
        body.extend(segment(&literal(&text)));
        let mut sector = text.to_vec();
        sector.resize(4096, 0);
        expected.extend(sector);
    }
    let data = [&(4 + body.len() as u32).to_le_bytes()[..], &body].concat();
    let written = decompressed(&stream(3, &data, [131_072, 131_072, 0])).unwrap();
    assert!(written == expected);
}

#[test]
fn lies_and_damage_are_refused() {
    require_btrfs!();
    let good = zstd(&[7; 8192]);
    let cut = &good[..good.len() - 3];
    let huge = zstd(&vec![7; 1 << 20]);
    let rows: [(&str, u32, &[u8], [u64; 3]); 12] = [
        ("more than it says", 2, &good, [4096, 4096, 0]),
        ("cut", 2, cut, [8192, 8192, 0]),
        ("a bomb", 2, &huge, [8192, 8192, 0]),
        ("a bomb that says so", 2, &huge, [1 << 20, 1 << 20, 0]),
        ("another algorithm", 1, &good, [8192, 8192, 0]),
        ("another algorithm", 3, &good, [8192, 8192, 0]),
        ("no algorithm", 9, &good, [8192, 8192, 0]),
        ("a part behind the end", 2, &good, [8192, 8192, 4096]),
        ("an overflow", 2, &good, [8192, 8192, u64::MAX]),
        ("no data", 2, &[], [8192, 8192, 0]),
        ("a length of LZO that is too long", 3, &[255, 255, 255, 255, 1], [4096, 4096, 0]),
        ("a segment of LZO that is too long", 3, &[9, 0, 0, 0, 255, 0, 0, 0, 1], [4096, 4096, 0]),
    ];
    for (what, compression, data, lengths) in rows {
        let error = decompressed(&stream(compression, data, lengths)).expect_err(what);
        assert!(error.contains("cannot decompress"), "{what}: {error}");
    }
}

#[test]
fn encryption_is_refused() {
    require_btrfs!();
    let fs = LoopFs::new();
    let encoded = Command::EncodedWrite {
        path: b"f",
        offset: 0,
        unencoded_file_len: 4096,
        unencoded_len: 4096,
        unencoded_offset: 0,
        compression: Some(2),
        encryption: Some(1),
        data: &[0; 100],
    };
    let script = Script::begin(Version::V2)
        .then(Command::Subvol { path: b"v", uuid: MADE, ctransid: 7 })
        .mkfile("f");
    refused(&script.then(encoded).end(), fs.path(), "encryption is not supported");
}
