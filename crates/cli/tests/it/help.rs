//! Help where people look: behind `-h`, behind `--help`, and behind a word that is not quite right.

use std::ffi::OsStr;
use std::fs;

use btrsync_testutil::require_btrfs;

use crate::support::{Pair, arrived, btrsync, run};

const COMMANDS: &[&str] = &["clean", "inspect", "manual", "receive", "send", "serve", "verify"];

#[test]
fn the_short_help_is_shorter_and_both_have_examples() {
    for words in COMMANDS.iter().map(|word| vec![*word]).chain([vec![]]) {
        let help = |option: &'static str| run(words.iter().copied().chain([option])).exits(0);
        let (short, long) = (help("-h"), help("--help"));
        for ended in [&short, &long] {
            assert!(ended.out.contains("\nExamples:\n  ") && ended.err.is_empty(), "{ended:?}");
            assert!(ended.out.ends_with('\n') && !ended.out.ends_with("\n\n"), "{ended:?}");
        }
        assert!(short.out.contains("--help says more"), "{short:?}");
        assert!(long.out.contains("\nExit codes:\n"), "{long:?}");
        assert!(short.out.len() < long.out.len(), "{words:?}");
    }
    run(["--help"]).says(&["--checkpoint", "--buffer"]);
    assert!(!run(["-h"]).out.contains("--checkpoint"));
}

#[test]
fn a_mistyped_command_is_told_which_one_was_meant() {
    for (word, meant) in [("recieve", "receive"), ("verfiy", "verify"), ("help", "--help")] {
        let hint = format!("did you mean 'btrsync {meant}'?");
        let ended = run([word, "-f", "x", "/mnt/backup"]).exits(2);
        ended.complains(&[&format!("'{word}' is no command"), &hint, &format!("./{word}")]);
    }
}

#[test]
fn a_mistyped_option_is_told_which_one_was_meant() {
    run(["--exlude", "x", "a", "b"]).exits(2).complains(&["'--exclude'"]);
    run(["receive", "--terminate-on-ned", "a"]).exits(2).complains(&["'--terminate-on-end'"]);
}

#[test]
fn a_source_of_nearly_the_name_of_a_command_is_a_source() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["recieve"]);
    let mut here = btrsync();
    here.current_dir(pair.snaps()).args(["-y", "recieve"]).arg(pair.backup());
    assert!(here.status().unwrap().success());
    assert_eq!(fs::read(pair.backup().join("recieve/file")).unwrap(), b"recieve");
}

#[test]
fn options_stand_between_source_and_destination_too() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let (source, backup) = (pair.snaps().join("1"), pair.backup());
    let (from, to) = (source.as_os_str(), backup.as_os_str());
    run([from, OsStr::new("-y"), OsStr::new("-xnone"), to]).exits(0);
    arrived(&source, &backup.join("1"));
    run([OsStr::new("verify"), from, OsStr::new("--all"), to]).exits(0).says(&["1 checked"]);
    run(["a", "-y"]).exits(2).complains(&["not provided:\n  <DESTINATION>"]);
}
