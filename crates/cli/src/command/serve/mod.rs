//! `btrsync serve`: does for a btrsync at the other end of a pipe what that asks for.
//!
//! Standard output belongs to the other side alone, so nothing else may be written there. As the forced
//! command of a key it stands between whoever has that key and the whole machine: everything that is not
//! allowed is refused, and noted in the log of the system.

mod asked;
mod hang_up;
mod log;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;

use btrsync::agent::{AgentError, Allow, Fence, Refusals, ServeOptions, serve};
use btrsync::text::escaped;

use self::asked::{Asked, asked};
use self::log::Log;
use crate::advice::Failure;
use crate::exit::Exit;

const EXAMPLES: &str = "\
A btrsync on another machine starts this over ssh, or one on this machine with sudo, and talks to it
on standard input and output. It ends with its input.

With --root it is for a key that can do only that. In ~/.ssh/authorized_keys of root, in one line:
  command=\"btrsync serve --root /srv/backup/laptop --allow receive\",restrict ssh-ed25519 AAAA… laptop
Whoever has that key can receive new snapshots there, and see their names: neither read what is in them, nor
delete or overwrite them, nor see anything else of this machine.

Examples:
  btrsync serve
      what another btrsync starts: all that its user may do here
  btrsync serve --root /srv/backup/laptop --allow receive
      as the command of a key: receive below this directory, and nothing else

Exit codes:
  0 the input has ended    1 failed    2 wrong usage";

/// Does for a btrsync at the other end of a pipe what that asks for.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync serve", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// Do nothing outside of DIR, and for nobody but a btrsync
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// What may be done below DIR: list, receive, send, delete; each of the others includes list
    #[arg(
        long,
        value_name = "WORDS",
        requires = "root",
        value_delimiter = ',',
        default_value = "list,receive,send",
        hide_default_value = true
    )]
    allow: Vec<Word>,

    /// The socket of the system's log, which is told what was refused
    #[arg(long, value_name = "SOCKET", requires = "root", default_value = "/dev/log")]
    log: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Word {
    List,
    Receive,
    Send,
    Delete,
}

pub(super) fn main(args: &Args) -> Exit {
    match run(args) {
        Ok(()) => Exit::Done,
        Err(failure) => super::fail(&failure),
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let failed =
        |error| Failure::new(format!("cannot start: {error}"), "check the system's limits");
    let fence = args.root.as_ref().map(|root| fence(args, root)).transpose()?;
    let (input, output) = (std::io::stdin(), std::io::stdout());
    if input.is_terminal() || output.is_terminal() {
        let failure = Failure::usage("serve talks to another btrsync, not to a terminal");
        return Err(failure.hint("give HOST:PATH to btrsync; it starts this there by itself"));
    }
    let (cancel, _) = super::cancelled_by_signals()?;
    let base = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let input = input.as_fd().try_clone_to_owned().map_err(failed)?;
    let output = output.as_fd().try_clone_to_owned().map_err(failed)?;
    let is_fenced = fence.is_some();
    let served = serve(input, output, ServeOptions { base, fence }, &cancel);
    if let (Err(error), true) = (&served, is_fenced) {
        Log::new(&args.log).refused(&error.to_string());
    }
    if let Err(AgentError::Silent { .. }) = served {
        hang_up::hang_up();
    }
    served.map_err(Failure::from)
}

/// Makes the fence, and refuses whatever was asked of sshd but a btrsync.
fn fence(args: &Args, root: &PathBuf) -> Result<Fence, Failure> {
    let log = Arc::new(Log::new(&args.log));
    let variable = |name| std::env::var_os(name);
    match asked(variable("SSH_ORIGINAL_COMMAND"), variable("SSH_CONNECTION").is_some()) {
        Asked::Btrsync => {}
        Asked::Other(command) => return Err(refused(&log, &command)),
    }
    let may = |word| args.allow.contains(&word);
    let allow = Allow {
        list: may(Word::List),
        receive: may(Word::Receive),
        send: may(Word::Send),
        delete: may(Word::Delete),
    };
    Fence::new(root, allow, log).map_err(|error| {
        let message = format!("cannot open {}: {error}", escaped(root));
        Failure::new(message, "check --root in authorized_keys, and that its filesystem is mounted")
    })
}

fn refused(log: &Log, command: &OsString) -> Failure {
    let what = match command.is_empty() {
        true => "a shell".to_owned(),
        false => format!("the command {}", escaped(command)),
    };
    log.refused(&what);
    Failure::new(format!("not allowed: {what}"), "this key is for btrsync alone")
}
