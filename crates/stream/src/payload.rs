//! A length that does not fit its field would silently become another stream. Every length is compared with its field
//! before it is written, and a command that fails leaves no trace in the output.

use crate::attribute::Attribute;
use crate::command::CommandKind;
use crate::error::EncodeError;
use crate::frame::{COMMAND_HEADER_LEN, CommandCode, CommandHeader};
use crate::version::Version;

/// A command under construction at the end of an output.
pub(crate) struct Payload<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    kind: CommandKind,
    version: Version,
}

impl<'o> Payload<'o> {
    /// Appends the frame whose attributes `fill` puts, or nothing if that fails.
    pub(crate) fn build(
        kind: CommandKind,
        version: Version,
        out: &'o mut Vec<u8>,
        fill: impl FnOnce(&mut Payload<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        out.resize(start + COMMAND_HEADER_LEN, 0);
        let mut payload = Payload { out, start, kind, version };
        let built = fill(&mut payload).and_then(|()| payload.seal());
        if built.is_err() {
            out.truncate(start);
        }
        built
    }

    /// Appends an attribute; file data must be the last of a command.
    pub(crate) fn put(&mut self, attribute: Attribute, value: &[u8]) -> Result<(), EncodeError> {
        let (command, version) = (self.kind, self.version);
        if attribute.since() > version {
            return Err(EncodeError::AttributeTooNew { command, attribute, version });
        }
        self.out.extend_from_slice(&attribute.number().to_le_bytes());
        if attribute != Attribute::Data || version.data_has_length() {
            let length = value.len();
            let len = u16::try_from(length).map_err(|_| EncodeError::AttributeTooLong {
                command,
                attribute,
                length,
            })?;
            self.out.extend_from_slice(&len.to_le_bytes());
        }
        self.out.extend_from_slice(value);
        Ok(())
    }

    /// Checks that an attribute may be absent.
    pub(crate) fn leave_out(&self, attribute: Attribute) -> Result<(), EncodeError> {
        let (command, version) = (self.kind, self.version);
        match attribute.is_due(command, version) {
            true => Err(EncodeError::MissingAttribute { command, attribute, version }),
            false => Ok(()),
        }
    }

    /// Appends attributes that are encoded already.
    pub(crate) fn put_raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn seal(&mut self) -> Result<(), EncodeError> {
        let (header, payload) = self.out[self.start..].split_at_mut(COMMAND_HEADER_LEN);
        let (command, length, limit) = (self.kind, payload.len(), self.version.max_payload());
        let too_long = EncodeError::CommandTooLong { command, length, limit };
        let length = match u32::try_from(length) {
            Ok(fits) if length <= limit => fits,
            _ => return Err(too_long),
        };
        let sealed = CommandHeader { length, code: CommandCode(command.number()), crc: 0 };
        header.copy_from_slice(&sealed.sealed(payload).encode());
        Ok(())
    }
}
