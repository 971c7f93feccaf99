//! The judge is tried: receivers that do what must not be done, and the words it has for that.

use std::process::Command;
use std::time::Duration;

use btrsync_testutil::require_btrfs;

use crate::arena::Arena;
use crate::bounded::{limited, run};
use crate::judge::{Case, either, judge, lands, refused};
use crate::watch::Watch;

/// A receiver as a line of shell; `$D` is the destination, `$E` a directory elsewhere, `$O` another
/// filesystem, `$B` the block device.
fn shell(arena: &Arena, line: &str) -> Command {
    let mut command = btrsync_testutil::command::program("sh");
    command.args(["-c", line]).env("D", arena.dest()).env("E", arena.elsewhere.path());
    command.env("O", arena.other.path()).env("B", &arena.disk);
    command
}

#[track_caller]
fn found(arena: &Arena, case: &Case, line: &str, words: &str) {
    let watch = Watch::of(arena);
    let wrong = judge(arena, &watch, case, shell(arena, line)).join("\n");
    assert!(wrong.contains(words), "{line}: no {words:?} in {wrong:?}");
}

fn short(mut case: Case) -> Case {
    case.limit = Duration::from_millis(300);
    case
}

#[test]
fn the_judge_sees_a_wrong_end() {
    require_btrfs!();
    let arena = Arena::new();
    let clean =
        judge(&arena, &Watch::of(&arena), &refused("", Vec::new()), shell(&arena, "exit 1"));
    assert!(clean.is_empty(), "{clean:?}");
    let refused = || refused("", Vec::new());
    found(&arena, &refused(), "exit 0", "it took the stream");
    found(&arena, &lands("", Vec::new(), |_| Ok(())), "exit 1", "it refused the stream");
    found(&arena, &lands("", Vec::new(), |_| Err("wrong".into())), "exit 0", "wrong");
    found(&arena, &refused(), "exit 101", "it panicked");
    found(&arena, &refused(), "kill -9 $$", "it died");
    found(&arena, &short(refused()), "sleep 30", "it did not end");
    found(&arena, &refused(), "printf '\\033[31m'; exit 1", "control characters");
    found(&arena, &refused(), "printf 'a\\nforged' >&2; exit 1", "forged line");
    found(&arena, &refused(), "printf '\\377' >&2; exit 1", "no UTF-8");
    let greedy = "exec dd if=/dev/zero of=/dev/null bs=80M count=1";
    found(&arena, &either("", Vec::new()), greedy, "of memory");
    found(&arena, &either("", Vec::new()), "exit 0", "is no subvolume");
    let steals = "btrfs -q subvolume create $D/new; cp $D/../outside/victim $D/new";
    found(&arena, &either("", Vec::new()), steals, "holds the secret");
}

#[test]
fn the_judge_sees_every_trespass() {
    require_btrfs!();
    let rows = [
        ("mkdir $D/new", "dest/new: extra"),
        ("btrfs subvolume create $D/.btrsync-1.partial", "extra"),
        ("echo >> $D/../outside/victim", "outside/victim: size"),
        ("chmod 600 $D/../outside/victim; chmod 644 $D/../outside/victim", "touched or replaced"),
        ("cd $D/../outside; cp -p victim x; mv x victim", "touched or replaced"),
        ("cd $D/../outside; touch -r . time; mkdir x; rmdir x; touch -r time .", "extra"),
        ("rm $D/../neighbour/outside/victim", "neighbour: outside/victim: missing"),
        ("btrfs subvolume create $D/../outside/x", "outside/x: extra"),
        ("btrfs property set -f $D/parent ro false; echo > $D/parent/x", "parent: x: extra"),
        ("echo > $D/mounted/planted", "outside/planted: extra"),
        ("echo > $O/outside/victim", "outside/victim: size"),
        ("echo > $E/outside/victim", "outside/victim: size"),
        ("echo | dd of=$B conv=notrunc bs=1 count=1", "block device"),
    ];
    for (line, words) in rows {
        found(&Arena::new(), &either("", Vec::new()), &format!("{line}; exit 1"), words);
    }
}

#[test]
fn memory_has_a_limit() {
    require_btrfs!();
    let mut greedy = limited("dd".as_ref());
    greedy.args(["if=/dev/zero", "of=/dev/null", "bs=80M", "count=1"]);
    let ended = run(greedy, Duration::from_secs(10));
    assert!(ended.status.is_some_and(|status| !status.success()), "{ended:?}");
}
