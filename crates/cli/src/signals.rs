//! Signals: the first one cancels the run cleanly, the second ends the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use btrsync::Cancel;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use crate::log::{Priority, is_journal, marked};

/// Whether a signal has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupted(Arc<AtomicBool>);

impl Interrupted {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Throws `cancel` when a signal asks the program to end.
pub(crate) fn watch(cancel: &Cancel) -> io::Result<Interrupted> {
    let interrupted = Interrupted::default();
    let ignored = ignored();
    let wanted = [SIGINT, SIGTERM, SIGHUP, SIGTSTP].into_iter();
    // Whoever started us with nohup, or in the background, does not want to be heeded now.
    let mut signals = Signals::new(wanted.filter(|signal| ignored >> (signal - 1) & 1 == 0))?;
    let (flag, cancel) = (interrupted.clone(), cancel.clone());
    let name = "signals".to_owned();
    std::thread::Builder::new().name(name).spawn(move || {
        for signal in signals.forever() {
            handle(signal, &flag, &cancel);
        }
    })?;
    Ok(interrupted)
}

/// The signals that the process ignores already, a bit each.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn handle(signal: i32, flag: &Interrupted, cancel: &Cancel) {
    if signal == SIGTSTP {
        // A process that is stopped in the middle of a send makes the kernel begin the stream again.
        tell("cannot be suspended while it runs; Ctrl-C ends it, and a rerun goes on");
    } else if flag.0.swap(true, Ordering::SeqCst) {
        // It has cancelled already and somebody does not want to wait.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    } else {
        tell("stopping; once more ends at once");
        cancel.cancel();
    }
}

#[allow(clippy::print_stderr)]
fn tell(text: &str) {
    use std::io::Write;
    // A bar may stand on the line; the journal has none.
    let apart = if is_journal() { "" } else { "\n" };
    let text = marked(Priority::Notice, &format!("{apart}btrsync: {text}\n"));
    let _ = io::stderr().write_all(text.as_bytes());
}
