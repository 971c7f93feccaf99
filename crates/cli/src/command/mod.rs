//! The commands beside the sync: so far `inspect`.
//!
//! The first word decides. A SOURCE of such a name is still reached as `./inspect`, and only the very word
//! counts, so no path and no option is ever taken for a command.

mod inspect;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Parser;

use crate::advice::Failure;
use crate::exit::Exit;

/// Runs the command that the first argument names; nothing where it names none.
pub(crate) fn run(mut args: impl Iterator<Item = OsString>) -> Option<Exit> {
    let run: fn(Vec<OsString>) -> Exit = match args.next()?.to_str()? {
        "inspect" => |args| parsed(args, "btrsync inspect", inspect::main),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_sound() {
        super::inspect::Args::command().debug_assert();
    }

    #[test]
    fn only_the_very_word_is_a_command() {
        for word in ["./inspect", "inspector", "-f", "/snapshots/", ""] {
            assert!(super::run([word.into()].into_iter()).is_none(), "{word}");
        }
        assert!(super::run(std::iter::empty()).is_none());
    }
}
