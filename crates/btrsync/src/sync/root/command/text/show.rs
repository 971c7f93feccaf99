//! Reads `btrfs subvolume show`: a path, a name, fields, and the paths of snapshots.
//!
//! Names stand before and behind the fields, and one can hold a whole set of fields that looks as real
//! as the real one. So all places are found from which fields can be read, and more than one is refused.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use uuid::Uuid;

use super::{Cursor, TextError};

const COMMAND: &str = "subvolume show";
const NAME: &[u8] = b"\n\tName: \t\t\t";
const FIELDS: &[u8] = b"\n\tUUID: \t\t\t";
const END: &[u8] = b"\tSnapshot(s):\n";

/// What is shown of a subvolume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sync::root) struct Shown {
    /// The path from the top level, `/` for itself; before version 4.12, that of the file.
    pub(in crate::sync::root) path: PathBuf,
    /// The name of its directory entry; `<FS_TREE>` for the top level.
    pub(in crate::sync::root) name: OsString,
    /// Its id.
    pub(in crate::sync::root) id: u64,
    /// The last transaction that changed the tree.
    pub(in crate::sync::root) generation: u64,
    /// The transaction that created it.
    pub(in crate::sync::root) otransid: u64,
    /// The id of the subvolume that holds its directory entry; 0 for the top level.
    pub(in crate::sync::root) parent_id: u64,
    /// The UUID of the subvolume that it is a snapshot of.
    pub(in crate::sync::root) parent_uuid: Option<Uuid>,
    /// Where it was received: the UUID that the stream gave of its source.
    pub(in crate::sync::root) received_uuid: Option<Uuid>,
    /// Its UUID.
    pub(in crate::sync::root) uuid: Option<Uuid>,
    /// Whether it is read-only.
    pub(in crate::sync::root) read_only: bool,
    /// The `ctransid` of the source that it was received from, 0 where it was not received; `None` where
    /// the version does not tell.
    pub(in crate::sync::root) stransid: Option<u64>,
    /// The transaction in which it was received, as `stransid`.
    pub(in crate::sync::root) rtransid: Option<u64>,
}

/// Reads what `btrfs subvolume show PATH` prints.
///
/// # Errors
///
/// [`TextError::Line`], also where a version before 4.8.3 shows the top level; [`TextError::Ambiguous`].
pub(in crate::sync::root) fn shown(text: &[u8]) -> Result<Shown, TextError> {
    let begin = Cursor::new(COMMAND, text);
    let readable = |place| fields_at(begin, place).ok().map(|fields| (place, fields));
    let found = only(places(text, FIELDS).filter_map(readable))?;
    let (place, fields) = found.ok_or_else(|| failure(begin))?;
    let names = &text[..place];
    let name = only(places(names, NAME))?.ok_or_else(|| begin.unexpected())?;
    fields.shown(names[..name].to_vec(), names[name + NAME.len()..].to_vec())
}

/// Why no fields can be read: what is wrong with those that there are, or what stands in their place.
fn failure(begin: Cursor<'_>) -> TextError {
    let text = begin.rest();
    let fields = places(text, FIELDS).find_map(|place| fields_at(begin, place).err());
    fields.unwrap_or_else(|| after_name(begin).unwrap_or(begin).unexpected())
}

/// The line behind the one with the name.
fn after_name(mut text: Cursor<'_>) -> Result<Cursor<'_>, TextError> {
    let place = places(text.rest(), NAME).next().ok_or_else(|| text.unexpected())?;
    text.take_any(place + NAME.len())?;
    take_while(&mut text, |byte| byte != b'\n')?;
    text.take(b"\n").map(|()| text)
}

/// Reads the fields that begin at a place.
fn fields_at(mut text: Cursor<'_>, place: usize) -> Result<Fields<'_>, TextError> {
    text.take_any(place)?;
    text.take(b"\n")?;
    fields(&mut text)
}

/// Returns the only item, or `None` if there is none.
fn only<T>(mut items: impl Iterator<Item = T>) -> Result<Option<T>, TextError> {
    match (items.next(), items.next()) {
        (one, None) => Ok(one),
        _ => Err(TextError::Ambiguous),
    }
}

/// The places at which some bytes stand.
fn places<'a>(text: &'a [u8], bytes: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    text.windows(bytes.len())
        .enumerate()
        .filter(move |(_, at)| *at == bytes)
        .map(|(place, _)| place)
}

/// Takes the fields.
fn fields<'a>(text: &mut Cursor<'a>) -> Result<Fields<'a>, TextError> {
    let mut values = HashMap::new();
    loop {
        let end = *text;
        if text.take(END).is_ok() {
            return Ok(Fields { end, values });
        }
        let (key, value) = field(text)?;
        if values.insert(key, value).is_some() {
            return Err(end.unexpected());
        }
    }
}

