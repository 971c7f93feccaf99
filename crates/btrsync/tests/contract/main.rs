//! What every root promises, held against each: local, under sudo, through a real sshd, and through another
//! btrsync.
//!
//! The hazard is a promise that only one of them keeps. A behaviour is written once, as a function of a
//! [`plug::Plug`]; a new root is one line here and one function there. Stream files and dumps can do a
//! part of it only, and have theirs in `streams`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod batch;
mod list;
mod locate;
mod lock;
mod plug;
mod refuse;
mod serve;
mod streams;
#[allow(dead_code, reason = "shared with local_root, which uses the rest")]
#[path = "../local_root/support.rs"]
mod support;
mod transfer;

macro_rules! root {
    ($plug:ident, $gate:ident) => {
        mod $plug {
            root! { @behaviours $plug $gate
                locate: the_root_is_the_nearest_subvolume_and_the_rest_is_relative
                locate: a_mount_of_a_subvolume_is_its_root
                locate: paths_that_have_no_root
                locate: a_mount_that_hides_the_subvolume_has_no_root
                locate: is_root
                locate: look_tells_what_stands_there
                list: scopes
                list: a_mount_of_a_subvolume_lists_the_same
                list: names_are_bytes_and_staging_names_are_not_listed
                list: show_tells_of_the_subvolume_that_holds_a_path
                list: occupied_tells_where_something_stands
                lock: what_cannot_be_locked
                lock: a_lock_removes_the_leftovers_of_dead_runs_and_nothing_else
                lock: one_root_at_a_time
                transfer: full_and_incremental_by_hand_are_identical
                transfer: the_times_of_the_root_are_those_of_the_source
                transfer: several_streams_in_one_flow
                transfer: the_stream_is_that_of_btrfs_send
                transfer: the_directory_is_created_only_where_that_is_wanted
                transfer: a_name_that_is_taken_is_left_alone_and_refused_before_the_data
                transfer: a_name_that_is_taken_meanwhile_is_left_alone
                transfer: names_of_any_bytes
                transfer: what_is_compressed_stays_so_where_both_sides_say_so
                refuse: another_subvolume_than_was_announced
                refuse: streams_that_are_cut_or_damaged
                refuse: names_that_cannot_be
                refuse: an_incremental_stream_without_its_parent
                refuse: what_has_gone_since_the_listing
            }
        }
    };
    (@behaviours $plug:ident $gate:ident $($theme:ident: $behaviour:ident)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            btrsync_testutil::$gate!();
            crate::$theme::$behaviour(&crate::plug::$plug().await).await;
        })*
    };
}

root!(local, require_btrfs);
root!(sudo, require_machines);
root!(ssh, require_machines);
root!(agent, require_btrfs);
root!(agent_over_ssh, require_machines);
