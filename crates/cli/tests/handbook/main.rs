//! The handbook, done as it says: every block of commands is run, on real filesystems, in its order.
//!
//! The hazard is a page that was right once. A block that cannot be run here says why; one that does
//! neither fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod page;
mod pictures;
mod world;

use std::fs;
use std::path::{Path, PathBuf};

use btrsync_testutil::{require_machines, require_tool};

use crate::world::World;

pub(crate) fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[track_caller]
fn holds(name: &str, least: usize) {
    require_machines!();
    require_tool!("zstd");
    let blocks = page::blocks(&fs::read_to_string(docs().join("handbook").join(name)).unwrap());
    assert!(blocks.len() >= least, "{name}: {} blocks", blocks.len());
    let world = match name {
        // Where the other machine needs it too.
        "keys.md" => World::with_btrsync_there(),
        _ => World::new(),
    };
    blocks.iter().for_each(|block| world.run(block));
}

#[test]
fn the_first_sync() {
    holds("first.md", 5);
}

#[test]
fn push_pull_disks_and_files() {
    holds("ways.md", 6);
}

#[test]
fn restoring() {
    holds("restore.md", 7);
}

#[test]
fn timers() {
    holds("timers.md", 2);
}

#[test]
fn coming_from_other_programs() {
    holds("coming.md", 4);
}

#[test]
fn keys_that_can_do_one_thing() {
    holds("keys.md", 9);
}

#[test]
fn rights() {
    holds("rights.md", 0);
}

#[test]
fn troubleshooting() {
    holds("trouble.md", 7);
}

#[test]
fn the_library() {
    holds("library.md", 1);
}

#[test]
fn the_summary_names_every_page_once_and_nothing_else() {
    let summary = fs::read_to_string(docs().join("SUMMARY.md")).unwrap();
    let links = summary.split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned());
    let mut named: Vec<String> = links.filter(|link| link != "../README.md").collect();
    let mut there = Vec::new();
    for below in ["", "handbook/"] {
        for entry in fs::read_dir(docs().join(below)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") && name != "SUMMARY.md" {
                there.push(format!("{below}{name}"));
            }
        }
    }
    named.sort();
    there.sort();
    assert_eq!(named, there);
}