/// Takes one field: its key, and where its value begins.
fn field<'a>(text: &mut Cursor<'a>) -> Result<(&'a [u8], Cursor<'a>), TextError> {
    let begin = *text;
    text.take(b"\t")?;
    let key = take_while(text, |byte| byte.is_ascii_alphabetic() || byte == b' ')?;
    text.take(b":")?;
    take_while(text, |byte| byte == b' ' || byte == b'\t')?;
    let value = *text;
    let length = take_while(text, |byte| byte != b'\n')?.len();
    text.take(b"\n")?;
    if key.is_empty() || length == 0 { Err(begin.unexpected()) } else { Ok((key, value)) }
}

fn take_while<'a>(
    text: &mut Cursor<'a>,
    wanted: impl Fn(u8) -> bool,
) -> Result<&'a [u8], TextError> {
    text.take_any(text.rest().iter().take_while(|byte| wanted(**byte)).count())
}

/// Where the value of each key begins.
struct Fields<'a> {
    end: Cursor<'a>,
    values: HashMap<&'a [u8], Cursor<'a>>,
}

impl Fields<'_> {
    fn shown(&self, path: Vec<u8>, name: Vec<u8>) -> Result<Shown, TextError> {
        let received = |key| self.values.contains_key(key).then(|| self.number(key)).transpose();
        Ok(Shown {
            path: OsString::from_vec(path).into(),
            name: OsString::from_vec(name),
            id: self.number(b"Subvolume ID")?,
            generation: self.number(b"Generation")?,
            otransid: self.number(b"Gen at creation")?,
            parent_id: self.number(b"Parent ID")?,
            parent_uuid: self.read(b"Parent UUID", Cursor::uuid)?,
            received_uuid: self.read(b"Received UUID", Cursor::uuid)?,
            uuid: self.read(b"UUID", Cursor::uuid)?,
            read_only: self.read(b"Flags", flags)?,
            stransid: received(b"Send transid")?,
            rtransid: received(b"Receive transid")?,
        })
    }

    fn number(&self, key: &[u8]) -> Result<u64, TextError> {
        self.read(key, Cursor::number)
    }

    /// Reads a value, which must be all that its line holds.
    fn read<'a, T>(
        &'a self,
        key: &[u8],
        take: impl Fn(&mut Cursor<'a>) -> Result<T, TextError>,
    ) -> Result<T, TextError> {
        let mut value = *self.values.get(key).ok_or_else(|| self.end.unexpected())?;
        let read = take(&mut value)?;
        value.take(b"\n").map(|()| read)
    }
}

