//! Reports as files, for programs and for the documentation.

use std::fs;
use std::io;
use std::path::Path;

use super::Report;

/// Writes `NAME.json` into a directory, which is created.
///
/// # Errors
/// The first failure.
pub fn write(report: &Report, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let text = serde_json::to_string_pretty(report)?;
    fs::write(dir.join(format!("{}.json", report.name)), text + "\n")
}

/// Reads what [`write()`] has written; none where nothing was.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read(dir: &Path, name: &str) -> io::Result<Option<Report>> {
    match fs::read(dir.join(format!("{name}.json"))) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
