//! Every command with every way its attributes can be wrong: one left out, one too many, one of another size.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use btrsync_stream::{
    Attribute, COMMAND_HEADER_LEN, Command, CommandKind, Error, FrameReader, Version,
};
use common::craft::{attribute, frame};
use common::fill::{Fill, command};
use common::stream;
use uuid::Uuid;

type Attributes = Vec<(Attribute, Vec<u8>)>;

/// Each command in each version that has it, with its attributes.
fn each(mut check: impl FnMut(CommandKind, Version, &Attributes)) {
    let fill = Fill::sample();
    for version in Version::ALL {
        for kind in CommandKind::ALL.iter().filter(|kind| kind.since() <= version) {
            let mut encoded = Vec::new();
            command(*kind, version, &fill).encode(version, &mut encoded).unwrap();
            check(*kind, version, &split(version, &encoded[COMMAND_HEADER_LEN..]));
        }
    }
}

fn split(version: Version, mut payload: &[u8]) -> Attributes {
    let mut attributes = Vec::new();
    while let Some(([number, 0], rest)) = payload.split_first_chunk() {
        let attribute = Attribute::from_number((*number).into()).unwrap();
        let (value, rest) = match runs_to_the_end(attribute, version) {
            true => rest.split_at(rest.len()),
            false => rest[2..].split_at(rest[0].into()),
        };
        attributes.push((attribute, value.to_vec()));
        payload = rest;
    }
    attributes
}

fn runs_to_the_end(attribute: Attribute, version: Version) -> bool {
    attribute == Attribute::Data && version > Version::V1
}

fn join(version: Version, attributes: &Attributes) -> Vec<u8> {
    let one = |(kind, value): &(Attribute, Vec<u8>)| match runs_to_the_end(*kind, version) {
        true => [&kind.number().to_le_bytes()[..], value].concat(),
        false => attribute(kind.number(), value),
    };
    attributes.iter().flat_map(one).collect()
}

/// Decodes a command that stands second in a stream; what is found is given back as an owned frame.
fn decode(version: Version, kind: CommandKind, attributes: &Attributes) -> Result<Vec<u8>, Error> {
    let mut bytes =
        stream(version, &[Command::Subvol { path: b"s", uuid: Uuid::nil(), ctransid: 0 }]);
    bytes.extend(frame(kind.number(), &join(version, attributes)));
    let mut reader = FrameReader::new(&bytes[..]);
    reader.next_frame()?;
    let frame = reader.next_frame()?.unwrap();
    let mut again = Vec::new();
    Command::decode(&frame)?.encode(version, &mut again).unwrap();
    Ok(again)
}

fn is_optional(attribute: Attribute) -> bool {
    matches!(attribute, Attribute::Compression | Attribute::Encryption)
}

#[test]
fn an_attribute_left_out_is_missing_unless_it_may_be() {
    each(|kind, version, attributes| {
        for at in 0..attributes.len() {
            let mut fewer = attributes.clone();
            let (left_out, _) = fewer.remove(at);
            match decode(version, kind, &fewer) {
                Ok(_) => assert!(is_optional(left_out), "{kind} without {left_out}"),
                Err(Error::MissingAttribute { command, attribute, .. }) => {
                    assert!((command, attribute) == (kind, left_out) && !is_optional(left_out));
                }
                Err(error) => panic!("{kind} without {left_out}: {error}"),
            }
        }
    });
}

#[test]
fn an_attribute_given_twice_is_a_repetition() {
    each(|kind, version, attributes| {
        for (twice, value) in attributes.iter().filter(|(a, _)| !runs_to_the_end(*a, version)) {
            let mut more = attributes.clone();
            more.insert(0, (*twice, value.clone()));
            let error = decode(version, kind, &more).unwrap_err();
            assert!(
                matches!(error, Error::RepeatedAttribute { command, attribute, .. }
                    if (command, attribute) == (kind, *twice)),
                "{kind} with two of {twice}: {error}"
            );
        }
    });
}

#[test]
fn an_attribute_of_another_command_is_refused() {
    each(|kind, version, attributes| {
        let known = |other: &Attribute| attributes.iter().any(|(own, _)| own == other);
        let foreign = Attribute::ALL.iter().filter(|other| !known(other));
        for other in foreign.filter(|other| !runs_to_the_end(**other, version)) {
            let mut more = attributes.clone();
            more.insert(0, (*other, vec![0; other.size().unwrap_or(3)]));
            let error = decode(version, kind, &more).unwrap_err();
            assert!(
                matches!(error, Error::UnexpectedAttribute { command, attribute, .. }
                    if (command, attribute) == (kind, *other)),
                "{kind} with {other}: {error}"
            );
        }
    });
}

#[test]
fn a_size_off_by_one_or_doubled_is_told() {
    each(|kind, version, attributes| {
        for (at, (changed, value)) in attributes.iter().enumerate() {
            let Some(size) = changed.size() else { continue };
            for wrong in [0, size / 2, size - 1, size + 1, 2 * size] {
                let mut others = attributes.clone();
                others[at].1 = [&value[..], &[0; 32]].concat()[..wrong].to_vec();
                let error = decode(version, kind, &others).unwrap_err();
                assert!(
                    matches!(error, Error::AttributeSize { command, attribute, expected, found, .. }
                        if (command, attribute, expected, found) == (kind, *changed, size, wrong)),
                    "{kind} with {changed} of {wrong} bytes: {error}"
                );
            }
        }
    });
}

/// The order says nothing, but file data that runs to the end of its command can only be last.
#[test]
fn attributes_in_another_order_mean_the_same() {
    each(|kind, version, attributes| {
        let mut reversed = attributes.clone();
        let before_data = reversed.iter().position(|(a, _)| runs_to_the_end(*a, version));
        let before_data = before_data.unwrap_or(reversed.len());
        reversed[..before_data].reverse();
        let expected = decode(version, kind, attributes).unwrap();
        assert_eq!(decode(version, kind, &reversed).unwrap(), expected, "{kind} in {version}");
    });
}

/// No kernel at hand sends it, so it is put together by hand in the order of the kernel's `send_verity`.
#[test]
fn enable_verity_is_read_and_written_as_the_kernel_does() {
    let attributes = [
        (Attribute::Path, b"dir/sealed".to_vec()),
        (Attribute::VerityAlgorithm, vec![1]),
        (Attribute::VerityBlockSize, 4096_u32.to_le_bytes().to_vec()),
        (Attribute::VeritySaltData, vec![0xa5; 32]),
        (Attribute::VeritySigData, Vec::new()),
    ];
    let payload = join(Version::V3, &attributes.to_vec());
    let expected = frame(26, &payload);
    let recoded = decode(Version::V3, CommandKind::EnableVerity, &attributes.to_vec()).unwrap();
    assert_eq!(recoded, expected);
    let command = Command::EnableVerity {
        path: b"dir/sealed",
        algorithm: 1,
        block_size: 4096,
        salt: &[0xa5; 32],
        signature: b"",
    };
    assert_eq!(stream(Version::V3, &[command])[17..], expected);
}