/// Takes the flags; tells whether they are those of a read-only subvolume.
fn flags(text: &mut Cursor<'_>) -> Result<bool, TextError> {
    text.take(b"readonly").map(|()| true).or_else(|_| text.take(b"-").map(|()| false))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::*;
    use super::*;

    fn snap(path: &str) -> Shown {
        Shown {
            path: path.into(),
            name: "snap".into(),
            id: 261,
            generation: 20,
            otransid: 12,
            parent_id: 5,
            parent_uuid: "11111111-aaaa-4444-8888-000000000257".parse().ok(),
            received_uuid: "22222222-bbbb-4444-8888-000000000001".parse().ok(),
            uuid: "11111111-aaaa-4444-8888-000000000261".parse().ok(),
            read_only: true,
            stransid: None,
            rtransid: None,
        }
    }

    #[test]
    fn each_form_is_read() {
        assert_eq!(shown(SHOW_4_1.as_bytes()).unwrap(), snap("/mnt/alone"));
        let newest = Shown { stransid: Some(77), rtransid: Some(19), ..snap("snap") };
        assert_eq!(shown(SHOW_5_14_2.as_bytes()).unwrap(), newest);
        let data = shown(SHOW_5_2.as_bytes()).unwrap();
        assert_eq!((data.id, data.generation, data.otransid, data.parent_id), (257, 31, 8, 5));
        assert_eq!((data.parent_uuid, data.received_uuid, data.read_only), (None, None, false));
        assert_eq!(
            (data.path.as_os_str(), data.name.as_os_str()),
            ("data".as_ref(), "data".as_ref())
        );
    }

    #[test]
    fn the_oldest_forms_are_refused_with_the_line_that_tells() {
        for (text, told) in [
            (SHOW_4_0, r"line 3: '\tuuid: \t\t\t11111111-aaaa-4444-8888-000000000257'"),
            (SHOW_TOP_4_1[0], "line 1: '/mnt/pool is btrfs root'"),
            (SHOW_TOP_4_1[1], "line 1: '/mnt/pool is toplevel subvolume'"),
            ("", "line 1: ''"),
        ] {
            let error = shown(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn fields_must_be_whole_and_known_ones_there() {
        for (from, to, told) in [
            ("\tGeneration: \t\t20\n", "", r"line 16: '\tSnapshot(s):'"),
            ("261\n\tGeneration: \t\t20", "261x\n\tGeneration: \t\t20", "line 7: "),
            ("Flags: \t\t\treadonly", "Flags: \t\t\treadonly,frozen", "line 12: "),
            ("\tParent ID: \t\t5\n", "\tParent ID: \t\t5\n\tParent ID: \t\t6\n", "line 11: "),
            ("\tParent ID: \t\t5\n", "\tParent ID: \t\t5\nParent\n", "line 11: 'Parent'"),
            ("\tSnapshot(s):\n", "", "line 18: ''"),
        ] {
            assert!(SHOW_5_14_2.contains(from), "{from}");
            let error = shown(SHOW_5_14_2.replace(from, to).as_bytes()).unwrap_err().to_string();
            assert!(error.contains(told), "{error} for {from:?}");
        }
        let more = SHOW_5_14_2.replace("\tFlags", "\tColour: \t\tred\n\tFlags");
        assert!(shown(more.as_bytes()).is_ok(), "a field that is not known is passed over");
    }

    /// The text of a subvolume at `path`, called `name`, with snapshots.
    fn text(path: &[u8], name: &[u8], snapshots: &[Vec<u8>]) -> Vec<u8> {
        let head = [path, NAME, name, b"\n\tUUID: \t\t\t"].concat();
        let (_, fields) = SHOW_4_1.split_once("\tUUID: \t\t\t").unwrap();
        let snapshots =
            snapshots.iter().flat_map(|one| [b"\t\t\t\t", one.as_slice(), b"\n"].concat());
        head.into_iter().chain(fields.bytes()).chain(snapshots).collect()
    }

    #[test]
    fn names_with_newlines_are_read() {
        let shown =
            shown(&text(b"a\n\tb/c\nd", b"c\nd", &[b"e\n\tFlags: \t\t\t-".to_vec()])).unwrap();
        let expected = Shown { name: "c\nd".into(), ..snap("a\n\tb/c\nd") };
        assert_eq!(shown, expected);
    }

    #[test]
    fn names_that_fake_the_whole_text_are_refused() {
        let fields = SHOW_4_1.split_once("\n\tName: ").unwrap().1.replace("261", "999");
        let fake = format!("x\n\tName: {fields}");
        let fake = fake.strip_suffix('\n').unwrap().as_bytes().to_vec();
        for hostile in
            [text(&fake, &fake, &[]), text(b"snap", b"snap", std::slice::from_ref(&fake))]
        {
            assert_eq!(shown(&hostile).unwrap_err(), TextError::Ambiguous);
        }
        let named = text(b"x\n\tName: \t\t\tx", b"x\n\tName: \t\t\tx", &[]);
        assert!(shown(&named).is_err());
    }

    fn name() -> impl Strategy<Value = Vec<u8>> {
        let pieces =
            ["\n", "\tUUID: \t\t\t", "11111111-aaaa-4444-8888-000000000261", "\tName: \t\t\t", "x"];
        let fields: Vec<String> =
            SHOW_4_1.lines().skip(1).map(|line| format!("\n{line}")).collect();
        let fake = SHOW_4_1.split_once('\n').unwrap().1.replace("261", "999");
        let whole =
            [format!("\n{fake}"), format!("\n\tUUID{}", fake.split_once("\tUUID").unwrap().1)];
        let pieces = pieces.into_iter().map(str::to_owned).chain(whole);
        let all = pieces.chain(fields).collect::<Vec<_>>();
        prop::collection::vec(prop::sample::select(all), 1..16)
            .prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn the_truth_is_read_or_nothing(
            path in name(),
            name in name(),
            snapshots in prop::collection::vec(name(), 0..3),
        ) {
            if let Ok(read) = shown(&text(&path, &name, &snapshots)) {
                let path = OsString::from_vec(path).into();
                prop_assert_eq!(read, Shown { path, name: OsString::from_vec(name), ..snap("") });
            }
        }
    }
}
