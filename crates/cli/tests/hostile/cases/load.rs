//! Streams that are long, wide or deep: neither memory nor descriptors nor the stack may grow with them.

use std::fs;

use super::{anything, ensure, file_is};
use crate::arena::Arena;
use crate::judge::{Case, lands};
use crate::stream::{self, Command, whole};

pub(crate) fn load(_: &Arena) -> Vec<Case> {
    vec![
        lands("200,000 small commands", whole(&small(200_000)), |root| file_is(root, "f", b"")),
        lands("two files in turn", whole(&in_turn(50_000)), anything),
        lands("5,000 files", whole(&files(5_000)), |root| file_is(root, "4999", b"4999")),
        lands("5,000 directories in use", whole(&directories(5_000)), |root| {
            ensure(fs::read_dir(root).unwrap().count() == 5_000, "5,000 directories")
        }),
        lands("20,000 links to a directory's depth", whole(&nested(20_000)), anything).unread(60),
        lands("100,000 directories deep", whole(&nested(100_000)), anything).unread(120),
        lands("a path of 60 KB", whole(&long_path(30_000)), anything).unread(60),
    ]
}

fn small(count: u64) -> Vec<Command> {
    let mode = |number: u64| stream::chmod("f", 0o600 | number & 0o77);
    [stream::mkfile("f")].into_iter().chain((0..count).map(mode)).collect()
}

fn in_turn(count: u64) -> Vec<Command> {
    let files = ["a", "b"];
    let write = |number: u64| stream::write(files[(number % 2) as usize], number / 2, b"x");
    files.map(stream::mkfile).into_iter().chain((0..count).map(write)).collect()
}

fn files(count: u32) -> Vec<Command> {
    let made = |number: u32| {
        let name = number.to_string();
        [stream::mkfile(&name), stream::write(&name, 0, &name)]
    };
    (0..count).flat_map(made).collect()
}

fn directories(count: u32) -> Vec<Command> {
    let made =
        |number: u32| [stream::mkdir(number.to_string()), stream::mkfile(format!("{number}/f"))];
    (0..count).flat_map(made).collect()
}

/// A directory put into a new one again and again, so that each path is short.
fn nested(depth: usize) -> Vec<Command> {
    let around = [stream::mkdir("x"), stream::rename("d", "x/d"), stream::rename("x", "d")];
    let rounds = std::iter::repeat_n(around, depth).flatten();
    [stream::mkdir("d"), stream::mkfile("d/f")].into_iter().chain(rounds).collect()
}

/// Reaches the bottom of such a tree by its whole path.
fn long_path(depth: usize) -> Vec<Command> {
    let bottom = format!("{}f", "d/".repeat(depth + 1));
    let mut commands = nested(depth);
    commands.extend([stream::write(&bottom, 0, b"x"), stream::chmod(&bottom, 0o600)]);
    commands
}
