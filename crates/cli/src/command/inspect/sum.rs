//! What a subvolume in a stream amounts to. Everything is counted, nothing is collected.

use btrsync::stream::{Begun, Command, CommandKind, Frame, Version};
use uuid::Uuid;

/// The sum of one subvolume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) name: Vec<u8>,
    pub(super) version: Version,
    pub(super) uuid: Uuid,
    pub(super) ctransid: u64,
    /// UUID and ctransid, where it is incremental.
    pub(super) parent: Option<(Uuid, u64)>,
    /// Whether its end was seen.
    pub(super) complete: bool,
    /// The bytes of its commands.
    pub(super) bytes: u64,
    /// How often each command came, by its number from 1.
    counts: [u64; CommandKind::ALL.len()],
    pub(super) data: Data,
}

/// Bytes of file content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Data {
    /// Written as they are.
    pub(super) written: u64,
    /// Written compressed: as they are in the stream.
    pub(super) encoded: u64,
    /// Written compressed: as they are in the files.
    pub(super) decoded: u64,
    /// Cloned from files that are there.
    pub(super) cloned: u64,
    /// Left out of the stream.
    pub(super) omitted: u64,
}

impl Sum {
    /// The sum of the subvolume that a command begins, if it does.
    pub(super) fn begin(frame: &Frame<'_>, command: &Command<'_>) -> Option<Self> {
        let Begun { name, uuid, ctransid, parent } = command.begun()?;
        Some(Self {
            name: name.to_vec(),
            version: frame.version(),
            uuid,
            ctransid,
            parent,
            complete: false,
            bytes: 0,
            counts: [0; CommandKind::ALL.len()],
            data: Data::default(),
        })
    }

    pub(super) fn add(&mut self, frame: &Frame<'_>, command: &Command<'_>) {
        self.bytes += frame.raw().len() as u64;
        self.counts[usize::from(command.kind().number()) - 1] += 1;
        self.data.add(command);
    }

    pub(super) fn count(&self, kind: CommandKind) -> u64 {
        self.counts[usize::from(kind.number()) - 1]
    }

    /// The commands that came, by their numbers.
    pub(super) fn counts(&self) -> impl Iterator<Item = (CommandKind, u64)> {
        let all = CommandKind::ALL.iter().map(|kind| (*kind, self.count(*kind)));
        all.filter(|(_, count)| *count > 0)
    }

    pub(super) fn commands(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What is created, by what it is.
    pub(super) fn created(&self) -> [(&'static str, u64); 5] {
        use CommandKind::{Link, Mkdir, Mkfifo, Mkfile, Mknod, Mksock, Symlink};
        let special = [Mknod, Mkfifo, Mksock].map(|kind| self.count(kind)).iter().sum();
        [
            ("files", self.count(Mkfile)),
            ("directories", self.count(Mkdir)),
            ("symlinks", self.count(Symlink)),
            ("special", special),
            ("links", self.count(Link)),
        ]
    }
}

impl Data {
    /// A stream can claim any length, and a sum that is too large says enough as it is.
    fn add(&mut self, command: &Command<'_>) {
        let add = |sum: &mut u64, len: u64| *sum = sum.saturating_add(len);
        match *command {
            Command::Write { data, .. } => add(&mut self.written, data.len() as u64),
            Command::EncodedWrite { data, unencoded_file_len, .. } => {
                add(&mut self.encoded, data.len() as u64);
                add(&mut self.decoded, unencoded_file_len);
            }
            Command::Clone { len, .. } => add(&mut self.cloned, len),
            Command::UpdateExtent { size, .. } => add(&mut self.omitted, size),
            _ => {}
        }
    }
}

/// The sum of a whole input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Total {
    pub(super) streams: u64,
    pub(super) subvolumes: u64,
    pub(super) commands: u64,
    pub(super) bytes: u64,
}

impl Total {
    pub(super) fn add(&mut self, sum: &Sum) {
        self.subvolumes += 1;
        self.commands += sum.commands();
        self.bytes += sum.bytes;
    }
}
