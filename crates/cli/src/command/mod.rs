//! The commands beside the sync: `send`, `receive` and `inspect`, usable in place of the originals,
//! `verify`, `clean`, and `serve`, the other end of a connection.
//!
//! The first word decides. A SOURCE of such a name is still reached as `./send`, and only the very word
//! counts, so no path and no option is ever taken for a command.

mod clean;
mod inspect;
mod receive;
mod send;
mod serve;
mod verify;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use btrsync::Cancel;
use btrsync::text::escaped;
use clap::Parser;

use crate::advice::Failure;
use crate::exit::Exit;
use crate::signals::{self, Interrupted};

/// Runs the command that the first argument names; nothing where it names none.
pub(crate) fn run(mut args: impl Iterator<Item = OsString>) -> Option<Exit> {
    let run: fn(Vec<OsString>) -> Exit = match args.next()?.to_str()? {
        "clean" => |args| parsed(args, "btrsync clean", clean::main),
        "inspect" => |args| parsed(args, "btrsync inspect", inspect::main),
        "receive" => |args| parsed(args, "btrsync receive", receive::main),
        "send" => |args| parsed(args, "btrsync send", send::main),
        "serve" => |args| parsed(args, "btrsync serve", serve::main),
        "verify" => |args| parsed(args, "btrsync verify", verify::main),
        _ => return None,
    };
    Some(run(args.collect()))
}

fn parsed<A: Parser>(args: Vec<OsString>, name: &str, main: fn(&A) -> Exit) -> Exit {
    match A::try_parse_from([OsString::from(name)].into_iter().chain(args)) {
        Ok(args) => main(&args),
        Err(error) => crate::usage(&error),
    }
}

/// Tells a failure to people, and returns its exit code.
fn fail(failure: &Failure) -> Exit {
    let mut text = format!("btrsync: {}\n", failure.message);
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("  what next: {hint}\n"));
    }
    tell(&text);
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
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_sound() {
        super::clean::Args::command().debug_assert();
        super::inspect::Args::command().debug_assert();
        super::receive::Args::command().debug_assert();
        super::send::Args::command().debug_assert();
        super::serve::Args::command().debug_assert();
        super::verify::Args::command().debug_assert();
    }

    #[test]
    fn only_the_very_word_is_a_command() {
        for word in ["./send", "sendx", "-f", "/snapshots/", ""] {
            assert!(super::run([word.into()].into_iter()).is_none(), "{word}");
        }
        assert!(super::run(std::iter::empty()).is_none());
    }
}
