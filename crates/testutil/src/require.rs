//! Gates for tests that need root, btrfs or a program.
//!
//! The hazard is a silent skip: a CI that lost its rights would stay green and test nothing. With
//! `BTRSYNC_TEST_NO_SKIP` set, what is missing is a failure.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::command::{output, program, search_path};

/// Ends the calling test, which must return `()`, unless it runs as root on a kernel with btrfs.
///
/// The reason goes to standard error; with `BTRSYNC_TEST_NO_SKIP` set it is a panic instead.
#[macro_export]
macro_rules! require_btrfs {
    () => {
        if !$crate::require::proceed($crate::require::btrfs_missing()) {
            return;
        }
    };
}

/// Ends the calling test, which must return `()`, unless the named program is installed.
///
/// The reason goes to standard error; with `BTRSYNC_TEST_NO_SKIP` set it is a panic instead.
#[macro_export]
macro_rules! require_tool {
    ($name:expr) => {
        if !$crate::require::proceed($crate::require::tool_missing($name)) {
            return;
        }
    };
}

/// Ends the calling test, which must return `()`, unless it can make machines with an sshd.
///
/// The reason goes to standard error; with `BTRSYNC_TEST_NO_SKIP` set it is a panic instead.
#[macro_export]
macro_rules! require_machines {
    () => {
        if !$crate::require::proceed($crate::require::machines_missing()) {
            return;
        }
    };
}

/// Ends the calling test, which must return `()`, unless it can change the weather of a network.
///
/// The reason goes to standard error; with `BTRSYNC_TEST_NO_SKIP` set it is a panic instead.
#[macro_export]
macro_rules! require_weather {
    () => {
        if !$crate::require::proceed($crate::require::weather_missing()) {
            return;
        }
    };
}

/// Tells whether a test may go on; `missing` is the reason why it cannot.
///
/// Panics instead of returning `false` when `BTRSYNC_TEST_NO_SKIP` is set.
#[must_use]
#[track_caller]
pub fn proceed(missing: Option<String>) -> bool {
    decide(missing, env::var_os("BTRSYNC_TEST_NO_SKIP").is_some())
}

#[track_caller]
fn decide(missing: Option<String>, no_skip: bool) -> bool {
    match missing {
        None => true,
        Some(reason) if no_skip => panic!("BTRSYNC_TEST_NO_SKIP is set, but {reason}"),
        Some(reason) => {
            eprintln!("skipped: {reason}");
            false
        }
    }
}

/// Names what is missing for a test on a real btrfs, if anything.
#[must_use]
pub fn btrfs_missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("this test needs root".to_owned());
    }
    if !kernel_has_btrfs() {
        return Some("the kernel has no btrfs".to_owned());
    }
    ["btrfs", "mkfs.btrfs", "mount", "umount", "losetup"].into_iter().find_map(tool_missing)
}

/// Names what is missing for a test on real btrfs that makes machines, if anything.
#[must_use]
pub fn machines_missing() -> Option<String> {
    let programs = ["unshare", "nsenter", "setpriv", "ip", "sshd", "ssh", "ssh-keygen", "sudo"];
    btrfs_missing().or_else(|| programs.into_iter().find_map(tool_missing))
}

/// Names what is missing for a test that changes the weather of a network, if anything.
#[must_use]
pub fn weather_missing() -> Option<String> {
    machines_missing().or_else(|| ["nft", "tc", "ss"].into_iter().find_map(tool_missing))
}

/// Names the program when it is not installed.
#[must_use]
pub fn tool_missing(name: &str) -> Option<String> {
    find_tool(name).is_none().then(|| format!("the program {name} is not installed"))
}

/// Finds a program's absolute path; `sshd`, for one, starts only under its absolute path.
#[must_use]
pub fn find_tool(name: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|dir| dir.join(name)).find(|path| path.is_file())
}

fn kernel_has_btrfs() -> bool {
    // A module that nobody has loaded yet is not in the list.
    lists_btrfs() || (output(program("modprobe").arg("btrfs")).is_ok() && lists_btrfs())
}

fn lists_btrfs() -> bool {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    known.lines().any(|line| line.split_whitespace().last() == Some("btrfs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_skips() {
        assert!(decide(None, false));
        assert!(decide(None, true));
        assert!(!decide(Some("reason".to_owned()), false));
    }

    #[test]
    #[should_panic(expected = "but the program x")]
    fn what_is_missing_fails_in_ci() {
        let _ = decide(Some("the program x".to_owned()), true);
    }

    #[test]
    fn tools_are_found_by_name() {
        assert!(find_tool("sh").unwrap().is_absolute());
        assert!(tool_missing("no-such-program").unwrap().contains("no-such-program"));
    }
}
