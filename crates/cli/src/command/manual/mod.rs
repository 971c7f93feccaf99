//! `btrsync manual`: writes man pages and completions, from the definitions of the command line.
//!
//! The hazard is a manual of another version. So the program brings its own, and packages call it.

mod about;
mod article;
mod complete;
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use btrsync::text::escaped;
use clap::Command;
use clap_complete::Shell;

use crate::advice::Failure;
use crate::exit::Exit;

const EXAMPLES: &str = "\
What stands there under these names is replaced.

Examples:
  btrsync manual ~/.local/share
      for one user: man pages, and completions for bash and fish, are found there
  btrsync manual /usr/local/share
      for all users

Exit codes:
  0 done    1 failed    2 wrong usage";

/// Writes the manual pages of btrsync, and completions for bash, zsh and fish.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync manual", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// Where to: a directory like /usr/share; those below it are created
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    into: PathBuf,
}

pub(super) fn main(args: &Args) -> Exit {
    for (path, content) in files() {
        if let Err(failure) = write(&args.into.join(path), &content) {
            return super::fail(&failure);
        }
    }
    Exit::Done
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir).and_then(|()| fs::write(path, content)).map_err(|error| {
        let message = format!("cannot write {}: {error}", escaped(path));
        Failure::new(message, "name a directory that can be written to")
    })
}

/// The title of the page of a command.
fn title(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// All files, by their paths below the directory.
fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let (sync, commands) = (super::sync(), super::definitions());
    let all: Vec<&Command> = [&sync].into_iter().chain(commands.iter().map(|(_, it)| it)).collect();
    let names: Vec<String> = all.iter().map(|command| title(command)).collect();
    let pages = all.iter().map(|command| {
        let path = Path::new("man/man1").join(format!("{}.1", title(command)));
        (path, page::page(command, &names))
    });
    let shells = [
        (Shell::Bash, "bash-completion/completions/btrsync"),
        (Shell::Zsh, "zsh/site-functions/_btrsync"),
        (Shell::Fish, "fish/vendor_completions.d/btrsync.fish"),
    ];
    let scripts = shells
        .map(|(shell, path)| (PathBuf::from(path), complete::script(shell, &sync, &commands)));
    let protocol = (PathBuf::from("man/man7/btrsync-protocol.7"), article::protocol());
    pages.chain([protocol]).chain(scripts).collect()
}
