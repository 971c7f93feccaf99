//! Verification on real btrfs: what differs is found and named, what is the same is equal, and what
//! could not be read is neither.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod cannot;
mod changed;
mod lies;
#[path = "../../../testutil/tests/oracle/pair.rs"]
#[allow(dead_code, reason = "the oracle's own tests use the rest")]
mod pair;
#[path = "../../../testutil/tests/oracle/rows.rs"]
mod rows;
mod shapes;
mod support;
mod transferred;

use btrsync_testutil::{LoopFs, require_btrfs};

use crate::pair::{fix_times, pair};
use crate::rows::{ATTRIBUTES, CONTENT_AND_NAMES};
use crate::support::{different_paths, oracle_paths};

/// Every kind of difference that the oracle knows, by the oracle's own table.
#[tokio::test]
async fn each_kind_of_difference_is_found_where_it_is() {
    require_btrfs!();
    let fs = LoopFs::new();
    for (number, (what, change, expected)) in CONTENT_AND_NAMES.iter().chain(ATTRIBUTES).enumerate()
    {
        let (left, right) = pair(&fs, &number.to_string());
        change(&right);
        fix_times(&right);
        let found = different_paths(&left, &right).await;
        assert_eq!(found, oracle_paths(expected), "{what}");
    }
}
