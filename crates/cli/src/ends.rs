//! `SOURCE... DESTINATION`, with options before, between and behind them.
//!
//! The hazard is the parser's: of two arguments of which the first takes many words, it gives the second
//! the word before an option, and then `SOURCE -y DESTINATION` has one too many. So help and manual show
//! two arguments, but what is parsed is one list, and its last word is the destination.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches, ValueHint};

const SOURCES: &str = "sources";
const DESTINATION: &str = "destination";

/// No word of a command line has a NUL in it, so nobody can name this option.
const NOBODY: &str = "\0";

// No doc comment: clap would take it for the description of the command.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) sources: Vec<OsString>,
    pub(crate) destination: OsString,
}

impl clap::Args for Ends {
    fn augment_args(command: Command) -> Command {
        let end = |id: &'static str, name: &'static str, help: &'static str| {
            let arg = Arg::new(id).value_name(name).help(help).required(true);
            arg.value_parser(clap::value_parser!(OsString)).value_hint(ValueHint::AnyPath)
        };
        let sources = "What to send: a directory, a pattern, a subvolume, or a stream file";
        let destination = "Where to: a directory on a btrfs filesystem, here or as HOST:PATH";
        command
            .arg(end(SOURCES, "SOURCE", sources).num_args(1..).action(ArgAction::Append))
            .arg(end(DESTINATION, "DESTINATION", destination))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Ends {
    fn from_arg_matches(found: &ArgMatches) -> Result<Self, Error> {
        let mut sources: Vec<OsString> = words(found).cloned().collect();
        let destination = sources.pop().unwrap_or_default();
        Ok(Self { sources, destination })
    }

    fn update_from_arg_matches(&mut self, found: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(found)?;
        Ok(())
    }
}

fn words(found: &ArgMatches) -> impl ExactSizeIterator<Item = &OsString> {
    found.get_many(SOURCES).unwrap_or_default()
}

/// Parses a command line by a definition that has both ends, or neither.
pub(crate) fn parse(definition: Command, line: Vec<OsString>) -> Result<ArgMatches, Error> {
    let has_both = definition.get_arguments().any(|arg| arg.get_id() == SOURCES);
    if !has_both {
        return definition.try_get_matches_from(line);
    }
    match one_list(definition.clone()).try_get_matches_from(&line) {
        Ok(found) => complete(definition, found),
        Err(error) if error.use_stderr() => Err(error),
        // Help shows both.
        Err(_) => definition.try_get_matches_from(line),
    }
}

fn one_list(definition: Command) -> Command {
    let usage = definition.clone().render_usage().to_string();
    definition
        .override_usage(usage.trim_start_matches("Usage:").trim().to_owned())
        .mut_arg(SOURCES, |arg| arg.required(false))
        .mut_arg(DESTINATION, |arg| arg.required(false).long(NOBODY))
}

fn complete(mut definition: Command, found: ArgMatches) -> Result<ArgMatches, Error> {
    let count = words(&found).len();
    let missing = match count {
        0 => "<SOURCE>...\n  <DESTINATION>",
        1 => "<DESTINATION>",
        _ => return Ok(found),
    };
    let text = format!("the following required arguments were not provided:\n  {missing}");
    Err(definition.error(ErrorKind::MissingRequiredArgument, text))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "x")]
    struct Line {
        #[command(flatten)]
        ends: Ends,

        #[arg(short)]
        yes: bool,

        #[arg(short = 'x')]
        exclude: Vec<String>,

        #[arg(long, requires = "yes")]
        strict: bool,
    }

    fn parsed(line: &str) -> Result<Line, Error> {
        let line = ["x"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect();
        parse(Line::command(), line).and_then(|found| Line::from_arg_matches(&found))
    }

    #[test]
    fn options_stand_anywhere() {
        for line in ["-y a b c", "a -y b c", "a b -y c", "a b c -y", "a -y b -- c", "-y -- a b c"] {
            let Line { ends, yes, .. } = parsed(line).unwrap();
            assert_eq!((ends.sources, yes), (vec!["a".into(), "b".into()], true), "{line}");
            assert_eq!(ends.destination, "c", "{line}");
        }
        let Line { ends, exclude, .. } = parsed("a -x 1 -x 2 -- -b").unwrap();
        assert_eq!((exclude.len(), ends.sources.len(), ends.destination), (2, 1, "-b".into()));
    }

    #[test]
    fn mistakes_are_told_as_by_the_definition() {
        let said = |line| parsed(line).unwrap_err().to_string();
        for (line, mistake) in [
            ("", "not provided:\n  <SOURCE>...\n  <DESTINATION>\n"),
            ("a -y", "not provided:\n  <DESTINATION>\n"),
            ("a -y b --none", "'--none'"),
            ("a b --destination c", "'--destination'"),
            ("a --strict b", "not provided:\n  -y\n"),
        ] {
            let said = said(line);
            assert!(said.contains(mistake), "{line}: {said}");
            assert!(said.contains("Usage: x [OPTIONS] <SOURCE>... <DESTINATION>\n"), "{said}");
        }
        assert!(said("--help").contains("<DESTINATION>  Where to"));
    }
}
