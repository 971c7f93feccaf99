//! Renames, links and removals between writes: the data lands in the file that has the path then.

use std::fs;
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};

use btrsync_testutil::{LoopFs, require_btrfs};

use crate::script::Script;
use crate::support::{accepted, refused};

/// Receives a stream of a subvolume `v` and returns its path.
fn made(fs: &LoopFs, script: Script) -> PathBuf {
    accepted(&script.end(), fs.path());
    fs.path().join("v")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `btrfs receive` writes into the wrong file.
#[test]
fn a_directory_takes_the_name_of_another_between_two_writes() {
    require_btrfs!();
    let fs = LoopFs::new();
    let script = Script::full("v")
        .mkdir("d1")
        .mkdir("dX")
        .mkfile("d1/foo")
        .mkfile("dX/foo")
        .write("d1/foo", "first")
        .rename("d1", "d2")
        .rename("dX", "d1")
        .write("d1/foo", "second");
    let v = made(&fs, script);
    assert_eq!(
        (read(&v.join("d2/foo")), read(&v.join("d1/foo"))),
        ("first".into(), "second".into())
    );
}

#[test]
fn two_files_swap_their_names_between_writes() {
    require_btrfs!();
    let fs = LoopFs::new();
    let script = Script::full("v")
        .mkfile("a")
        .write("a", "a was here")
        .mkfile("b")
        .write("b", "b was here")
        .rename("a", "x")
        .rename("b", "a")
        .rename("x", "b")
        .write("a", "B")
        .write("b", "A");
    let v = made(&fs, script);
    assert_eq!(
        (read(&v.join("a")), read(&v.join("b"))),
        ("B was here".into(), "A was here".into())
    );
}

#[test]
fn a_directory_above_moves_while_its_file_and_its_times_are_at_hand() {
    require_btrfs!();
    let fs = LoopFs::new();
    let script = Script::full("v")
        .mkdir("a")
        .mkdir("a/b")
        .mkdir("a/b/c")
        .mkfile("a/b/c/f")
        .write("a/b/c/f", "one")
        .utimes("a/b/c", 1000)
        .utimes("a/b", 2000)
        .mkdir("z")
        .rename("a/b", "z/b")
        .mkdir("a/b")
        .mkdir("a/b/c")
        .mkfile("a/b/c/f")
        .write("a/b/c/f", "two")
        .write_at("z/b/c/f", 3, " more");
    let v = made(&fs, script);
    assert_eq!(
        (read(&v.join("z/b/c/f")), read(&v.join("a/b/c/f"))),
        ("one more".into(), "two".into())
    );
    let mtime = |path| fs::metadata(v.join(path)).unwrap().st_mtime();
    assert_eq!((mtime("z/b/c"), mtime("z/b")), (1000, 2000));
    assert!(mtime("a/b/c") > 1_000_000 && mtime("a/b") > 1_000_000);
}

#[test]
fn a_name_that_is_at_hand_is_removed_and_made_again() {
    require_btrfs!();
    let fs = LoopFs::new();
    let script = Script::full("v")
        .mkfile("f")
        .write("f", "old")
        .link("kept", "f")
        .unlink("f")
        .mkfile("o1")
        .rename("o1", "f")
        .write("f", "new")
        .write_at("kept", 3, "er")
        .mkdir("d")
        .mkfile("d/in")
        .unlink("d/in")
        .rmdir("d")
        .mkfile("d")
        .write("d", "a file now");
    let v = made(&fs, script);
    let contents = ["f", "kept", "d"].map(|name| read(&v.join(name)));
    assert_eq!(contents, ["new", "older", "a file now"]);
}

#[test]
fn both_names_of_a_link_are_the_same_file() {
    require_btrfs!();
    let fs = LoopFs::new();
    let script = Script::full("v")
        .mkfile("a")
        .write("a", "first")
        .link("b", "a")
        .write_at("b", 5, " second")
        .write_at("a", 12, " third")
        .symlink("s", "nowhere")
        .link("s2", "s");
    let v = made(&fs, script);
    assert_eq!(read(&v.join("b")), "first second third");
    assert_eq!(fs::metadata(v.join("a")).unwrap().st_nlink(), 2);
    assert_eq!(fs::read_link(v.join("s2")).unwrap().to_str(), Some("nowhere"));
}

/// A creation is put off until its rename; one that is not renamed at once is made as it stands.
#[test]
fn what_is_made_gets_its_name_at_once_or_later_or_never() {
    require_btrfs!();
    let fs = LoopFs::new();
    let script = Script::full("v")
        .mkfile("o1")
        .rename("o1", "at once")
        .mkfile("o2")
        .mkdir("o3")
        .rename("o3", "d")
        .rename("o2", "d/later")
        .write("d/later", "x")
        .mkfile("o4")
        .rename("d", "e")
        .mkfile("o5");
    let v = made(&fs, script);
    for name in ["at once", "e/later", "o4", "o5"] {
        assert!(v.join(name).is_file(), "{name}");
    }
    assert_eq!(crate::support::names(&v).len(), 4);
}

#[test]
fn nothing_is_made_or_moved_over_something() {
    require_btrfs!();
    let fs = LoopFs::new();
    let two = || Script::full("v").mkfile("a").mkfile("b").link("c", "a");
    for script in [
        two().rename("a", "b"),
        two().rename("a", "c"),
        two().mkfile("o").rename("o", "a"),
        two().mkfile("a"),
        two().link("b", "a"),
        two().symlink("a", "x"),
        two().mkdir("a"),
    ] {
        let error = refused(&script.end(), fs.path(), "File exists");
        assert_eq!(error.raw_os_error(), Some(17));
    }
}

/// More directories than stay open, each used again and again.
#[test]
fn more_directories_than_stay_open() {
    require_btrfs!();
    let fs = LoopFs::new();
    let name = |number: i64| format!("d{number}");
    let mut script = Script::full("v");
    for number in 0..300 {
        script = script.mkdir(name(number)).utimes(name(number), 10 + number);
    }
    for round in 0..3 {
        for number in 0..300 {
            let file = format!("{}/{round}", name(number));
            script = script.mkfile(&file).write(&file, &file).utimes(name(number), 1000 + number);
        }
    }
    let v = made(&fs, script);
    for number in 0..300 {
        let dir = v.join(name(number));
        assert_eq!(fs::metadata(&dir).unwrap().st_mtime(), 1000 + number, "{number}");
        assert_eq!(read(&dir.join("2")), format!("d{number}/2"));
    }
}
