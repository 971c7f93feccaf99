//! How a connection begins: the server says a line that no login prints, and who it is; the client
//! answers who it is, or leaves.
//!
//! The server speaks first, for whatever is in front of it (a shell that greets, a forced command)
//! decides what is started, and only what comes back says what that was.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use btrsync_kernel as kernel;

use super::error::AgentError;
use super::frame::{self, Kind, bad};
use super::message::{self, Hello};

/// What comes before the first frame of a server.
pub(crate) const GREETING: &[u8] = b"\nbtrsync speaks frames\n";

/// The version of the protocol: a change of the first number breaks, one of the second adds.
pub(crate) const VERSION: (u32, u32) = (1, 0);

/// After how much silence a connection is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long it can be, in either direction.
const RANGE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(24 * 60 * 60));

/// What a program can beyond what its version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// Its kernel sends streams of version 2, with compressed data as it is.
    SendsCompressed,
    /// It takes such streams.
    TakesCompressed,
    /// It answers `Examine`.
    Examines,
    /// It packs and unpacks blocks of bulk data.
    Packs,
}

impl Feature {
    const ALL: [Self; 4] =
        [Self::SendsCompressed, Self::TakesCompressed, Self::Examines, Self::Packs];

    fn word(self) -> &'static str {
        match self {
            Self::SendsCompressed => "sends-compressed",
            Self::TakesCompressed => "takes-compressed",
            Self::Examines => "examine",
            Self::Packs => "packs-zstd",
        }
    }

    fn is_ours(self) -> bool {
        match self {
            Self::SendsCompressed => kernel::max_send_version() > 1,
            Self::TakesCompressed | Self::Examines | Self::Packs => true,
        }
    }

    fn ours() -> Vec<String> {
        let ours = Self::ALL.into_iter().filter(|feature| feature.is_ours());
        ours.map(|feature| feature.word().to_owned()).collect()
    }
}

impl Hello {
    /// Who we are.
    pub(crate) fn ours(patience: Duration) -> Self {
        Self {
            major: VERSION.0,
            minor: VERSION.1,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            features: Feature::ours(),
            patience_ms: patience.as_millis().try_into().unwrap_or(u64::MAX),
            allowed: None,
        }
    }

    /// Whether a program has something.
    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.features.iter().any(|word| word == feature.word())
    }

    /// How patient the other side is; what it says is not believed beyond reason.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms).clamp(RANGE.0, RANGE.1)
    }

    /// Whether we understand each other.
    pub(crate) fn fits(&self) -> bool {
        self.major == VERSION.0 && self.minor.abs_diff(VERSION.1) <= 1
    }

    /// That we do not.
    pub(crate) fn misfit(&self, host: &str) -> AgentError {
        let program: String = self.program.chars().filter(|c| c.is_ascii_graphic()).collect();
        AgentError::Version {
            host: host.to_owned(),
            program: program.chars().take(40).collect(),
            theirs: format!("{}.{}", self.major, self.minor),
            ours: format!("{}.{}", VERSION.0, VERSION.1),
        }
    }
}

/// Sends a hello.
pub(crate) fn tell(output: &mut impl Write, hello: &Hello) -> io::Result<()> {
    let body = message::encode(hello).map_err(io::Error::other)?;
    output.write_all(&frame::encode(Kind::Message, 0, &body))?;
    output.flush()
}

/// Reads the hello of the other side.
pub(crate) fn hear(input: &mut impl BufRead) -> io::Result<Hello> {
    match frame::read(input)? {
        Some(frame) if frame.kind == Kind::Message && frame.channel == 0 => {
            message::decode(&frame.body).map_err(|_| bad("it does not say who it is"))
        }
        Some(_) => Err(bad("it does not begin with who it is")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_minor_more_or_less_fits() {
        let version = |major, minor| Hello { major, minor, ..Hello::ours(PATIENCE) };
        assert!(version(1, 0).fits() && version(1, 1).fits());
        assert!(!version(1, 2).fits() && !version(0, 0).fits() && !version(2, 0).fits());
    }

    #[test]
    fn a_hello_is_heard_and_anything_else_is_not() {
        let mut bytes = Vec::new();
        let ours = Hello::ours(PATIENCE);
        tell(&mut bytes, &ours).unwrap();
        assert_eq!(hear(&mut &bytes[..]).unwrap(), ours);
        assert!(hear(&mut &frame::encode(Kind::Data, 0, b"x")[..]).is_err());
        assert!(hear(&mut &b"Welcome to far!\n"[..]).is_err());
    }
}
