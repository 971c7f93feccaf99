//! What help says: a little with `-h`, all with `--help`, and all once more in the manual.
//!
//! The hazard is texts that say the same and part ways. So each command has one, what its definition has
//! as `after_help`, and the others are made from it, by its form ([`layout`]).

pub(crate) mod layout;

use clap::Command;

/// Examples that `-h` shows.
const FEW: usize = 3;

/// Takes a definition whose `after_help` says all, and lets `-h` say what is asked most.
pub(crate) fn layered(command: Command) -> Command {
    let all = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let page = command.get_display_name().unwrap_or_else(|| command.get_name());
    let mut few = String::from("Examples:\n");
    for (line, text) in layout::examples(&all).iter().take(FEW) {
        few.push_str(&format!("  {line}\n      {text}\n"));
    }
    few.push_str(&format!("\n--help says more, as does 'man {page}'.\n"));
    command.after_help(few).after_long_help(all + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_help_has_a_few_examples_and_the_long_one_all() {
        let text = "Examples:\n  a\n      one\n  b\n      two\n  c\n      three\n  d\n      four";
        let command = layered(Command::new("x").after_help(text));
        let short = command.get_after_help().unwrap().to_string();
        assert!(short.contains("  c\n      three\n") && !short.contains("four"), "{short}");
        assert!(short.ends_with("'man x'.\n"), "{short}");
        assert_eq!(command.get_after_long_help().unwrap().to_string().trim_end(), text);
    }
}
