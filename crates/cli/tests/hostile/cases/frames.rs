//! Streams that are wrong from the outside: versions, orders, lengths, ends.

use btrsync_stream::CommandKind;

use super::file_is;
use crate::arena::Arena;
use crate::judge::{Case, either, lands, refused};
use crate::stream::{self, bare, frame, frame_of_length, header, whole, whole_in};

pub(crate) fn frames(_: &Arena) -> Vec<Case> {
    let mut cases = headers();
    cases.extend(orders());
    cases.extend(ends());
    cases.extend(numbers());
    cases.extend(lengths());
    cases
}

fn good() -> Vec<u8> {
    whole(&[stream::mkfile("f"), stream::write("f", 0, b"data")])
}

fn headers() -> Vec<Case> {
    let mut cases: Vec<Case> = [0, 4, 5, 255, 256, 1 << 24, u32::MAX]
        .map(|version| {
            refused(format!("version {version}"), [&header(version), &good()[17..]].concat())
        })
        .into();
    for version in [1, 2, 3] {
        let stream = whole_in(version, &[stream::mkfile("f"), stream::write("f", 0, b"data")]);
        cases.push(lands(format!("control: version {version}"), stream, |root| {
            file_is(root, "f", b"data")
        }));
    }
    cases.extend([
        refused("nothing at all", Vec::new()),
        refused("one byte", b"b".to_vec()),
        refused("the magic alone", header(1)[..13].to_vec()),
        refused("a header alone", header(1)),
        refused("another magic", [b"btrfs-strean\0\x01\0\0\0", &good()[17..]].concat()),
        refused("two headers", [header(1), good()].concat()),
        refused("64 MiB of zeros", vec![0; 64 << 20]),
        refused("64 MiB of zeros in a stream", [header(1), vec![0; 64 << 20]].concat()),
    ]);
    cases
}

fn orders() -> Vec<Case> {
    let end = stream::end;
    let mut cases = vec![
        refused("END alone", bare(1, &[end()])),
        refused("no subvolume", bare(1, &[stream::mkfile("f"), end()])),
        refused(
            "the subvolume comes second",
            bare(1, &[stream::mkfile("f"), stream::subvol("new"), end()]),
        ),
    ];
    for verb in super::verbs::VERBS {
        for path in ["planted", "../outside/planted", "file", ""] {
            let commands = [(verb.on)(path.as_bytes()), end()];
            cases.push(refused(
                format!("no subvolume, but {} {path:?}", verb.name),
                bare(3, &commands),
            ));
        }
    }
    cases
}

fn ends() -> Vec<Case> {
    let second = bare(1, &[stream::subvol("second"), stream::mkfile("f"), stream::end()]);
    let both: [&[u8]; 2] = [b"new", b"second"];
    let with = |more: &[u8]| [&good(), more].concat();
    let no_end = bare(1, &[stream::subvol("new"), stream::mkfile("f")]);
    vec![
        refused("no END", no_end.clone()),
        refused("a second stream in place of END", [no_end, second.clone()].concat()).leaving(),
        either("a second stream", with(&second)).bringing(&both).leaving(),
        refused("a second stream that is cut", with(&second[..second.len() - 1])).leaving(),
        refused("one byte after END", with(b"x")).leaving(),
        refused("a command after END", with(&frame(CommandKind::Mkfile.number(), &[]))).leaving(),
        refused("END twice", with(&frame(CommandKind::End.number(), &[]))).leaving(),
        refused(
            "END with a payload",
            bare(
                1,
                &[
                    stream::subvol("new"),
                    stream::end().with_u64(btrsync_stream::Attribute::Size, 1),
                ],
            ),
        ),
    ]
}

fn numbers() -> Vec<Case> {
    let mut cases = Vec::new();
    for number in [0, 27, 28, 255, 256, 1 << 8 | 3, u16::MAX] {
        let payload = stream::mkfile("f").payload(1);
        let unknown = [
            &bare(3, &[stream::subvol("new")])[..],
            &frame(number, &payload),
            &bare(3, &[stream::end()])[17..],
        ];
        cases.push(refused(format!("command {number}"), unknown.concat()));
    }
    for verb in super::verbs::VERBS {
        let command = (verb.on)(b"f");
        let since = CommandKind::from_number(command.number).unwrap().since().number();
        for version in 1..since {
            let commands = [stream::mkfile("f"), command.clone()];
            cases.push(refused(
                format!("{} in version {version}", verb.name),
                whole_in(version, &commands),
            ));
        }
    }
    cases.push(refused(
        "v1 times in version 2",
        whole_in(2, &[stream::mkfile("f"), stream::utimes("f", 1, 1)]),
    ));
    cases
}

fn lengths() -> Vec<Case> {
    let payload = stream::mkfile("f").payload(1);
    let real = u32::try_from(payload.len()).unwrap();
    let mut cases = Vec::new();
    for version in [1, 2] {
        for length in
            [0, real - 1, real + 1, (64 << 10) + 1, (1 << 20) + 1, 1 << 31, u32::MAX - 9, u32::MAX]
        {
            let begin = bare(version, &[stream::subvol("new")]);
            let lie = frame_of_length(length, CommandKind::Mkfile.number(), &payload);
            let end = frame(CommandKind::End.number(), &[]);
            let name = format!("length {length} in version {version}");
            cases.push(refused(name, [begin, lie, end].concat()));
        }
    }
    let full = vec![b'x'; (1 << 20) + 1];
    let begin = || bare(2, &[stream::subvol("new"), stream::mkfile("f")]);
    let write = frame(CommandKind::Write.number(), &stream::write("f", 0, full).payload(2));
    cases
        .push(refused("a real payload above the limit", [begin(), write, frame(21, &[])].concat()));
    cases
}
