//! What to do where nobody can log in, by what ssh says.

use super::check::{Check, State};
use crate::advice::Failure;

/// Words of ssh, and what to do about them.
const WORDS: [(&str, &str); 8] = [
    (
        "Host key verification failed",
        "log in once by hand ('ssh HOST') and compare the fingerprint that it shows",
    ),
    ("Could not resolve", "check the name of the host, here and in ~/.ssh/config"),
    ("Connection refused", "start sshd there, or name its port: ssh://HOST:PORT/PATH"),
    ("No route to host", "check the address, and whether the machine is on"),
    ("timed out", "check the address, the machine, and the firewalls between"),
    (
        "Permission denied",
        "let a key of yours in there ('ssh-copy-id HOST'), or name one with --ssh-identity",
    ),
    ("a password is required", "let sudo do without a password there: see the handbook on rights"),
    ("not allowed to execute", "allow it in sudoers there: see the handbook on rights"),
];

/// The check of a machine that cannot be reached.
pub(super) fn check(failure: Failure) -> Check {
    let known = WORDS.iter().find(|(words, _)| failure.message.contains(words));
    let todo = known.map(|(_, todo)| (*todo).to_owned()).or(failure.hint);
    Check { name: "login", state: State::Bad, found: failure.message, todo }
}
