//! For programs: one JSON object a line. The fields are a stable interface, documented in
//! `docs/json.md`; new ones may be added, none is renamed or removed.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use btrsync::stream::{Command, Frame, Header, Timespec};
use serde_json::{Map, Value as Any, json};

use super::Print;
use super::fields::{Value, fields};
use super::sum::{Sum, Total};
use crate::advice::Failure;
use crate::exit::Exit;
use crate::report::put_path;

pub(super) struct Json<W> {
    to: W,
    file: Map<String, Any>,
}

impl<W: Write> Json<W> {
    pub(super) fn new(to: W, file: &OsStr) -> Self {
        let mut object = Map::new();
        put_path(&mut object, "file", Some(file.as_ref()));
        Self { to, file: object }
    }

    fn write(&mut self, event: Map<String, Any>) -> io::Result<()> {
        writeln!(self.to, "{}", Any::Object(event))
    }

    /// An event that says which file it is about.
    fn write_of_file(&mut self, event: &str, more: Any) -> io::Result<()> {
        let mut object = Map::from_iter([("event".to_owned(), event.into())]);
        object.extend(self.file.clone());
        if let Any::Object(more) = more {
            object.extend(more);
        }
        self.write(object)
    }
}

impl<W: Write> Print for Json<W> {
    fn stream(&mut self, header: Header, at: u64) -> io::Result<()> {
        self.write_of_file("stream", json!({"at": at, "version": header.version.number()}))
    }

    fn command(&mut self, frame: &Frame<'_>, command: &Command<'_>) -> io::Result<()> {
        let mut object = Map::new();
        object.insert("event".into(), "command".into());
        object.insert("at".into(), frame.offset().into());
        object.insert("command".into(), command.kind().name().into());
        for (name, value) in fields(command) {
            put(&mut object, name, value);
        }
        self.write(object)
    }

    fn subvolume(&mut self, sum: &Sum) -> io::Result<()> {
        let mut object = Map::new();
        object.insert("event".into(), "subvolume".into());
        put(&mut object, "path", Value::Path(&sum.name));
        if let Any::Object(more) = numbers(sum) {
            object.extend(more);
        }
        self.write(object)
    }

    fn end(&mut self, total: &Total, failure: Option<&Failure>, exit: Exit) -> io::Result<()> {
        if let Some(failure) = failure {
            let (message, hint) = (&failure.message, &failure.hint);
            self.write_of_file("error", json!({"message": message, "hint": hint}))?;
        }
        let summary = json!({
            "outcome": exit.word(),
            "exit_code": exit.code(),
            "streams": total.streams,
            "subvolumes": total.subvolumes,
            "commands": total.commands,
            "bytes": total.bytes,
        });
        self.write_of_file("summary", summary)?;
        self.to.flush()
    }
}

fn numbers(sum: &Sum) -> Any {
    let counts = sum.counts().map(|(kind, count)| (kind.name().to_owned(), count.into()));
    let created = sum.created().map(|(what, count)| (what.to_owned(), count.into()));
    json!({
        "version": sum.version.number(),
        "uuid": sum.uuid.to_string(),
        "ctransid": sum.ctransid,
        "parent_uuid": sum.parent.map(|(uuid, _)| uuid.to_string()),
        "parent_ctransid": sum.parent.map(|(_, ctransid)| ctransid),
        "complete": sum.complete,
        "bytes": sum.bytes,
        "commands": Map::<String, Any>::from_iter(counts),
        "created": Map::<String, Any>::from_iter(created),
        "data": {
            "written": sum.data.written,
            "encoded": sum.data.encoded,
            "decoded": sum.data.decoded,
            "cloned": sum.data.cloned,
            "omitted": sum.data.omitted,
        },
    })
}

fn put(object: &mut Map<String, Any>, name: &str, value: Value<'_>) {
    let value = match value {
        // Only a path that is empty is that of a root.
        Value::Bytes(b"") => "".into(),
        Value::Path(bytes) | Value::Bytes(bytes) => {
            return put_path(object, name, Some(OsStr::from_bytes(bytes).as_ref()));
        }
        Value::Number(number) | Value::Flags(number) => number.into(),
        Value::Mode(number) | Value::Device(number) | Value::Compression(number) => number.into(),
        Value::Time(Timespec { sec, nsec }) => json!({"seconds": sec, "nanoseconds": nsec}),
        Value::Id(uuid) => uuid.to_string().into(),
    };
    object.insert(name.to_owned(), value);
}
