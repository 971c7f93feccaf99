//! Login shells of every kind, and what they print.
//!
//! The hazard is a command line that only one shell reads as it is meant, and an answer that begins with
//! a greeting.

use std::os::unix::fs::PermissionsExt;

use btrsync_testutil::machine::{Builder, Machine};
use btrsync_testutil::require::find_tool;
use btrsync_testutil::require_machines;

use crate::sides::{BOTH, Sides, Way};
use crate::support::Pair;

#[track_caller]
fn works_with(far: &Builder, prepare: impl Fn(&Machine)) {
    for way in BOTH {
        let sides = Sides::with(way, Pair::with_snapshots(&["a b", "it's"]), far.clone());
        prepare(sides.far());
        sides.sync(&["-y"]).exits(0);
        sides.is_complete();
    }
}

/// Those that are there, and at least two.
#[test]
fn login_shells() {
    require_machines!();
    let shells = ["bash", "dash", "zsh", "fish", "tcsh", "mksh", "busybox"];
    let found: Vec<_> = shells.iter().filter_map(|shell| find_tool(shell)).collect();
    assert!(found.len() >= 2, "{found:?}");
    for shell in found.iter().filter(|shell| !shell.ends_with("busybox")) {
        works_with(&Machine::builder().shell(shell), |_| ());
    }
}

/// A shell that is not of the family at all: it knows words, single quotes and `exec`.
const STRANGE: &str = r#"#!/usr/bin/env python3
import os, shlex, sys
assert sys.argv[1] == "-c", sys.argv
words = shlex.split(sys.argv[2])
assert words[0] == "exec", words
os.execvp(words[1], words[1:])
"#;

#[test]
fn a_shell_that_knows_only_words_and_single_quotes() {
    require_machines!();
    btrsync_testutil::require_tool!("python3");
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let shell = dir.path().join("strange");
    std::fs::write(&shell, STRANGE).unwrap();
    std::fs::set_permissions(&shell, PermissionsExt::from_mode(0o755)).unwrap();
    works_with(&Machine::builder().shell(shell), |_| ());
}

#[test]
fn what_a_login_prints_is_no_answer() {
    require_machines!();
    let bash = find_tool("bash").expect("bash is installed");
    let noise = "echo Welcome to far; printf '\\n\\0\\n ready\\n'; echo oops >&2\n";
    works_with(&Machine::builder().shell(bash), |far| {
        let rc = far.home("root").join(".bashrc");
        std::fs::write(rc, noise.as_bytes()).unwrap();
    });
}

#[test]
fn a_banner_of_sshd_is_no_answer() {
    require_machines!();
    let banner = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(banner.path(), "Unauthorised use is prohibited.\n").unwrap();
    let line = format!("Banner {}", banner.path().display());
    works_with(&Machine::builder().sshd_line(&line), |_| ());
}

/// Settings that make sense for a person's own logins, and would break ours.
#[test]
fn the_users_configuration_of_ssh_does_not_get_in_the_way() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_snapshots(&["1"]));
        let config = sides.near().home("root").join(".ssh/config");
        let ours = std::fs::read_to_string(&config).unwrap();
        let theirs = "Host far\n  RemoteCommand tmux attach\n  RequestTTY force\n  \
            ControlMaster auto\n  ControlPath ~/.ssh/master-%C\n  ControlPersist 10m\n  \
            LocalForward 4711 localhost:22\n  PermitLocalCommand yes\n  LocalCommand echo hello\n  \
            ForwardAgent yes\n  Compression yes\n  SendEnv *\n  StdinNull yes\n";
        std::fs::write(&config, format!("{theirs}{ours}")).unwrap();
        sides.sync(&["-y"]).exits(0);
        sides.is_complete();
    }
}

#[test]
fn output_of_a_noisy_shell_does_not_reach_ours() {
    require_machines!();
    let sides = Sides::new(Way::Pull, Pair::with_snapshots(&["1"]));
    let ended = sides.sync(&["-y"]).exits(0);
    assert_eq!(ended.err, "", "{ended:#?}");
}
