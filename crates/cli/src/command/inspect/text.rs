//! For people: a command a line, its name in a column and then fields, parted by tabs. A tab in a name
//! is escaped like everything else that would change the line, so a line says only one thing.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use btrsync::stream::{Command, Frame, Header};
use btrsync::text::escaped;

use super::Print;
use super::fields::{Field, Value, device, fields};
use super::sum::{Data, Sum, Total};
use super::time::utc;
use crate::advice::Failure;
use crate::exit::Exit;
use crate::size;

pub(super) struct Text<W> {
    to: W,
}

impl<W: Write> Text<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to }
    }
}

impl<W: Write> Print for Text<W> {
    fn stream(&mut self, header: Header, at: u64) -> io::Result<()> {
        writeln!(self.to, "{:<16}{}\tat byte {at}", "stream", header.version)
    }

    fn command(&mut self, _: &Frame<'_>, command: &Command<'_>) -> io::Result<()> {
        writeln!(self.to, "{}", line(command))
    }

    fn subvolume(&mut self, sum: &Sum) -> io::Result<()> {
        self.to.write_all(summary(sum).as_bytes())
    }

    fn end(&mut self, total: &Total, _: Option<&Failure>, _: Exit) -> io::Result<()> {
        if total.subvolumes > 1 {
            writeln!(
                self.to,
                "\n{} subvolumes in {} streams, {} commands in {}",
                total.subvolumes,
                total.streams,
                total.commands,
                size::bytes(total.bytes)
            )?;
        }
        self.to.flush()
    }
}

/// A command as a line.
pub(in crate::command) fn line(command: &Command<'_>) -> String {
    let kind = command.kind();
    let fields: Vec<String> = fields(command).into_iter().map(field).collect();
    if fields.is_empty() {
        kind.to_string()
    } else {
        format!("{:<16}{}", kind.name(), fields.join("\t"))
    }
}

/// The path that the command is about stands for itself.
fn field((name, value): Field<'_>) -> String {
    if name == "path" { shown(value) } else { format!("{name}={}", shown(value)) }
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Path(path) => escaped(OsStr::from_bytes(path)).to_string(),
        Value::Bytes(bytes) => content(bytes),
        Value::Number(number) => number.to_string(),
        Value::Mode(mode) => format!("{mode:04o}"),
        Value::Flags(flags) => format!("{flags:#x}"),
        Value::Device(rdev) => {
            let (major, minor) = device(rdev);
            format!("{major}:{minor}")
        }
        Value::Time(time) => utc(time),
        Value::Id(uuid) => uuid.to_string(),
        Value::Compression(algorithm) => compression(algorithm),
    }
}

/// Names are short, but a value can have 64 KiB.
fn content(bytes: &[u8]) -> String {
    const SHOWN: usize = 256;
    match bytes.split_at_checked(SHOWN) {
        _ if bytes.is_empty() => String::new(),
        Some((start, rest)) if !rest.is_empty() => {
            format!("{}... ({} bytes)", escaped(OsStr::from_bytes(start)), bytes.len())
        }
        _ => escaped(OsStr::from_bytes(bytes)).to_string(),
    }
}

/// The numbers of `BTRFS_ENCODED_IO_COMPRESSION_*`; LZO in sectors of a size each.
fn compression(algorithm: u32) -> String {
    match algorithm {
        0 => "none".to_owned(),
        1 => "zlib".to_owned(),
        2 => "zstd".to_owned(),
        3..=7 => format!("lzo-{}k", 4 << (algorithm - 3)),
        other => other.to_string(),
    }
}

fn summary(sum: &Sum) -> String {
    let name = escaped(OsStr::from_bytes(&sum.name));
    let how = if sum.parent.is_some() { "incremental" } else { "full" };
    let state = if sum.complete { "complete" } else { "not complete" };
    let mut text = format!("\n{name}: {how}, {}, {state}\n", sum.version);
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<10}{value}\n"));
        }
    };
    row("uuid", format!("{} at ctransid {}", sum.uuid, sum.ctransid));
    let parent = sum.parent.map(|(uuid, ctransid)| format!("{uuid} at ctransid {ctransid}"));
    row("parent", parent.unwrap_or_default());
    row("commands", format!("{} in {}", sum.commands(), size::bytes(sum.bytes)));
    row("", list(sum.counts().map(|(kind, count)| format!("{count} {kind}"))));
    row("creates", created(sum));
    row("data", data(sum.data));
    text
}

fn created(sum: &Sum) -> String {
    let created = sum.created().into_iter().filter(|(_, count)| *count > 0);
    list(created.map(|(what, count)| format!("{count} {what}")))
}

fn data(data: Data) -> String {
    let packed = format!("written from {} compressed", size::bytes(data.encoded));
    let kinds = [
        (data.written, "written"),
        (data.decoded, &packed),
        (data.cloned, "cloned"),
        (data.omitted, "left out"),
    ];
    let there = kinds.into_iter().filter(|(bytes, _)| *bytes > 0);
    list(there.map(|(bytes, how)| format!("{} {how}", size::bytes(bytes))))
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_be_faked() {
        let rename = Command::Rename { path: b"a\tto=b\nend", to: b"c d " };
        assert_eq!(line(&rename), "rename          a\\tto=b\\nend\tto=c d ");
        assert_eq!(line(&Command::End), "end");
    }

    #[test]
    fn values_are_shown_as_people_know_them() {
        let node = Command::Mknod { path: b"null", ino: 7, rdev: 0x0103, mode: 0o020_666 };
        assert_eq!(line(&node), "mknod           null\tino=7\trdev=1:3\tmode=20666");
        let xattr = |value| line(&Command::SetXattr { path: b"", name: b"user.x", value });
        assert_eq!(xattr(b""), "set_xattr       .\tname=user.x\tvalue=");
        assert_eq!(xattr(b"\x01\xff"), "set_xattr       .\tname=user.x\tvalue=\\x01\\xff");
        assert!(xattr(&[b'v'; 300]).ends_with("vvv... (300 bytes)"));
        let lzo = [3, 4, 7, 8].map(compression);
        assert_eq!(lzo, ["lzo-4k", "lzo-8k", "lzo-64k", "8"]);
    }
}
