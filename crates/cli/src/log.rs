//! What is told on standard error besides the report: the log of the library, where that is wanted; and all of
//! it in the form of the system's journal, where systemd reads it.
//!
//! The hazard is a journal in which everything is equally important, and everything twice stamped. So where
//! standard error *is* the journal, lines carry a priority as of sd-daemon(3), and neither time nor colour.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::linux::fs::MetadataExt;
use std::sync::OnceLock;
use std::time::Instant;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::advice::Failure;

/// The variable that has a filter.
pub(crate) const VARIABLE: &str = "BTRSYNC_LOG";

/// How important a line is, as of sd-daemon(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

/// Puts the priority before every line, where standard error is the journal.
pub(crate) fn marked(priority: Priority, text: &str) -> String {
    if is_journal() { with(priority, text) } else { text.to_owned() }
}

fn with(priority: Priority, text: &str) -> String {
    let mark = format!("<{}>", priority as u8);
    text.split_inclusive('\n').map(|line| format!("{mark}{line}")).collect()
}

/// Whether systemd has made standard error, and reads it as a journal. The variable alone says little: it
/// is handed on to children whose output goes elsewhere.
pub(crate) fn is_journal() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let stream = std::env::var("JOURNAL_STREAM").ok();
        stream.is_some_and(|stream| Some(stream) == identity(io::stderr()))
    })
}

/// Device and inode of what is open, in the words of the variable.
fn identity(fd: impl AsFd) -> Option<String> {
    let file = std::fs::File::from(fd.as_fd().try_clone_to_owned().ok()?);
    let metadata = file.metadata().ok()?;
    Some(format!("{}:{}", metadata.st_dev(), metadata.st_ino()))
}

/// A filter: a level, or levels for targets, apart by commas.
pub(crate) fn filter(text: &str) -> Result<Targets, String> {
    // Words that are no level would be taken for targets of which everything is told.
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let wrong = text.split(',').find(|part| match part.split_once('=') {
        Some((_, level)) => !is_level(level.trim()),
        None => !is_level(part.trim()) && !part.trim().starts_with("btrsync"),
    });
    match wrong {
        Some(part) => Err(format!(
            "'{}' is neither a level (error, warn, info, debug, trace, off) nor TARGET=LEVEL, as in btrsync::receive=debug",
            part.trim()
        )),
        None => text.replace(' ', "").parse().map_err(|error| format!("{error}")),
    }
}

/// Logs as an option wants it, or else the environment.
pub(crate) fn begin_with(filter: Option<&Targets>) -> Result<(), Failure> {
    match filter {
        Some(filter) => {
            start(filter.clone());
            Ok(())
        }
        None => begin(),
    }
}

/// Whether anything is logged.
pub(crate) fn is_on() -> bool {
    LevelFilter::current() != LevelFilter::OFF
}

/// Logs as the environment wants it.
pub(crate) fn begin() -> Result<(), Failure> {
    let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    let text = text.to_string_lossy();
    let wrong =
        |error| Failure::usage(format!("{VARIABLE}: {error}")).hint("correct it or unset it");
    start(filter(&text).map_err(wrong)?);
    Ok(())
}

/// Logs what passes a filter. There is one log in a process.
fn start(filter: Targets) {
    let layer = tracing_subscriber::fmt::layer()
        .event_format(Line { begin: Instant::now() })
        .with_ansi(false);
    let layer = layer.with_writer(io::stderr);
    let _ = tracing_subscriber::registry().with(layer).with(filter).try_init();
}

/// The form of a line: priority or seconds since the start, level, transfer, target, what happened.
struct Line {
    begin: Instant,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        if is_journal() {
            write!(to, "<{}>", priority(level) as u8)?;
        } else {
            write!(to, "{:>8.3} {level:>5} ", self.begin.elapsed().as_secs_f64())?;
        }
        write!(to, "{}: ", event.metadata().target())?;
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let fields = span.extensions();
            let fields = fields.get::<FormattedFields<N>>().map(ToString::to_string);
            write!(to, "{}{{{}}}: ", span.name(), fields.unwrap_or_default())?;
        }
        context.field_format().format_fields(to.by_ref(), event)?;
        writeln!(to)
    }
}

fn priority(level: Level) -> Priority {
    match level {
        Level::ERROR => Priority::Error,
        Level::WARN => Priority::Warning,
        Level::INFO => Priority::Info,
        _ => Priority::Debug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_priority() {
        assert_eq!(with(Priority::Error, "a\nb"), "<3>a\n<3>b");
        assert_eq!(with(Priority::Notice, "a\n"), "<5>a\n");
        assert_eq!(with(Priority::Debug, ""), "");
    }

    #[test]
    fn a_filter_is_a_level_or_levels_of_targets() {
        for good in ["debug", "btrsync::receive=trace", "info, btrsync::agent=off", "btrsync"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["", "loud", "btrsync=loud", "debug,,info"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
