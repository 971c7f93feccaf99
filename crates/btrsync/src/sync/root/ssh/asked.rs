//! What ssh says of itself before it logs in: what its options are called, and which ciphers it would offer.
//!
//! By itself OpenSSH prefers ChaCha20, which suits processors that cannot do AES; one that can spends a third
//! less time on AES-GCM, and that is what most of a transfer over ssh consists of. So where nobody has
//! said which ciphers to use, the same ones are offered in another order. The hazard is to overrule the
//! user, or to offer what was left out on purpose: what is configured anywhere stands as it is.

use std::process::{Child, Command, Stdio};

use super::SshOptions;

/// The answers of ssh about one host.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What it would do for the host.
    configured: String,
    /// What it would do for any host without a configuration.
    default: String,
}

impl Asked {
    /// Asks; where ssh cannot answer, nothing is known, and the login will tell why.
    pub(super) fn about(options: &SshOptions) -> Self {
        let ask = |options: &SshOptions| {
            let mut ssh = Command::new("ssh");
            ssh.args(["-T", "-G"]);
            options.arguments(&mut ssh);
            ssh.arg("--").arg(&options.host);
            ssh.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()
        };
        let bare = SshOptions {
            host: options.host.clone(),
            config_file: Some("/dev/null".into()),
            ..SshOptions::default()
        };
        // Both at a time.
        let [configured, default] = [options, &bare].map(ask).map(answer_later);
        Self { configured: configured(), default: default() }
    }

    /// Whether this ssh is of version 8.7 or later.
    pub(super) fn is_8_7(&self) -> bool {
        value(&self.configured, "sessiontype").is_some()
    }

    /// The ciphers to offer in place of those that ssh would offer by itself.
    pub(super) fn ciphers(&self) -> Option<String> {
        let [configured, default] =
            [&self.configured, &self.default].map(|answer| value(answer, "ciphers"));
        match has_aes() && configured == default {
            true => gcm_first(default?),
            false => None,
        }
    }
}

fn answer_later(ssh: Option<Child>) -> impl FnOnce() -> String {
    move || {
        let output = ssh.and_then(|ssh| ssh.wait_with_output().ok());
        let output = output.filter(|output| output.status.success());
        output
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default()
    }
}

/// Finds an option in what `ssh -G` prints: a line each.
fn value<'a>(answer: &'a str, option: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(option)?.strip_prefix(' '))
}

/// Puts AES-GCM before the others; `None` where that changes nothing.
fn gcm_first(ciphers: &str) -> Option<String> {
    let (first, rest): (Vec<_>, Vec<_>) =
        ciphers.split(',').partition(|cipher| cipher.ends_with("-gcm@openssh.com"));
    let ordered = [first, rest].concat().join(",");
    (ordered != ciphers).then_some(ordered)
}

/// Whether the processor has instructions for AES and for the multiplication that GCM needs.
fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    return is_x86_feature_detected!("aes") && is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("pmull");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = "chacha20-poly1305@openssh.com,aes128-ctr,aes128-gcm@openssh.com";

    fn asked(configured: &str, default: &str) -> Asked {
        let answer = |ciphers: &str| format!("user root\nciphers {ciphers}\nsessiontype default\n");
        Asked { configured: answer(configured), default: answer(default) }
    }

    #[test]
    fn gcm_comes_first_and_no_cipher_is_added_or_lost() {
        let ordered = "aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr";
        assert_eq!(gcm_first(DEFAULT).as_deref(), Some(ordered));
        assert_eq!(gcm_first(ordered), None);
        assert_eq!(gcm_first("aes128-ctr"), None);
    }

    #[test]
    fn what_is_configured_stands() {
        assert_eq!(asked("aes256-ctr", DEFAULT).ciphers(), None);
        assert_eq!(asked(DEFAULT, DEFAULT).ciphers().is_some(), has_aes());
    }

    #[test]
    fn where_ssh_says_nothing_nothing_is_known() {
        let asked = Asked::default();
        assert!(!asked.is_8_7());
        assert_eq!(asked.ciphers(), None);
    }

    #[test]
    fn an_option_is_found_by_its_whole_name() {
        let answer = "sessiontypes x\nsessiontype default\n";
        assert_eq!(value(answer, "sessiontype"), Some("default"));
        assert_eq!(value(answer, "session"), None);
    }
}
