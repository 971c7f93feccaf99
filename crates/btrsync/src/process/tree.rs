//! Kills a child process with all that it has started.
//!
//! A shell that is killed leaves its children behind, and they hold our pipes and files. Process groups
//! are no way to reach them: in one of its own, a program that asks on the terminal is stopped.

use std::collections::HashSet;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

/// Kills a child and all that descend from it, as far as they have not left it, and waits for the child.
pub(crate) fn kill_tree(child: &mut Child) {
    let mut found: HashSet<i32> = HashSet::new();
    let mut new: Vec<i32> = pid(child).into_iter().collect();
    // What is stopped starts nothing more, so there is an end to this.
    while !new.is_empty() {
        new.iter().for_each(|pid| signal(*pid, Signal::STOP));
        found.extend(new);
        new = children_of(&found).into_iter().filter(|pid| !found.contains(pid)).collect();
    }
    // These fail only for what has ended or is not ours to kill.
    found.iter().for_each(|pid| signal(*pid, Signal::KILL));
    let _ = child.wait();
}

/// The id of a child that was not waited for yet.
fn pid(child: &mut Child) -> Option<i32> {
    matches!(child.try_wait(), Ok(None)).then_some(child.id().try_into().ok()).flatten()
}

fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// The processes whose parent is one of these.
fn children_of(parents: &HashSet<i32>) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid).is_some_and(|parent| parents.contains(&parent))).collect()
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name before it can hold anything, but no field behind it has a parenthesis.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_knows_its_parent() {
        let own = std::process::id() as i32;
        assert_eq!(parent_of(own), Some(std::os::unix::process::parent_id() as i32));
        assert_eq!(parent_of(i32::MAX), None);
    }

    #[test]
    fn children_and_theirs_go_with_a_child() {
        let script = "sh -c 'sleep 300 & echo $! $$; wait' & wait";
        let mut child =
            Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let below: Vec<i32> = line.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        kill_tree(&mut child);
        let begin = std::time::Instant::now();
        // They are adopted by another process, and gone when that has waited for them.
        let is_left = |pid: &i32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        while below.iter().any(is_left) {
            assert!(begin.elapsed().as_secs() < 5, "{below:?} are left");
        }
    }
}
