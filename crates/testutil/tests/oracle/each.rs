//! Each row by itself.

use btrsync_testutil::{LoopFs, differences, require_btrfs};

use crate::pair::{fix_times, pair};
use crate::rows::{ATTRIBUTES, CONTENT_AND_NAMES, Row};

fn check(rows: &[Row]) {
    require_btrfs!();
    let fs = LoopFs::new();
    for (number, (what, change, expected)) in rows.iter().enumerate() {
        let (left, right) = pair(&fs, &number.to_string());
        change(&right);
        fix_times(&right);
        assert_eq!(&differences(&left, &right), expected, "{what}");
    }
}

#[test]
fn each_difference_in_content_and_names_is_reported_alone() {
    check(CONTENT_AND_NAMES);
}

#[test]
fn each_difference_in_attributes_is_reported_alone() {
    check(ATTRIBUTES);
}
