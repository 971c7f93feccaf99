//! Memory that the host of a virtual machine has yet to give.
//!
//! Whoever touches it first waits for it: a copy into it takes ten times as long, and the time counts as that of the program.
//! The hazard is a figure that says which contestant came first. So free memory is touched before each of them runs: a host
//! can take back within seconds what is free.

use std::fs;
use std::hint::black_box;

/// What is touched at once, in bytes.
const PIECE: usize = 256 << 20;

/// The most that is touched, in bytes: more than one run of any benchmark takes.
const MOST: usize = 6 << 30;

/// Touches half of the memory that is available.
pub fn touch() {
    let available = kib("MemAvailable:").unwrap_or(0) << 10;
    let pieces = (available / 2).min(MOST) / PIECE;
    let held: Vec<Vec<u8>> = (0..pieces).map(|_| vec![1; PIECE]).collect();
    black_box(held);
}

/// What the kernel says of memory under a name, in KiB.
pub(crate) fn kib(name: &str) -> Option<usize> {
    find(&fs::read_to_string("/proc/meminfo").ok()?, name)
}

fn find(meminfo: &str, name: &str) -> Option<usize> {
    let rest = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_name() {
        let told = "MemTotal:  10 kB\nMemFree:  5 kB\nMemAvailable:    7 kB\n";
        assert_eq!(find(told, "MemAvailable:"), Some(7));
        assert_eq!(find(told, "Swap:"), None);
    }
}
