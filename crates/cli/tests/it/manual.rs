//! The man pages and completions that the program writes, held against what its help says and against
//! the programs that read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use btrsync_testutil::command::{output, program};
use btrsync_testutil::require_tool;
use tempfile::TempDir;

use crate::support::run;

const COMMANDS: &[&str] = &[
    "", "clean", "doctor", "inspect", "list", "manual", "receive", "send", "serve", "tree",
    "verify",
];

struct Manual(TempDir);

impl Manual {
    fn write() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ended = run([Path::new("manual"), dir.path()]).exits(0);
        assert!(ended.out.is_empty() && ended.err.is_empty(), "{ended:?}");
        Self(dir)
    }

    fn page(&self, command: &str) -> PathBuf {
        let name = format!("man/man1/btrsync-{command}").trim_end_matches('-').to_owned();
        self.0.path().join(name + ".1")
    }

    fn protocol(&self) -> PathBuf {
        self.0.path().join("man/man7/btrsync-protocol.7")
    }

    /// What a user's bash offers for the last of `words`.
    fn offered(&self, words: &[&str]) -> Vec<String> {
        let script = self.0.path().join("bash-completion/completions/btrsync");
        // As bash calls it: the program, the word at hand, the one before.
        let call = r#"source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _fake_scp() { COMPREPLY=("scp:$2"); }
            complete -F _fake_scp scp
            entry=$(complete -p btrsync); entry=${entry#*-F }
            ${entry%% *} btrsync "${!#}" "${@: -2:1}"; printf '%s\n' "${COMPREPLY[@]}""#;
        let mut bash = program("bash");
        bash.args(["--norc", "-uc", call]).arg(script).args(words);
        let printed = output(&mut bash).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        printed.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

/// The options at the beginning of the lines of a help.
fn options(command: &str) -> BTreeSet<String> {
    let words = [command, "--help"].into_iter().filter(|word| !word.is_empty());
    let help = run(words).exits(0).out;
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split_whitespace().take(2));
    let bare =
        words.map(|word| word.trim_end_matches([',', '.', ']']).split(['[', '=']).next().unwrap());
    bare.filter(|word| word.starts_with('-') && word.len() > 1).map(str::to_owned).collect()
}

#[test]
fn every_option_is_in_the_page_of_its_command() {
    let manual = Manual::write();
    for command in COMMANDS {
        let page = fs::read_to_string(manual.page(command)).unwrap().replace('\\', "");
        let all = options(command);
        assert!(all.contains("--help") && all.len() > 1 || *command == "manual", "{all:?}");
        for option in all {
            let shown = [format!("fB{option}fR"), format!("fB{option} ")];
            assert!(shown.iter().any(|form| page.contains(form)), "{option} of {command}: {page}");
        }
        for title in
            ["NAME", "SYNOPSIS", "EXAMPLES", "ENVIRONMENT", "\"SEE ALSO\"", "\"EXIT STATUS\""]
        {
            assert!(page.contains(&format!(".SH {title}\n")), "{title} of {command}");
        }
    }
    let page = fs::read_to_string(manual.page("")).unwrap();
    for suffix in ["partial", "checkpoint", "stream", "dump"] {
        assert!(page.contains(&format!(".btrsync\\-*.{suffix}")), "{suffix}");
    }
    let pages = fs::read_dir(manual.0.path().join("man/man1")).unwrap().count();
    assert_eq!(pages, COMMANDS.len());
}

#[test]
fn the_pages_are_without_a_warning() {
    require_tool!("groff");
    let manual = Manual::write();
    for page in COMMANDS.iter().map(|command| manual.page(command)).chain([manual.protocol()]) {
        let mut groff = program("groff");
        groff.args(["-man", "-Tutf8", "-Kutf8", "-ww", "-z"]).arg(&page);
        let ended = groff.output().unwrap();
        assert!(ended.status.success() && ended.stderr.is_empty(), "{page:?}: {ended:?}");
    }
}

#[test]
fn the_page_of_the_protocol_says_what_the_handbook_says() {
    require_tool!("groff");
    let manual = Manual::write();
    let mut groff = program("groff");
    groff.args(["-man", "-Tascii", "-P-cbou", "-rLL=1000n"]).arg(manual.protocol());
    let shown = String::from_utf8(output(&mut groff).unwrap()).unwrap();
    let plain = |text: &str| {
        let marks = |c: char| c.is_ascii_punctuation() && !"/#_".contains(c);
        let words = text.replace(marks, " ").to_lowercase();
        words.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    let text = fs::read_to_string(docs).unwrap();
    // The titles of tables are not told: what stands below says it.
    let lines: Vec<&str> = text.lines().collect();
    let titles = lines.windows(2).filter(|two| two[1].starts_with("|--")).map(|two| two[0]);
    let titles = plain(&titles.collect::<Vec<_>>().join(" "));
    let shown = plain(&shown);
    let missing: Vec<String> = plain(&text)
        .into_iter()
        .filter(|word| !titles.contains(word))
        .filter(|word| word.is_ascii() && !word.contains(['#', '/']) && !shown.contains(word))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn bash_completes_options_commands_and_their_options() {
    let manual = Manual::write();
    assert_eq!(manual.offered(&["btrsync", "--excl"]), ["--exclude"]);
    assert_eq!(manual.offered(&["btrsync", "rec"]), ["receive"]);
    assert_eq!(manual.offered(&["btrsync", "receive", "--term"]), ["--terminate-on-end"]);
    assert_eq!(manual.offered(&["btrsync", "-n", "--scope", "is"]), ["isolated"]);
    for command in COMMANDS {
        let words = [&["btrsync"], &[*command][usize::from(command.is_empty())..], &["-"]].concat();
        let offered: BTreeSet<String> = manual.offered(&words).into_iter().collect();
        let missing: Vec<_> = options(command).difference(&offered).cloned().collect();
        assert!(missing.is_empty(), "{command}: {missing:?}");
    }
}

#[test]
fn bash_leaves_paths_to_files_and_other_machines_to_scp() {
    let manual = Manual::write();
    assert_eq!(manual.offered(&["btrsync", "-y", "/etc/pass"]), [""; 0]);
    assert_eq!(manual.offered(&["btrsync", "-y", "nas", ":", "/srv"]), ["scp:/srv"]);
    assert_eq!(manual.offered(&["btrsync", "-y", "nas", ":"]), ["scp::"]);
}

#[test]
fn zsh_and_fish_can_read_theirs_where_they_are_installed() {
    let manual = Manual::write();
    for (shell, path) in
        [("zsh", "zsh/site-functions/_btrsync"), ("fish", "fish/vendor_completions.d/btrsync.fish")]
    {
        let script = manual.0.path().join(path);
        let text = fs::read_to_string(&script).unwrap();
        assert!(text.contains("terminate-on-end") && text.contains("verify"), "{shell}");
        if btrsync_testutil::require::find_tool(shell).is_some() {
            output(program(shell).arg("-n").arg(&script)).unwrap();
        }
    }
}

#[test]
fn a_place_that_cannot_be_written_to_is_a_failure() {
    run(["manual", "/proc/none"]).exits(1).complains(&["/proc/none/man", "what next"]);
}
