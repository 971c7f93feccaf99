//! What the manual says that no definition does: files and environment.

/// The other commands, and what each is for.
pub(super) fn commands() -> Vec<(String, String)> {
    let about = |command: &clap::Command| {
        let text = command.get_about().map(ToString::to_string).unwrap_or_default();
        (command.get_bin_name().unwrap_or_default().to_owned(), text)
    };
    super::super::definitions().iter().map(|(_, command)| about(command)).collect()
}

const STAGING: (&str, &str) = (
    ".btrsync-*.partial",
    "A subvolume that is being received, beside the name it will get. What is under a final name is complete.",
);
const CHECKPOINT: (&str, &str) = (
    ".btrsync-*.checkpoint",
    "A read-only snapshot of one, from which a rerun goes on after an interruption.",
);
const STREAM: (&str, &str) =
    (".btrsync-*.stream", "A plain stream file that is being written, which a rerun can continue.");
const DUMP: (&str, &str) = (
    ".btrsync-*.dump",
    "A stream file that is being written through a pipeline, which a rerun removes and makes again.",
);
const DUMPED: (&str, &str) =
    ("*.btrfs_stream", "A stream file that is complete. The option -e appends to the name.");
const SOCKET: (&str, &str) = (
    "/run/user/UID/btrsync-ssh-*, /tmp/btrsync-ssh-*",
    "A private directory with the socket of a connection by ssh; gone when the run ends.",
);

/// The files of a command, by its page.
pub(super) fn files(page: &str) -> &'static [(&'static str, &'static str)] {
    match page {
        "btrsync" => &[STAGING, CHECKPOINT, STREAM, DUMP, DUMPED, SOCKET],
        "btrsync-receive" => &[STAGING, CHECKPOINT],
        "btrsync-clean" => &[STAGING, CHECKPOINT, STREAM, DUMP, SOCKET],
        "btrsync-send" => &[DUMP],
        "btrsync-verify" => &[STAGING, SOCKET],
        "btrsync-list" | "btrsync-tree" => &[SOCKET],
        "btrsync-manual" => &[
            ("DIR/man/man1, DIR/man/man7", "Manual pages."),
            ("DIR/bash-completion/completions/btrsync", "Completions for bash."),
            ("DIR/zsh/site-functions/_btrsync", "Completions for zsh."),
            ("DIR/fish/vendor_completions.d/btrsync.fish", "Completions for fish."),
        ],
        _ => &[],
    }
}

/// What of the environment counts, for all commands.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "PATH",
        "Where ssh, sudo, btrfs and the programs of a pipeline are found. These see the whole environment, as \
         ssh does SSH_AUTH_SOCK; btrsync itself is told what to do by its arguments alone.",
    ),
    (
        "BTRSYNC_LOG",
        "What is logged to standard error: a level (error, warn, info, debug, trace) or TARGET=LEVEL, several apart by \
         commas, as in btrsync::receive=debug. The option --log-level goes before.",
    ),
    (
        "JOURNAL_STREAM",
        "Set by systemd. Where it says that standard error is the journal, each line there begins with its priority, as \
         in sd-daemon(3).",
    ),
    (
        "SOURCE_DATE_EPOCH",
        "Seconds since 1970 by which btrsync list and btrsync tree tell ages, in place of the time of day.",
    ),
    ("NO_COLOR, TERM", "There are no colours where NO_COLOR is set to anything, or TERM is dumb."),
];
