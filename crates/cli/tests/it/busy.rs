//! A source that is being deduplicated while it is to be sent.
//!
//! The kernel refuses a send as long as a deduplication works on the source, and says so only by an
//! errno. Here it really does: a loop of FIDEDUPERANGE goes on until the run has told that it waits.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use btrsync_testutil::command::program;
use btrsync_testutil::{btrfs, require_btrfs, require_tool};

use crate::support::{Pair, Running, arrived, btrsync, clear, random_file, subvolume};

const SIZE: u64 = 16 << 20;

/// Deduplicates one file against another for ever; FIDEDUPERANGE is the number.
const LOOP: &str = r#"
open(my $from, '<', $ARGV[0]) or die; open(my $to, '<', $ARGV[1]) or die;
while (1) {
    my $range = pack('QQSSLqQQlL', 0, $ARGV[2], 1, 0, 0, fileno($to), 0, 0, 0, 0);
    ioctl($from, 0xC0189436, $range) or die "$!";
    syswrite(STDOUT, "one more\n");
}
"#;

/// Two loops, which end with the value. One alone would leave gaps.
struct Deduplication(Vec<Child>);

impl Deduplication {
    /// Returns when they are at work.
    fn start(from: &Path, to: &Path) -> Self {
        let one = || {
            let mut perl = program("perl");
            perl.args(["-e", LOOP]).args([from, to]).arg(SIZE.to_string());
            let mut child = perl.stdout(Stdio::piped()).spawn().unwrap();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            assert!(out.read_line(&mut String::new()).unwrap() > 0);
            std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
            child
        };
        Self((0..2).map(|_| one()).collect())
    }
}

impl Drop for Deduplication {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A file of as many extents as it has blocks, so that sharing them takes a while.
fn fragmented(path: &Path) -> PathBuf {
    let file = File::create(path).unwrap();
    for first in [0, 1] {
        (first..SIZE / 4096).step_by(2).for_each(|block| {
            file.write_all_at(&[block as u8; 4096], block * 4096).unwrap();
        });
        file.sync_all().unwrap();
    }
    path.to_path_buf()
}

/// A snapshot `1` with a file, and a twin of that.
fn twins(pair: &Pair) -> [PathBuf; 2] {
    let twin = fragmented(&pair.src.path().join("twin"));
    fragmented(&pair.origin().join("fragmented"));
    pair.take("1");
    [twin, pair.snaps().join("1/fragmented")]
}

/// The first of a batch takes its time; when its turn comes, the second is busy.
#[test]
fn a_sync_waits_for_a_deduplication_and_tells() {
    require_btrfs!();
    require_tool!("perl");
    let pair = Pair::with_snapshots(&[]);
    let other = subvolume(&pair.src.path().join("other"));
    random_file(&other.join("large"), 24);
    btrfs::snapshot_ro(&other, &pair.snaps().join("0"));
    let [twin, file] = twins(&pair);
    // Even two leave a gap now and then.
    let (run, wait) = (0..20)
        .find_map(|_| {
            clear(&pair);
            let mut run = Running::start(pair.args(&["-B", "--bwlimit=8M"])).in_transfer(1 << 20);
            let _deduplication = Deduplication::start(&twin, &file);
            match run.find(|event| event["event"] == "wait") {
                Some(wait) => Some((run, wait)),
                None => {
                    run.end().exits(0);
                    None
                }
            }
        })
        .expect("no run has met a deduplication");
    assert_eq!((&wait["attempt"], &wait["volumes"][1]), (&1.into(), &"snaps/1".into()));
    assert!(wait["message"].as_str().unwrap().contains("being deduplicated"), "{wait}");
    assert!(wait["seconds"].is_f64(), "{wait}");
    run.end().exits(0);
    for name in ["0", "1"] {
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
}

#[test]
fn a_send_waits_for_a_deduplication_and_tells_once() {
    require_btrfs!();
    require_tool!("perl");
    let pair = Pair::with_snapshots(&[]);
    let [twin, file] = twins(&pair);
    let deduplication = Deduplication::start(&twin, &file);
    // Even two leave a gap now and then.
    let (mut child, mut lines, note) = (0..50)
        .find_map(|_| {
            let mut command = btrsync();
            command.arg("send").arg(pair.snaps().join("1"));
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let mut lines =
                BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
            match lines.find(|line| line.starts_with("btrsync: note: ")) {
                None => child.wait().map(|_| None).unwrap(),
                Some(note) => Some((child, lines, note)),
            }
        })
        .expect("no run has met a deduplication");
    std::thread::sleep(std::time::Duration::from_millis(500));
    drop(deduplication);
    for words in ["being deduplicated", "trying again", "(attempt 1)"] {
        assert!(note.contains(words), "{note}");
    }
    assert_eq!(lines.next(), None);
    assert!(child.wait().unwrap().success());
}
