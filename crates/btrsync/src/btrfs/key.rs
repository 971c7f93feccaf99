//! Keys by which subvolumes of two sides are compared.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::Subvolume;

/// A value that a key function yields; keys of different kinds are never equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A UUID.
    Uuid(Uuid),
    /// A number, such as an id or a time.
    Number(u64),
    /// Bytes, such as a path.
    Bytes(Vec<u8>),
}

type Function = dyn Fn(&Subvolume) -> Option<Key> + Send + Sync;

/// A key function: takes a subvolume, returns a value for equality testing or `None` for "no key".
///
/// # Examples
///
/// Subvolumes that have the same name are the same:
///
/// ```
/// use std::os::unix::ffi::OsStrExt;
/// use btrsync::btrfs::{Key, KeyFn};
///
/// let by_name = KeyFn::new(|vol| Some(Key::Bytes(vol.name.as_bytes().to_vec())));
/// # let _ = by_name;
/// ```
#[derive(Clone)]
pub struct KeyFn(Arc<Function>);

impl KeyFn {
    /// Wraps a function.
    pub fn new(function: impl Fn(&Subvolume) -> Option<Key> + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    /// Applies the function.
    pub fn of(&self, vol: &Subvolume) -> Option<Key> {
        (self.0)(vol)
    }
}

impl fmt::Debug for KeyFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFn")
    }
}

/// Returns the default key functions: the UUID and the received UUID.
pub fn default_keys() -> Vec<KeyFn> {
    vec![
        KeyFn::new(|vol| vol.uuid.map(Key::Uuid)),
        KeyFn::new(|vol| vol.received_uuid.map(Key::Uuid)),
    ]
}
