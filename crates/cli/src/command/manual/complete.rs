//! Completions, from the definitions.

use clap::Command;
use clap_complete::{Shell, generate};

/// Added to that of bash: a word with a colon is left to what completes scp, where that is installed.
const REMOTE: &str = r#"
# HOST:PATH is completed as for scp. The colon is a word of its own.
_btrsync_or_scp() {
    local words="${COMP_WORDS[*]:COMP_CWORD-1:2}" scp
    if [[ $words == *:* && $words != -* ]]; then
        if ! complete -p scp &>/dev/null; then
            declare -F _comp_load &>/dev/null && _comp_load scp
            declare -F _completion_loader &>/dev/null && _completion_loader scp
        fi
        scp=$(complete -p scp 2>/dev/null) || return 0
        [[ $scp =~ \ -F\ ([^ ]+) ]] && "${BASH_REMATCH[1]}" scp "$2" "$3"
        return 0
    fi
    _btrsync "$@"
}
complete -F _btrsync_or_scp -o bashdefault -o default btrsync
"#;

/// Makes the completions of a shell for the sync and the commands beside it.
pub(super) fn script(
    shell: Shell,
    sync: &Command,
    commands: &[(&'static str, Command)],
) -> Vec<u8> {
    let commands = commands.iter().map(|(word, command)| command.clone().name(*word));
    let mut all = sync.clone().subcommands(commands).disable_help_subcommand(true);
    let mut script = Vec::new();
    generate(shell, &mut all, "btrsync", &mut script);
    if shell == Shell::Bash {
        script.extend(REMOTE.bytes());
    }
    script
}
