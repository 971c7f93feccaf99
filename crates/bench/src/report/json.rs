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
