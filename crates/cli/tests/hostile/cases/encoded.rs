//! Compressed data that lies about itself.
//!
//! The kernel stores it without a look, so each case is run both ways: as it is, and decompressed by
//! the receiver, where a lie becomes a buffer that is too small.

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use btrsync_stream::Attribute;

use super::file_is;
use crate::arena::Arena;
use crate::judge::{Case, either, lands, refused};
use crate::stream::{self, Command, Encoding, whole};

const ZLIB: u32 = 1;
const ZSTD: u32 = 2;
const LZO_4K: u32 = 3;
/// The most that an extent holds when it is decompressed.
const MOST: u64 = 128 << 10;
const TEXT: [u8; 16384] = [b'e'; 16384];
const DECOMPRESS: &[&str] = &["--force-decompress"];

const TRUE: Encoding =
    Encoding { file_len: 16384, len: 16384, offset: 0, compression: ZSTD, encryption: 0 };

pub(crate) fn encoded(_: &Arena) -> Vec<Case> {
    let mut cases = Vec::new();
    for args in [&[][..], DECOMPRESS] {
        let all = controls().into_iter().chain(headers()).chain(short());
        let all = all.chain(bodies(!args.is_empty()));
        cases.extend(all.map(|case| case.with_args(args)));
    }
    cases
}

fn file(commands: &[Command]) -> Vec<u8> {
    whole(&[&[stream::mkfile("f")], commands].concat())
}

fn write(how: Encoding, data: &[u8]) -> Vec<u8> {
    file(&[stream::encoded_write("f", how, data)])
}

fn controls() -> Vec<Case> {
    let zlib = Encoding { compression: ZLIB, ..TRUE };
    let lzo = Encoding { compression: LZO_4K, ..TRUE };
    let middle = Encoding { file_len: 4096, offset: 4096, ..TRUE };
    let arrives = |name: &str, how: Encoding, data: &[u8]| {
        lands(name, write(how, data), move |root| {
            file_is(root, "f", &TEXT[..usize::try_from(how.file_len).unwrap()])
        })
    };
    vec![
        arrives("control: zstd", TRUE, &zstd(&TEXT)),
        arrives("control: zlib", zlib, &zlib_of(&TEXT)),
        arrives("control: lzo", lzo, &lzo_of(&TEXT)),
        arrives("control: a part of an extent", middle, &zstd(&TEXT)),
    ]
}

/// Data that ends early is followed by zeros: the kernel promises that of an encoded write.
fn short() -> Vec<Case> {
    let how = |compression: u32| Encoding { compression, file_len: 20000, len: 20000, ..TRUE };
    let short = |name: &str, how: Encoding, data: &[u8]| {
        let len = usize::try_from(how.len).unwrap();
        either(name, write(how, data)).holding(move |root| padded(root, &TEXT, len))
    };
    let frames = Encoding { file_len: MOST, len: MOST, ..TRUE };
    vec![
        short("encoded: zstd shorter than said", how(ZSTD), &zstd(&TEXT)),
        short("encoded: zlib shorter than said", how(ZLIB), &zlib_of(&TEXT)),
        short("encoded: lzo shorter than said", how(LZO_4K), &lzo_of(&TEXT)),
        short("encoded: zstd of many frames", frames, &zstd(&TEXT).repeat(100)),
    ]
}

fn padded(root: &Path, data: &[u8], len: usize) -> Result<(), String> {
    file_is(root, "f", &[data, &vec![0; len - data.len()]].concat())
}

/// The numbers lie.
fn headers() -> Vec<Case> {
    let data = zstd(&TEXT);
    let lies = [
        ("more file than data", Encoding { file_len: 16385, ..TRUE }),
        ("much more file than data", Encoding { file_len: u64::MAX, ..TRUE }),
        ("more than an extent", Encoding { file_len: MOST + 1, len: MOST + 1, ..TRUE }),
        ("a terabyte", Encoding { file_len: 1 << 40, len: 1 << 40, ..TRUE }),
        ("everything", Encoding { file_len: u64::MAX, len: u64::MAX, ..TRUE }),
        ("data of no length", Encoding { len: 0, ..TRUE }),
        ("an offset at the end", Encoding { offset: 16384, ..TRUE }),
        ("an offset behind the end", Encoding { offset: 16385, file_len: 1, ..TRUE }),
        ("an offset of -1", Encoding { offset: u64::MAX, ..TRUE }),
        ("an offset that overflows", Encoding { offset: u64::MAX - 4095, file_len: 8192, ..TRUE }),
        ("an offset and too much file", Encoding { offset: 8192, file_len: 8193, ..TRUE }),
        ("an encryption", Encoding { encryption: 1, ..TRUE }),
        ("the last encryption", Encoding { encryption: u32::MAX, ..TRUE }),
        ("the compression after the last", Encoding { compression: 8, ..TRUE }),
        ("compression 255", Encoding { compression: 255, ..TRUE }),
        ("the last compression", Encoding { compression: u32::MAX, ..TRUE }),
    ];
    let lie = |(name, how)| refused(format!("encoded: {name}"), write(how, &data));
    let mut cases: Vec<Case> = lies.map(lie).into();
    let at = |offset: u64| {
        file(&[stream::encoded_write("f", TRUE, &data).but_u64(Attribute::FileOffset, offset)])
    };
    for offset in [1 << 63, u64::MAX, u64::MAX - 4095, (1 << 63) - 4096] {
        cases.push(refused(format!("encoded: written at {offset}"), at(offset)));
    }
    cases.push(either("encoded: written at 1", at(1)));
    cases
        .push(either("encoded: no compression", write(Encoding { compression: 0, ..TRUE }, &TEXT)));
    let short = Encoding { compression: 0, ..TRUE };
    let short = either("encoded: no compression and too little data", write(short, b"short"));
    cases.push(short.holding(|root| padded(root, b"short", 16384)));
    cases.push(either("encoded: no file", write(Encoding { file_len: 0, ..TRUE }, &data)));
    cases
}

