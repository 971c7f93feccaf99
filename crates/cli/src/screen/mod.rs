//! What is written to: how wide, and whether it shows colours.

mod table;

pub(crate) use table::{Table, cut, width};

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

/// What is written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    /// How many columns a line may have; any number where that is not known.
    pub(crate) width: Option<usize>,
    colours: bool,
}

/// How something stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Paint {
    #[default]
    Plain,
    Dim,
    Good,
    New,
    Odd,
    Bad,
    Bold,
}

impl Screen {
    /// Standard output, in as many columns as are wanted, or as its terminal has.
    pub(crate) fn stdout(wanted: Option<usize>) -> Self {
        Self::of(&io::stdout(), wanted)
    }

    /// Standard error.
    pub(crate) fn stderr() -> Self {
        Self::of(&io::stderr(), None)
    }

    fn of(to: &(impl IsTerminal + AsFd), wanted: Option<usize>) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let columns = || {
            let size = rustix::termios::tcgetwinsize(to).ok()?;
            Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
        };
        let colours = to.is_terminal() && !dumb && !is_set("NO_COLOR");
        Self { width: wanted.or_else(columns), colours }
    }

    /// A file.
    pub(crate) fn plain(width: Option<usize>) -> Self {
        Self { width, colours: false }
    }

    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        let mut painted = String::new();
        self.paint_to(&mut painted, paint, text);
        painted
    }

    /// Adds a text to a line.
    pub(crate) fn paint_to(&self, line: &mut String, paint: Paint, text: &str) {
        let code = match paint {
            _ if !self.colours || text.is_empty() => return line.push_str(text),
            Paint::Plain => return line.push_str(text),
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Good => "32",
            Paint::New => "36",
            Paint::Odd => "33",
            Paint::Bad => "31",
        };
        ["\x1b[", code, "m", text, "\x1b[0m"].iter().for_each(|part| line.push_str(part));
    }
}
