//! Which command a mistyped word was meant to be.
//!
//! The first word is a SOURCE unless it names a command, and `recieve` would be told not to exist, with
//! advice about mounts. It may also be a SOURCE: so what is there is never questioned.

use std::ffi::OsStr;
use std::path::Path;

use crate::advice::Failure;

/// Returns what is wrong with a first word that can be no SOURCE and is nearly a command.
pub(super) fn mistyped(word: &OsStr, commands: &[&'static str]) -> Option<Failure> {
    let text = word.to_str()?;
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !bare || Path::new(word).symlink_metadata().is_ok() {
        return None;
    }
    let meant = nearest(text, commands)?;
    let message = format!("'{text}' is no command, and nothing here has that name");
    let hint = format!("did you mean 'btrsync {meant}'? A SOURCE of that name is written ./{text}");
    Some(Failure::usage(message).hint(hint))
}

fn nearest(text: &str, commands: &[&'static str]) -> Option<&'static str> {
    if text.eq_ignore_ascii_case("help") {
        return Some("--help");
    }
    let text = text.to_ascii_lowercase();
    let far = |name: &str| strsim::damerau_levenshtein(&text, name);
    let (distance, name) = commands.iter().map(|name| (far(name), *name)).min()?;
    // Of four letters, two wrong ones leave nothing of the word.
    (distance <= 1 || distance == 2 && name.len() > 4).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMANDS: &[&str] = &["clean", "inspect", "receive", "send", "verify"];

    #[test]
    fn letters_that_trade_places_are_missing_or_too_many_are_seen_through() {
        let words = [("recieve", "receive"), ("snd", "send"), ("verfiy", "verify")];
        let more = [("inspekt", "inspect"), ("cleann", "clean"), ("Send", "send")];
        for (word, meant) in words.into_iter().chain(more) {
            assert_eq!(nearest(word, COMMANDS), Some(meant), "{word}");
        }
        assert_eq!(nearest("help", COMMANDS), Some("--help"));
    }

    #[test]
    fn other_words_are_sources() {
        for word in ["home", "root", "snapshots", "sand2", "data", "bend2"] {
            assert_eq!(nearest(word, COMMANDS), None, "{word}");
        }
        for word in ["./recieve", "recieve/", "host:recieve", "reciev*", "-recieve", ""] {
            assert_eq!(mistyped(word.as_ref(), COMMANDS), None, "{word}");
        }
    }

    #[test]
    fn the_word_and_the_way_out_are_told() {
        let failure = mistyped("recieve".as_ref(), COMMANDS).unwrap();
        assert!(failure.message.contains("'recieve' is no command"), "{failure:?}");
        let hint = failure.hint.unwrap();
        assert!(hint.contains("did you mean 'btrsync receive'?") && hint.contains("./recieve"));
    }
}
