//! What can go wrong with a connection to another btrsync.

use std::time::Duration;

use super::mux::Ended;

/// The failure of a connection to another btrsync.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// There is none, or it did not start.
    #[error("cannot use btrsync on {host}: {why}")]
    Absent {
        /// Where.
        host: String,
        /// Why.
        why: String,
    },
    /// It speaks another version.
    #[error(
        "btrsync {program} on {host} speaks version {theirs} of the protocol and this one {ours}; \
         versions that differ by more than one minor do not work together"
    )]
    Version {
        /// Where.
        host: String,
        /// The version of the program there.
        program: String,
        /// Its version of the protocol.
        theirs: String,
        /// Ours.
        ours: String,
    },
    /// The connection has ended.
    #[error("the connection to {host} was lost: {why}")]
    Lost {
        /// Where.
        host: String,
        /// Why, as far as it is known.
        why: String,
    },
    /// Nothing has come for too long.
    #[error("nothing was heard from {host} for {} seconds", .time.as_secs_f32())]
    Silent {
        /// Where.
        host: String,
        /// For how long.
        time: Duration,
    },
    /// What comes is not what was agreed.
    #[error("btrsync on {host} does not keep to the protocol: {what}")]
    Garbled {
        /// Where.
        host: String,
        /// What is wrong.
        what: String,
    },
    /// More was to be told than fits.
    #[error("cannot ask btrsync on {host}: {what}")]
    TooMuch {
        /// Where.
        host: String,
        /// What is too much.
        what: &'static str,
    },
}

impl AgentError {
    /// Tells what the end of a connection means. `words` is what the process said that carried it.
    pub(crate) fn ended(host: &str, ended: &Ended, words: Option<&str>) -> Self {
        let host = host.to_owned();
        match ended {
            Ended::Silent(time) => Self::Silent { host, time: *time },
            Ended::Broken(what) => Self::Garbled { host, what: what.clone() },
            Ended::Failed(why) => Self::Lost { host, why: why.clone() },
            Ended::Here => Self::Lost { host, why: "it was ended here".to_owned() },
            Ended::There => {
                let why = words.filter(|words| !words.is_empty());
                Self::Lost { host, why: why.unwrap_or("btrsync there has ended").to_owned() }
            }
        }
    }
}
