//! The suite itself, with little data: that it counts what it should, and nothing that is wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use btrsync_bench::contest::{Contestant, Failed, Runs, Scene, hold};
use btrsync_bench::measure::Meter;
use btrsync_bench::scene::{Source, fresh};
use btrsync_testutil::command::program;
use btrsync_testutil::require::proceed;
use btrsync_testutil::{Compare, LoopFs, btrfs, require_btrfs};

const HELPER: &str = env!("CARGO_BIN_EXE_btrsync-bench");

fn meter() -> Meter {
    Meter { helper: HELPER.into(), touches: false }
}

/// One small snapshot, and a new destination for each run.
struct Small(Source);

impl Small {
    fn new() -> Self {
        let fs = fresh("");
        let origin = fs.path().join("origin");
        btrfs::create_subvolume(&origin);
        fs::create_dir(origin.join("dir")).unwrap();
        fs::write(origin.join("dir/file"), "some bytes").unwrap();
        btrfs::snapshot_ro(&origin, &fs.path().join("snapshot"));
        Self(Source::new(fs, "", &["snapshot".to_owned()]))
    }
}

impl Scene for Small {
    type Stage = LoopFs;

    fn stage(&mut self) -> LoopFs {
        self.0.cool();
        fresh("")
    }

    fn faults(&self, dest: &LoopFs, _: &[u8], compare: &Compare) -> Vec<String> {
        self.0.faults(dest.path(), compare)
    }
}

/// Sends a snapshot that was changed by a script just before, and does more after it.
fn changed(change: &'static str, then: &'static str) -> Contestant<Small> {
    let script = format!(
        "set -eo pipefail; cd \"$1\"; mkdir t; btrfs subvolume snapshot snapshot t/snapshot\n\
         pushd t/snapshot; {change}\npopd; btrfs property set t/snapshot ro true\n\
         btrfs send -q t/snapshot | btrfs receive -q \"$2\"\n\
         btrfs subvolume delete t/snapshot; rmdir t; cd \"$2\"; {then}"
    );
    let command = move |scene: &Small, dest: &LoopFs| -> Command {
        let mut bash = program("bash");
        bash.args(["-c", &script, "bash"]).arg(scene.0.dir()).arg(dest.path());
        bash
    };
    Contestant::new("changed", command).without_root_mtime()
}

fn run(contestant: Contestant<Small>) -> Result<Vec<Runs>, Failed> {
    hold(&mut Small::new(), &[contestant], (&meter(), 2), |_, _, _| ())
}

#[test]
fn only_a_right_result_has_a_time() {
    require_btrfs!();
    let runs = run(changed(":", ":")).unwrap();
    assert!(runs[0].costs.len() == 2 && runs[0].costs.iter().all(|cost| cost.wall > 0.0));
    let wrong = [
        ("echo wrong > dir/wrong", ":", "dir/wrong: extra in dest"),
        ("rm dir/file", ":", "missing in dest"),
        ("printf 'same bytes' > dir/file", ":", "content"),
        ("chmod 700 dir", ":", "mode"),
        (":", "touch more", "2 entries"),
        (":", "btrfs subvolume delete snapshot; mkdir snapshot", "not a subvolume"),
        (":", "btrfs property set -f snapshot ro false", "writable"),
        (":", "echo no room >&2; exit 3", "no room"),
    ];
    for (change, then, expected) in wrong {
        let told = run(changed(change, then)).unwrap_err().to_string();
        assert!(told.contains(expected), "{change}, {then}: {told}");
    }
}

#[test]
fn memory_and_processors_are_those_of_the_command() {
    let mut bash = program("bash");
    // 20 MB in one of several processes, while another one ends at once.
    bash.args(["-c", "x=$(head -c 20000000 /dev/zero | tr '\\0' x); true | echo ${#x}"]);
    let measured = meter().run(&bash, 2, || ()).unwrap();
    let cost = measured.cost;
    assert_eq!(measured.output, b"20000000\n20000000\n");
    assert!((20_000_000..300_000_000).contains(&cost.peak), "{cost:?}");
    assert!(cost.wall > 0.0 && cost.cpu > 0.0 && cost.cpu <= 3.0 * cost.wall, "{cost:?}");
    let small = meter().run(&program("true"), 1, || ()).unwrap().cost;
    assert!(small.peak < 16_000_000 && small.cpu < cost.cpu, "{small:?}");
    assert!(meter().run(&program("false"), 1, || ()).is_err());
}

/// The program that a whole build makes beside the suite.
fn btrsync() -> Result<PathBuf, String> {
    let path = Path::new(HELPER).with_file_name("btrsync");
    if path.exists() { Ok(path) } else { Err(format!("{} is not built", path.display())) }
}

#[test]
fn a_benchmark_runs_and_writes_what_it_found() {
    require_btrfs!();
    if !proceed(btrsync().err()) {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let mut suite = Command::new(HELPER);
    suite.args(["--quick", "--rounds", "2", "small-cold", "--program"]).arg(btrsync().unwrap());
    let ended = suite.arg("--out").arg(out.path()).output().unwrap();
    let told = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success() && told.contains("wall / btrfs"), "{told}");
    let json = fs::read_to_string(out.path().join("small-cold.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let runs = json["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|runs| runs["costs"].as_array().unwrap().len() == 2));
}
