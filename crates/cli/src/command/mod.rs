//! The commands beside the sync: `send`, `receive` and `inspect`, usable in place of the originals,
//! `verify`, `clean`, `manual`, `serve`, the other end of a connection, `list` and `tree` to see what there is,
//! and `doctor` to see what stands in the way.
//!
//! The first word decides. A SOURCE of such a name is still reached as `./send`, and only the very word
//! counts, so no path and no option is ever taken for a command.

mod clean;
mod doctor;
mod inspect;
mod list;
mod manual;
mod meant;
mod receive;
mod seeing;
mod send;
mod serve;
mod tree;
mod verify;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use btrsync::Cancel;
use btrsync::text::escaped;
use clap::{Command, CommandFactory, Parser};

use crate::advice::Failure;
use crate::args::Args;
use crate::exit::Exit;
use crate::help;
use crate::log::{self, Priority, marked};
use crate::signals::{self, Interrupted};

/// A word in the place of the first SOURCE.
struct Word {
    name: &'static str,
    define: fn() -> Command,
    run: fn(Vec<OsString>) -> Exit,
}

/// One line for each command; everything that lists them goes by this.
const WORDS: &[Word] = &[
    Word { name: "clean", define: clean::Args::command, run: |args| parsed(args, clean::main) },
    Word { name: "doctor", define: doctor::Args::command, run: |args| parsed(args, doctor::main) },
    Word {
        name: "inspect",
        define: inspect::Args::command,
        run: |args| parsed(args, inspect::main),
    },
    Word { name: "list", define: list::Args::command, run: |args| parsed(args, list::main) },
    Word { name: "manual", define: manual::Args::command, run: |args| parsed(args, manual::main) },
    Word {
        name: "receive",
        define: receive::Args::command,
        run: |args| parsed(args, receive::main),
    },
    Word { name: "send", define: send::Args::command, run: |args| parsed(args, send::main) },
    Word { name: "serve", define: serve::Args::command, run: |args| parsed(args, serve::main) },
    Word { name: "tree", define: tree::Args::command, run: |args| parsed(args, tree::main) },
    Word { name: "verify", define: verify::Args::command, run: |args| parsed(args, verify::main) },
];

/// Runs the command that the first argument names; nothing where it names none.
pub(crate) fn run(mut args: impl Iterator<Item = OsString>) -> Option<Exit> {
    let first = args.next()?;
    if let Some(word) = WORDS.iter().find(|word| first == word.name) {
        return Some((word.run)(args.collect()));
    }
    let names: Vec<&str> = WORDS.iter().map(|word| word.name).collect();
    meant::mistyped(&first, &names).map(|failure| fail(&failure))
}

fn parsed<A: Parser>(args: Vec<OsString>, main: fn(&A) -> Exit) -> Exit {
    let command = named(A::command());
    let line = [OsString::from("btrsync")].into_iter().chain(args);
    let parsed = crate::ends::parse(command, line.collect());
    let parsed = parsed.and_then(|found| A::from_arg_matches(&found));
    match parsed {
        Ok(args) => match log::begin() {
            Ok(()) => main(&args),
            Err(failure) => fail(&failure),
        },
        Err(error) => crate::usage(&error),
    }
}

/// The definition of the sync itself.
pub(crate) fn sync() -> Command {
    help::layered(Args::command())
}

/// The definitions of all other commands, each with its word.
fn definitions() -> Vec<(&'static str, Command)> {
    WORDS.iter().map(|word| (word.name, named((word.define)()))).collect()
}

/// Gives a command the name of its page in the manual, and the usage its own.
fn named(command: Command) -> Command {
    let (usage, page) = (command.get_name().to_owned(), command.get_name().replace(' ', "-"));
    help::layered(command.display_name(page).bin_name(usage))
}

/// Tells a failure to people, and returns its exit code.
pub(crate) fn fail(failure: &Failure) -> Exit {
    let mut text = format!("btrsync: {}\n", failure.message);
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("  what next: {hint}\n"));
    }
    tell(&marked(Priority::Error, &text));
    failure.exit
}

/// Writes to standard error. Where even that fails there is nobody to tell.
fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// A name from a stream, for a message.
fn name(bytes: &[u8]) -> impl std::fmt::Display {
    escaped(OsStr::from_bytes(bytes))
}

/// A switch that is thrown when a signal asks the program to end.
fn cancelled_by_signals() -> Result<(Cancel, Interrupted), Failure> {
    let failed =
        |error| Failure::new(format!("cannot start: {error}"), "check the system's limits");
    let cancel = Cancel::new().map_err(failed)?;
    let interrupted = signals::watch(&cancel).map_err(failed)?;
    Ok((cancel, interrupted))
}

#[cfg(test)]
mod tests {
    use super::{WORDS, definitions, sync};
    use crate::help::layout;

    #[test]
    fn the_definitions_are_sound() {
        for (word, command) in definitions() {
            assert_eq!(command.get_name(), format!("btrsync {word}"));
            command.debug_assert();
        }
    }

    #[test]
    fn every_command_has_examples_and_exit_codes() {
        for (_, command) in definitions().into_iter().chain([("", sync())]) {
            let text = command.get_after_long_help().unwrap().to_string();
            assert!(layout::examples(&text).len() > 1, "{}", command.get_name());
            let (codes, _) = layout::codes(&text);
            assert_eq!(codes[0].0, 0, "{}", command.get_name());
            assert_eq!((codes[1].0, codes[2].0), (1, 2), "{}", command.get_name());
        }
    }

    #[test]
    fn the_help_of_the_sync_names_every_command() {
        let text = sync().get_after_long_help().unwrap().to_string();
        WORDS
            .iter()
            .for_each(|word| assert!(text.contains(&format!("\n  btrsync {} ", word.name))));
    }

    #[test]
    fn only_the_very_word_is_a_command() {
        for word in ["./send", "sender/", "-f", "/snapshots/", ""] {
            assert!(super::run([word.into()].into_iter()).is_none(), "{word}");
        }
        assert!(super::run(std::iter::empty()).is_none());
    }
}
