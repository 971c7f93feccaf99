//! Progress of larger transfers: lines, events, and that they tell the truth.

use btrsync_testutil::require_btrfs;

use crate::support::{Pair, arrived, run};

const MIB: usize = 64;

#[test]
fn lines_tell_bytes_rate_and_time() {
    require_btrfs!();
    let pair = Pair::with_large(MIB);
    let ended = run(pair.args(&["-y", "-p", "-t", "0.05"])).exits(0);
    let lines: Vec<&str> =
        ended.out.lines().filter_map(|line| line.strip_prefix("snaps/large: ")).collect();
    assert!(!lines.is_empty(), "{ended:#?}");
    for line in lines {
        let fields: Vec<&str> = line.split(", ").collect();
        let [amount, rate, time] = fields[..] else { panic!("{line}") };
        assert!(amount.ends_with('B') && rate.ends_with("B/s") && time.ends_with(" s"), "{line}");
    }
    assert_eq!(ended.err, "");
    arrived(&pair.snaps().join("large"), &pair.backup().join("large"));
}

#[test]
fn events_tell_growing_bytes_up_to_the_end() {
    require_btrfs!();
    let pair = Pair::with_large(MIB);
    let ended = run(pair.args(&["-y", "--json", "-t", "0.02"])).exits(0);
    let sent = |kind| {
        ended.events_of(kind).iter().map(|e| e["sent_bytes"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let (progress, done) = (sent("progress"), sent("done"));
    assert!(progress.len() > 1 && progress.is_sorted(), "{progress:?}");
    assert!(progress.last() <= done.first() && done[0] >= (MIB as u64) << 20, "{done:?}");
    let first = &ended.events_of("progress")[0];
    assert!(first["bytes_per_second"].is_u64() && first["seconds"].is_f64(), "{first}");
    assert_eq!(first["volumes"][0], "snaps/large");
    assert_eq!(ended.err, "");
}

#[test]
fn without_the_option_no_progress_is_printed() {
    require_btrfs!();
    let pair = Pair::with_large(MIB);
    let ended = run(pair.args(&["-y", "-t", "0.02"])).exits(0);
    assert_eq!((ended.out.lines().count(), ended.err.as_str()), (3, ""), "{ended:#?}");
}
