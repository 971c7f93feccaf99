//! Changes between two snapshots, for incremental streams.
//!
//! The hazard is the change that a receiver applies to the wrong file: names that swap, a directory
//! that moves into its own child, a file that becomes a directory. Each round does one of each, and
//! what it does depends on the tree and the round's number alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{FallocateFlags, FileType};

use super::attributes::{ACL_ACCESS, acl, capability};
use super::{content, raw};
use crate::Random;
use crate::must::must;

const BLOCK: u64 = 4096;

/// Makes what the rounds change.
pub(super) fn populate(dir: &Path) {
    for name in ["overwritten", "appended", "truncated", "punched", "replaced-clone"] {
        raw::write(&dir.join(name), &content::pattern(1 << 20));
    }
    for name in ["swap-a", "swap-b", "shape", "moving", "attributes", "touched", "linked", "new-0"]
    {
        raw::write(&dir.join(name), name.as_bytes());
    }
    for name in ["here", "there", "dir-a", "dir-b", "outer", "outer/inner", "recreated"] {
        raw::write(&raw::directory(dir, name).join("foo"), name.as_bytes());
    }
    raw::xattr(&dir.join("attributes"), "user.new-0", b"");
    raw::node(&dir.join("node"), FileType::Fifo, (0, 0));
    must("symlink", dir, symlink("round 0", dir.join("symlink")));
}

/// Changes a tree that [`populate_zoo`](crate::populate_zoo) made; call with rounds 1, 2, 3, ... in
/// this order.
///
/// Every round changes something under each of its names, so consecutive snapshots always differ.
#[track_caller]
pub fn mutate_zoo(dir: &Path, round: u32) {
    let change = dir.join("change");
    change_content(&change, round);
    change_names(&change, round);
    change_shapes(&change, round);
    change_links(&change, round);
    change_attributes(&change, round);
    // Also where no round changed anything before: beside old files, through an old reflink.
    raw::write(&dir.join("content").join(format!("new-{round}")), &[b'n'; 5000]);
    raw::write_at(&dir.join("content/reflink"), &stamp(round), u64::from(round) * BLOCK);
}

fn stamp(round: u32) -> Vec<u8> {
    Random::new(1000 + u64::from(round)).bytes(6000)
}

fn change_content(dir: &Path, round: u32) {
    let offset = u64::from(round % 50) * 3 * BLOCK;
    raw::write_at(&dir.join("overwritten"), &stamp(round), offset + 1000);
    let appended = dir.join("appended");
    raw::write_at(&appended, &stamp(round), length(&appended));
    // Down to an odd length, then up again: the tail must read as zeros.
    let shrunk = 500_000 + u64::from(round);
    raw::set_len(
        &dir.join("truncated"),
        shrunk + if round.is_multiple_of(2) { 200_000 } else { 0 },
    );
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    raw::allocate(&dir.join("punched"), punch, offset, 2 * BLOCK);
    raw::allocate(&dir.join("punched"), FallocateFlags::ZERO_RANGE, offset + 3 * BLOCK, 100);
    raw::remove(&dir.join("replaced-clone"));
    raw::reflink(&dir.join("overwritten"), &dir.join("replaced-clone"));
}

fn length(path: &Path) -> u64 {
    must("stat", path, fs::metadata(path)).len()
}

fn change_names(dir: &Path, round: u32) {
    raw::exchange(&dir.join("swap-a"), &dir.join("swap-b"));
    swap_and_write(dir, round);
    invert(dir);
    let places = [dir.join("moving"), dir.join("there/moved")];
    let [from, to] =
        if places[0].exists() { places } else { [places[1].clone(), places[0].clone()] };
    raw::rename(&from, &to);
    raw::write(&dir.join(format!("new-{round}")), &stamp(round));
    raw::remove(&dir.join(format!("new-{}", round - 1)));
    raw::write(&dir.join("here/replacement"), &stamp(round));
    raw::rename(&dir.join("here/replacement"), &dir.join("here/foo"));
}

/// Writes the same name in two directories that trade places in between.
fn swap_and_write(dir: &Path, round: u32) {
    raw::write_at(&dir.join("dir-a/foo"), &stamp(round), 0);
    raw::exchange(&dir.join("dir-a"), &dir.join("dir-b"));
    raw::write_at(&dir.join("dir-a/foo"), &stamp(round + 1), BLOCK);
}

/// Turns a directory and its child over: the child becomes the parent.
fn invert(dir: &Path) {
    raw::rename(&dir.join("outer/inner"), &dir.join("inner"));
    raw::rename(&dir.join("outer"), &dir.join("inner/inner"));
    raw::rename(&dir.join("inner"), &dir.join("outer"));
}

/// Makes a file a directory and the other way round, under one name.
fn change_shapes(dir: &Path, round: u32) {
    let shape = dir.join("shape");
    if shape.is_dir() {
        must("remove", &shape, fs::remove_dir_all(&shape));
        raw::write(&shape, &stamp(round));
    } else {
        raw::remove(&shape);
        raw::write(&raw::directory(dir, "shape").join("inside"), &stamp(round));
    }
    let recreated = dir.join("recreated");
    must("remove", &recreated, fs::remove_dir_all(&recreated));
    raw::write(&raw::directory(dir, "recreated").join(format!("foo-{round}")), b"again");
    let node = dir.join("node");
    raw::remove(&node);
    let kinds = [FileType::Fifo, FileType::Socket, FileType::CharacterDevice];
    raw::node(&node, kinds[round as usize % 3], if round % 3 == 2 { (round, 1) } else { (0, 0) });
}

fn change_links(dir: &Path, round: u32) {
    let link = |number: u32| dir.join("here").join(format!("link-{}", number % 4));
    raw::link(&dir.join("linked"), &link(round));
    if link(round + 2).exists() {
        raw::remove(&link(round + 2));
    }
    let symbolic = dir.join("symlink");
    raw::remove(&symbolic);
    must("symlink", &symbolic, symlink(format!("round {round}"), &symbolic));
}

fn change_attributes(dir: &Path, round: u32) {
    let path = dir.join("attributes");
    raw::own(&path, 10_000 + round, 20_000 + round);
    raw::mode(&path, if round.is_multiple_of(2) { 0o4711 } else { 0o2640 });
    raw::xattr(&path, "user.changed", &stamp(round)[..100]);
    raw::xattr(&path, &format!("user.new-{round}"), b"");
    raw::remove_xattr(&path, &format!("user.new-{}", round - 1));
    raw::xattr(&path, "security.capability", &capability(round % 32));
    let acl_dir = dir.join("there");
    if round.is_multiple_of(3) {
        raw::remove_xattr(&acl_dir, ACL_ACCESS);
    } else {
        raw::xattr(&acl_dir, ACL_ACCESS, &acl(30_000 + round, 5));
    }
    raw::times(&dir.join("touched"), (0, 0), (1_000_000_000, round));
}