/// The data lies. Who decompresses it must notice.
fn bodies(decompressed: bool) -> Vec<Case> {
    let how = |compression: u32, len: u64| Encoding {
        file_len: len,
        len,
        offset: 0,
        compression,
        encryption: 0,
    };
    let (lzo, noise) = (lzo_of(&TEXT), btrsync_testutil::Random::new(3).bytes(4000));
    let cut = |data: &[u8]| data[..data.len() - 3].to_vec();
    let mut bodies = vec![
        ("zstd bomb".to_owned(), how(ZSTD, MOST), bombs().0.clone()),
        ("zlib bomb".to_owned(), how(ZLIB, MOST), bombs().1.clone()),
        ("zstd cut".to_owned(), TRUE, cut(&zstd(&TEXT))),
        ("zlib cut".to_owned(), how(ZLIB, 16384), cut(&zlib_of(&TEXT))[..10].to_vec()),
        ("zstd longer than said".to_owned(), how(ZSTD, 12288), zstd(&TEXT)),
        ("zlib longer than said".to_owned(), how(ZLIB, 12288), zlib_of(&TEXT)),
        ("lzo longer than said".to_owned(), how(LZO_4K, 12288), lzo.clone()),
        ("nothing".to_owned(), TRUE, Vec::new()),
    ];
    for compression in 1..=7 {
        bodies.push((
            format!("noise as compression {compression}"),
            how(compression, 16384),
            noise.clone(),
        ));
        bodies.push((
            format!("one byte as compression {compression}"),
            how(compression, 16384),
            vec![7],
        ));
    }
    bodies.extend(
        lzo_lies(&lzo).map(|(name, data)| (format!("lzo: {name}"), how(LZO_4K, 16384), data)),
    );
    let case = |(name, how, data): (String, Encoding, Vec<u8>)| {
        let make: fn(String, Vec<u8>) -> Case = if decompressed { refused } else { either };
        make(format!("encoded: {name}"), write(how, &data))
    };
    bodies.into_iter().map(case).collect()
}

/// 64 MiB of zeros in a few KiB, by zstd and by zlib; made once, for that takes its time.
fn bombs() -> &'static (Vec<u8>, Vec<u8>) {
    static BOMBS: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    BOMBS.get_or_init(|| {
        let zeros = vec![0; 64 << 20];
        (zstd(&zeros), zlib_of(&zeros))
    })
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 3).unwrap()
}

fn zlib_of(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Data as btrfs keeps it: the whole length, and each block of 4 KiB with its length. The blocks are
/// one run of literals and one match of distance 1 each; the input must be one byte over and over.
fn lzo_of(data: &[u8]) -> Vec<u8> {
    let segment = data.chunks(4096).flat_map(|block| {
        let block = lzo_block(block[0], block.len());
        [&u32::try_from(block.len()).unwrap().to_le_bytes()[..], &block].concat()
    });
    let body: Vec<u8> = segment.collect();
    let length = u32::try_from(body.len() + 4).unwrap();
    [&length.to_le_bytes()[..], &body].concat()
}

/// Four literals, one match that repeats the last of them, and the mark of the end.
fn lzo_block(byte: u8, len: usize) -> Vec<u8> {
    const LITERALS: usize = 4;
    let mut block = vec![17 + 4, byte, byte, byte, byte];
    // A match of this kind has 33 bytes, 255 more for each zero byte, and the last byte's.
    let mut rest = len - LITERALS - 33;
    block.push(0b0010_0000);
    while rest > 255 {
        block.push(0);
        rest -= 255;
    }
    block.push(u8::try_from(rest).unwrap());
    // Distance 1, no literals after it.
    block.extend([0, 0]);
    block.extend([0b0001_0001, 0, 0]);
    block
}

/// Lengths and codes of the segments, changed one at a time.
fn lzo_lies(good: &[u8]) -> [(&'static str, Vec<u8>); 10] {
    let with = |at: usize, bytes: &[u8]| {
        let mut data = good.to_vec();
        data[at..at + bytes.len()].copy_from_slice(bytes);
        data
    };
    [
        ("whole length of 0", with(0, &[0; 4])),
        ("whole length of 3", with(0, &[3, 0, 0, 0])),
        ("whole length too large", with(0, &[0xff, 0xff, 0, 0])),
        ("whole length of -1", with(0, &[0xff; 4])),
        ("segment of 0", with(4, &[0; 4])),
        ("segment too large", with(4, &[0xff, 0x0f, 0, 0])),
        ("segment of -1", with(4, &[0xff; 4])),
        (
            "match before the start",
            with(13 + good[8..].iter().take_while(|b| **b != 32).count(), &[0xff, 0xff]),
        ),
        ("endless match", [&good[..14], &[0; 4000]].concat()),
        ("no end", good[..good.len() - 3].to_vec()),
    ]
}
