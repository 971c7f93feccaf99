//! Every name of the Python reference is a row of `docs/library.md`, and every row has its test.

const PAGE: &str = include_str!("../../../../docs/library.md");

const TESTS: &[&str] = &[
    include_str!("protocol.rs"),
    include_str!("instance.rs"),
    include_str!("sync.rs"),
    include_str!("transfer.rs"),
    include_str!("progress.rs"),
];

/// The names of the reference, in its order: functions, classes, arguments, methods, exceptions.
const REFERENCE: &[&str] = &[
    "btrsync.sync",
    "default_root(protocol)",
    "default_root: 'local'",
    "default_root: 'ssh', 'file', 'file-dump'",
    "default_root raises ValueError",
    "BtrSync(src, dst)",
    "BtrSync(srckeys)",
    "BtrSync(dstkeys)",
    "BtrSync: default keys",
    "BtrSync.check(vol, parent)",
    "BtrSync.parent(vol)",
    "BtrSync.stop(vols)",
    "BtrSync.sync(trans)",
    "BtrSync.sync(batch)",
    "BtrSync.sync(parallel)",
    "BtrSync.sync(transfer_existing)",
    "BtrSync.sync(volgroups)",
    "BtrSync.sync(target)",
    "BtrSync.sync(parent)",
    "BtrSync.sync(check)",
    "BtrSync.sync(stop)",
    "BtrSync.sync returns",
    "BtrSync.target(vol)",
    "BtrSync.volgroups(roots)",
    "ProgressTransfer(period)",
    "ProgressTransfer(prog_seq)",
    "ProgressTransfer(kwargs)",
    "ProgressTransfer.err(e, *args)",
    "ProgressTransfer.progress(flow, seq)",
    "ProgressTransfer.report(vols, par, src, dst)",
    "ProgressTransfer.report_done(vols, par, src, dst)",
    "ProgressTransfer.report_progress(total, prev, seq)",
    "ProgressTransfer.transf(vols, par, src, dst)",
    "ProgressTransfer.transf raises CancelledError",
    "ProgressTransfer.try_await(aw)",
    "ProgressTransfer.try_gather(*coroutines)",
    "ProgressTransfer.try_gather raises CancelledError",
    "Transfer(recvpath)",
    "Transfer(replicate_dirs)",
    "Transfer.err(e, *args)",
    "Transfer.report(vols, par, src, dst)",
    "Transfer.report_done(vols, par, src, dst)",
    "Transfer.transf(vols, par, src, dst)",
    "Transfer.transf raises CancelledError",
    "Transfer.try_await(aw)",
    "Transfer.try_gather(*coroutines)",
    "Transfer.try_gather raises CancelledError",
    "btrsync.sync.root",
    "btrsync.sync.root.BtrfsRoot",
];

/// The first cells of all rows of the page's tables.
fn rows() -> Vec<&'static str> {
    let cells = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    cells.map(|(name, _)| name).collect()
}

/// The name of the test of a row: its words, joined by `_`.
fn test_of(row: &str) -> String {
    let words = row.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_").to_lowercase()
}

#[test]
fn every_name_of_the_reference_is_a_row() {
    let rows = rows();
    let missing: Vec<_> = REFERENCE.iter().filter(|name| !rows.contains(name)).collect();
    assert!(missing.is_empty(), "docs/library.md lacks {missing:#?}");
    let unknown: Vec<_> = rows.iter().filter(|row| !REFERENCE.contains(row)).collect();
    assert!(unknown.is_empty(), "docs/library.md tells of {unknown:#?}");
    assert_eq!(rows.len(), REFERENCE.len(), "a row stands twice");
}

#[test]
fn every_row_has_a_test() {
    for row in REFERENCE {
        let function = format!("fn {}()", test_of(row));
        assert!(TESTS.iter().any(|file| file.contains(&function)), "no {function} for {row}");
    }
}
