//! Every way in which a command touches a path.
//!
//! The hazard is the command that was forgotten: confinement must hold for each, so the tricks are
//! multiplied with this one list.

use crate::stream::{self, Command, Encoding};

/// What must stand at the path for the command to succeed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Needs {
    File,
    Nothing,
    EmptyDirectory,
}

/// One command, with a path in one of its places.
pub(super) struct Verb {
    pub(super) name: &'static str,
    pub(super) needs: Needs,
    pub(super) on: fn(&[u8]) -> Command,
    /// Whether it opens what the path names, and reads or changes its data.
    pub(super) data: bool,
}

const fn verb(name: &'static str, needs: Needs, on: fn(&[u8]) -> Command) -> Verb {
    Verb { name, needs, on, data: false }
}

const fn data(name: &'static str, on: fn(&[u8]) -> Command) -> Verb {
    Verb { name, needs: Needs::File, on, data: true }
}

const PLAIN: Encoding = Encoding { file_len: 5, len: 5, offset: 0, compression: 2, encryption: 0 };

/// All of them. They rely on the files `f` and `g` of a [`setting`].
pub(super) const VERBS: &[Verb] = &[
    verb("mkfile", Needs::Nothing, |path| stream::mkfile(path)),
    verb("mkdir", Needs::Nothing, |path| stream::mkdir(path)),
    verb("mknod", Needs::Nothing, |path| stream::mknod(path, 0x103, 0o020_666)),
    verb("mkfifo", Needs::Nothing, |path| stream::mkfifo(path)),
    verb("mksock", Needs::Nothing, |path| stream::mksock(path)),
    verb("symlink", Needs::Nothing, |path| stream::symlink(path, "target")),
    verb("rename from", Needs::File, |path| stream::rename(path, "stolen")),
    verb("rename to", Needs::Nothing, |path| stream::rename("f", path)),
    verb("rename over", Needs::File, |path| stream::rename("f", path)),
    verb("link from", Needs::File, |path| stream::link("stolen", path)),
    verb("link to", Needs::Nothing, |path| stream::link(path, "f")),
    verb("unlink", Needs::File, |path| stream::unlink(path)),
    verb("rmdir", Needs::EmptyDirectory, |path| stream::rmdir(path)),
    verb("set_xattr", Needs::File, |path| stream::set_xattr(path, "user.planted", b"x")),
    verb("remove_xattr", Needs::File, |path| stream::remove_xattr(path, "user.victim")),
    verb("chmod", Needs::File, |path| stream::chmod(path, 0o4777)),
    verb("chown", Needs::File, |path| stream::chown(path, 1234, 1234)),
    verb("utimes", Needs::File, |path| stream::utimes(path, 1, 1)),
    data("write", |path| stream::write(path, 0, b"overwritten")),
    data("clone to", |path| stream::clone_inside(path, "g")),
    data("clone from", |path| stream::clone_inside("g", path)),
    data("truncate", |path| stream::truncate(path, 3)),
    data("fallocate", |path| stream::fallocate(path, 0, 0, 1 << 20)),
    data("punch", |path| stream::fallocate(path, 3, 0, 4096)),
    data("fileattr", |path| stream::fileattr(path, 1 << 6)),
    data("encoded_write", |path| {
        stream::encoded_write(path, PLAIN, b"(\xb5/\xfd\x20\x05\x29\x00\x00abcde")
    }),
    data("enable_verity", |path| stream::enable_verity(path, 1, 4096)),
];

/// What the tricks and verbs need inside the subvolume: the files `f`, `g` and `d/f`, the empty
/// directory `e`.
pub(super) fn setting() -> Vec<Command> {
    let mut commands = vec![stream::mkdir("d"), stream::mkdir("e")];
    for (file, byte) in [("f", b'.'), ("g", b'g'), ("d/f", b'.')] {
        commands.extend([stream::mkfile(file), stream::write(file, 0, [byte; 8192])]);
    }
    commands
}
