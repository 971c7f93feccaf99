//! A decoder and an encoder written apart drift apart. Both are made here from one row per command, which names the
//! fields in the order in which the kernel sends them.

/// Makes `CommandKind` and `Command`.
///
/// A row reads `Variant = number, since, "name" { Attribute field: type, … }`; an `Option` may be absent.
macro_rules! command_table {
    ($(
        $(#[$doc:meta])*
        $variant:ident = $number:literal, $since:ident, $name:literal
        $({ $($(#[$field_doc:meta])* $attribute:ident $field:ident: $type:ty,)+ })?;
    )+) => {
        /// Which command a frame holds; the discriminant is its number in the stream.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum CommandKind {
            $($(#[$doc])* $variant = $number,)+
        }

        impl CommandKind {
            /// All commands, by number.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the lower-case name that `btrfs receive --dump` uses.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Returns the first version of the stream that has it.
            #[must_use]
            pub const fn since(self) -> Version {
                match self { $(Self::$variant => Version::$since,)+ }
            }
        }

        /// A decoded command that borrows its paths and data.
        ///
        /// Paths are relative to the subvolume, valid at this point of the replay, and not judged: they may be empty
        /// (the root of the subvolume) and, from a hostile sender, absolute, full of `..` or of NUL bytes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Command<'a> {
            $($(#[$doc])* $variant $({ $($(#[$field_doc])* $field: $type,)+ })?,)+
        }

        impl<'a> Command<'a> {
            /// Decodes the attributes of a frame.
            ///
            /// # Errors
            /// Every variant of [`Error`] that names an attribute.
            pub fn decode(frame: &Frame<'a>) -> Result<Self, Error> {
                let mut attributes = Attributes::parse(*frame)?;
                let command = match frame.kind() {
                    $(CommandKind::$variant => Self::$variant $({
                        $($field: <$type as Value<'a>>::decode(&mut attributes, Attribute::$attribute)?,)+
                    })?,)+
                };
                attributes.finish()?;
                Ok(command)
            }

            /// Returns which command it is.
            #[must_use]
            pub const fn kind(&self) -> CommandKind {
                match self { $(Self::$variant { .. } => CommandKind::$variant,)+ }
            }

            /// Appends the whole frame to `out`, attributes in the order of the kernel; on an error `out` stays as it was.
            ///
            /// # Errors
            /// [`EncodeError`]: something the version does not have yet, or a value too long.
            pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                let command = self.kind();
                if command.since() > version {
                    return Err(EncodeError::CommandTooNew { command, version });
                }
                Payload::build(command, version, out, |payload| {
                    match self {
                        $(Self::$variant $({ $($field,)+ })? => {
                            $($($field.encode(Attribute::$attribute, payload)?;)+)?
                        })+
                    }
                    Ok(())
                })
            }
        }
    };
}

pub(crate) use command_table;
