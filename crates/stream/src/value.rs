//! The stream gives more room to some values than they have, and a value cut to fit is another user's file. Numbers
//! are therefore read at their full width and narrowed with a check.

use uuid::Uuid;

use crate::attribute::{Attribute, Attributes};
use crate::error::{EncodeError, Error};
use crate::payload::Payload;

/// A point in time as btrfs stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timespec {
    /// Seconds since 1970, negative before.
    pub sec: i64,
    /// Nanoseconds into that second; not checked to be under 1,000,000,000.
    pub nsec: u32,
}

/// What a field of a command can hold.
pub(crate) trait Value<'a>: Sized {
    fn decode(attributes: &mut Attributes<'a>, attribute: Attribute) -> Result<Self, Error>;
    fn encode(&self, attribute: Attribute, payload: &mut Payload<'_>) -> Result<(), EncodeError>;
}

impl<'a> Value<'a> for &'a [u8] {
    fn decode(attributes: &mut Attributes<'a>, attribute: Attribute) -> Result<Self, Error> {
        match attributes.take(attribute)? {
            Some(slot) => Ok(slot.value),
            None => Err(attributes.missing(attribute)),
        }
    }

    fn encode(&self, attribute: Attribute, payload: &mut Payload<'_>) -> Result<(), EncodeError> {
        payload.put(attribute, self)
    }
}

impl<'a> Value<'a> for u64 {
    fn decode(attributes: &mut Attributes<'a>, attribute: Attribute) -> Result<Self, Error> {
        <&[u8]>::decode(attributes, attribute).map(little_endian)
    }

    fn encode(&self, attribute: Attribute, payload: &mut Payload<'_>) -> Result<(), EncodeError> {
        let bytes = self.to_le_bytes();
        payload.put(attribute, &bytes[..attribute.size().unwrap_or(bytes.len()).min(bytes.len())])
    }
}

impl<'a> Value<'a> for u32 {
    fn decode(attributes: &mut Attributes<'a>, attribute: Attribute) -> Result<Self, Error> {
        let Some(slot) = attributes.take(attribute)? else {
            return Err(attributes.missing(attribute));
        };
        let value = little_endian(slot.value);
        Self::try_from(value).map_err(|_| attributes.too_large(attribute, slot, value))
    }

    fn encode(&self, attribute: Attribute, payload: &mut Payload<'_>) -> Result<(), EncodeError> {
        u64::from(*self).encode(attribute, payload)
    }
}

impl<'a> Value<'a> for u8 {
    fn decode(attributes: &mut Attributes<'a>, attribute: Attribute) -> Result<Self, Error> {
        <&[u8]>::decode(attributes, attribute).map(|value| value.first().copied().unwrap_or(0))
    }

    fn encode(&self, attribute: Attribute, payload: &mut Payload<'_>) -> Result<(), EncodeError> {
        payload.put(attribute, &[*self])
    }
}

impl<'a> Value<'a> for Uuid {
    fn decode(attributes: &mut Attributes<'a>, attribute: Attribute) -> Result<Self, Error> {
        let value = <&[u8]>::decode(attributes, attribute)?;
        Ok(value.first_chunk().copied().map_or(Self::nil(), Self::from_bytes))
    }

    fn encode(&self, attribute: Attribute, payload: &mut Payload<'_>) -> Result<(), EncodeError> {
        payload.put(attribute, self.as_bytes())
    }
}

impl<'a> Value<'a> for Timespec {
    fn decode(attributes: &mut Attributes<'a>, attribute: Attribute) -> Result<Self, Error> {
        let value = <&[u8]>::decode(attributes, attribute)?;
        let (sec, nsec) = value.split_at(value.len().min(8));
        Ok(Self { sec: little_endian(sec).cast_signed(), nsec: little_endian(nsec) as u32 })
    }

    fn encode(&self, attribute: Attribute, payload: &mut Payload<'_>) -> Result<(), EncodeError> {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.sec.to_le_bytes());
        bytes[8..].copy_from_slice(&self.nsec.to_le_bytes());
        payload.put(attribute, &bytes)
    }
}

impl<'a, T: Value<'a>> Value<'a> for Option<T> {
    fn decode(attributes: &mut Attributes<'a>, attribute: Attribute) -> Result<Self, Error> {
        match attributes.lacks(attribute) {
            true => Ok(None),
            false => T::decode(attributes, attribute).map(Some),
        }
    }

    fn encode(&self, attribute: Attribute, payload: &mut Payload<'_>) -> Result<(), EncodeError> {
        match self {
            Some(value) => value.encode(attribute, payload),
            None => payload.leave_out(attribute),
        }
    }
}

/// The number in up to eight bytes; the size was checked when the attribute was taken.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
