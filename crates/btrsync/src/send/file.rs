//! A stream in a file of the caller's choice. Under its name stands what stood there before, until all
//! of the new stream is on disk.

use std::fs::File;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::error::SendError;
use crate::sync::root::{DumpError, DumpFile};

/// Lets `write` write to a new file and then puts that under the name `path`, also in the place of
/// another file. A device, a FIFO or a socket cannot be replaced and is written to directly.
///
/// # Errors
///
/// What `write` returns, and where the file cannot be created, written or renamed; nothing has changed
/// under its name then.
pub fn into_file<E: From<SendError>>(
    path: &Path,
    write: impl FnOnce(File) -> Result<(), E>,
) -> Result<(), E> {
    if path.metadata().is_ok_and(|found| is_special(found.file_type())) {
        let open = File::options().write(true).open(path);
        return write(open.map_err(|source| io("open", path, source))?);
    }
    // The file that a symbolic link leads to is what is to be replaced, and not the link.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let (directory, name) =
        split(&path).ok_or_else(|| io("write to", &path, rustix::io::Errno::ISDIR.into()))?;
    let dir = File::open(&directory).map_err(|source| io("open", &directory, source))?;
    // That other runs have left something is no reason not to write.
    let _ = DumpFile::remove_leftovers(&dir, &directory);
    let file = DumpFile::create(&dir, &directory, uuid::Uuid::nil()).map_err(SendError::from)?;
    write(file.writer().map_err(SendError::from)?)?;
    file.replace(name).map_err(SendError::from)?;
    Ok(())
}

fn is_special(kind: std::fs::FileType) -> bool {
    kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket()
}

/// The directory and the name in it; nothing where the path can only be that of a directory.
fn split(path: &Path) -> Option<(PathBuf, &std::ffi::OsStr)> {
    let name = path.file_name().filter(|_| !path.is_dir())?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Some((directory.unwrap_or(Path::new(".")).to_path_buf(), name))
}

fn io(what: &'static str, path: &Path, source: std::io::Error) -> SendError {
    DumpError::Io { what, path: path.to_path_buf(), source }.into()
}
