//! A run as people see it: in tmux, which draws like a real terminal and tells what stands on it.
//!
//! The hazard is a line that is wider than the terminal: it wraps, and every bar that is drawn over it leaves
//! a piece behind. That is not to be seen in what a program writes, only in what becomes of it.

use std::time::{Duration, Instant};

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{require_btrfs, require_tool};
use tempfile::TempDir;

use crate::support::{Pair, arrived, random_file, run};

const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal with a run in it.
struct Tmux(TempDir);

impl Tmux {
    fn start(columns: usize, args: &[std::borrow::Cow<'_, std::ffi::OsStr>]) -> Self {
        let args: Vec<&str> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
        let line = format!("'{}' '{}'", env!("CARGO_BIN_EXE_btrsync"), args.join("' '"));
        let tmux = Self(tempfile::tempdir().unwrap());
        let size = [columns.to_string(), "24".to_owned()];
        // It stays when the run has ended.
        let shell = format!("NO_COLOR=1 {line}; echo ended; exec sleep 60");
        tmux.tell(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &size[0],
            "-y",
            &size[1],
            &shell,
        ]);
        tmux
    }

    fn tell(&self, words: &[&str]) -> String {
        let mut tmux = program("tmux");
        tmux.arg("-S").arg(self.0.path().join("socket")).args(words).env("LC_ALL", "C.UTF-8");
        String::from_utf8(output(&mut tmux).unwrap()).unwrap()
    }

    /// What stands on it, once it is as wanted.
    #[track_caller]
    fn shows(&self, is_it: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        loop {
            let shown = self.tell(&["capture-pane", "-p"]);
            if is_it(&shown) {
                return shown;
            }
            assert!(begin.elapsed() < PATIENCE, "{shown}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let mut tmux = program("tmux");
        let _ = tmux.arg("-S").arg(self.0.path().join("socket")).arg("kill-server").output();
    }
}

/// Three snapshots, of which the first takes some seconds at 12 MiB a second.
fn pair() -> Pair {
    let pair = Pair::with_large(24);
    random_file(&pair.origin().join("more"), 2);
    pair.take("a-snapshot-with-a-name-that-is-too-long-for-a-terminal-of-eighty-columns");
    pair.take("last");
    pair
}

/// The columns of a line of the table, which are apart by two blanks at least.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn a_run_fits_terminals_of_80_and_200_columns() {
    require_btrfs!();
    require_tool!("tmux");
    for columns in [80, 200] {
        let pair = pair();
        let tmux = Tmux::start(columns, &pair.args(&["--bwlimit=12M"]));
        let preview = tmux.shows(|shown| shown.contains("Proceed? "));
        let lines: Vec<&str> = preview.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.len(), 8, "no line wraps: {preview}");
        assert_eq!(cells(lines[2]), ["SUBVOLUME", "SEND", "SIZE", "INTO", "WHY"], "{preview}");
        assert_eq!(cells(lines[3])[..4], ["snaps/large", "full", "~24.0 MiB", "backup"]);
        assert_eq!(lines[4].contains('…'), columns == 80, "{preview}");
        assert!(lines[6].starts_with("In all ~26.0 MiB in 3 subvolumes; "), "{preview}");
        tmux.tell(&["send-keys", "y", "Enter"]);
        let running = tmux.shows(|shown| shown.contains(" left"));
        let bars: Vec<&str> = running.lines().skip(8).filter(|line| !line.is_empty()).collect();
        assert_eq!(bars.len(), 2, "a bar for the transfer and one for the whole: {running}");
        assert!(bars[0].starts_with("snaps/large ") && bars[1].starts_with("0 of 3 done "));
        for bar in &bars {
            let is_whole = bar.contains("% ") && bar.contains("MiB/s") && bar.ends_with(" s left");
            assert!(is_whole && bar.chars().count() <= columns, "{running}");
        }
        assert_eq!(bars[0].contains(" of ~24.0 MiB"), columns == 200, "{running}");
        let ended = tmux.shows(|shown| shown.contains("\nended\n"));
        let rest: Vec<&str> = ended.lines().skip(8).filter(|line| !line.is_empty()).collect();
        assert!(!ended.contains('━') && rest.len() == 5, "no bar is left: {ended}");
        assert!(rest[0].starts_with("snaps/large - Done (24.0 MiB in "), "{ended}");
        assert!(rest[3].starts_with("3 subvolumes sent, 26.0 MiB in "), "{ended}");
        arrived(&pair.snaps().join("last"), &pair.backup().join("last"));
    }
}

#[test]
fn what_was_sent_before_is_no_part_of_the_bar() {
    require_btrfs!();
    require_tool!("tmux");
    let pair = Pair::with_large(48);
    crate::support::Running::start(pair.args(&["--checkpoint=4M", "--buffer=0"]))
        .in_transfer(36 << 20)
        .kill();
    let tmux = Tmux::start(200, &pair.args(&["-y", "--bwlimit=12M", "--estimate=3"]));
    // All of it passes by once more, but only the rest is told.
    let running = tmux.shows(|shown| shown.contains(" of ~"));
    let mebibytes = |before: &str| -> f64 {
        let number = running.split(before).nth(1).and_then(|rest| rest.split(' ').next());
        number.unwrap().parse().unwrap()
    };
    let (all, there) = (mebibytes(" of ~"), mebibytes(" with "));
    assert!(there > 4.0 && (all + there - 48.0).abs() < 0.3, "{running}");
    tmux.shows(|shown| shown.contains("\nended\n"));
    arrived(&pair.snaps().join("large"), &pair.backup().join("large"));
}

#[test]
fn in_a_pipe_there_are_lines_and_no_bars() {
    require_btrfs!();
    let pair = pair();
    let preview = run(pair.args(&["-n"])).exits(0);
    let expected = [
        "snaps/large\tfull -> backup (",
        "~24.0 MiB",
        "\tincr -> backup, ~2.0 MiB",
        "In all ~26.0 MiB in 3 ",
    ];
    preview.says(&expected);
    let sent = run(pair.args(&["-y"])).exits(0);
    let sent = sent.says(&["3 subvolumes sent, 26.0 MiB in ", " MiB/s)"]);
    assert!(!sent.out.contains('━') && sent.err.is_empty(), "{sent:?}");
}
