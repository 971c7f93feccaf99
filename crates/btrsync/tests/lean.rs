//! The library as a dependency: whoever takes it takes its whole tree.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

use std::collections::BTreeSet;
use std::process::Command;

/// Crates in the tree of the library, itself and macros included.
const MOST: usize = 60;

#[test]
fn the_tree_of_the_library_is_small() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--offline", "-p", "btrsync", "-e", "normal"]);
    let output = cargo.args(["--prefix", "none"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<&str> = tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    assert!(crates.iter().any(|name| name.starts_with("btrsync-kernel ")), "{crates:?}");
    assert!(crates.len() <= MOST, "{} crates: {crates:#?}", crates.len());
    for ours in ["clap", "indicatif", "serde_json"] {
        assert!(!crates.iter().any(|name| name.starts_with(&format!("{ours} "))), "{ours}");
    }
}
