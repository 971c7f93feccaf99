//! Lists the subvolumes of the other side from what btrfs-progs prints.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use btrsync_stream::{Command, FrameReader};
use uuid::Uuid;

use super::super::error::RootError;
use super::Shell;
use super::script::Script;
use super::text::{self, Listed, TextError};
use crate::btrfs::Subvolume;

/// Prints four texts and the version, each but the last with a NUL behind it, which no name can hold.
const LIST: &str = r#"
r btrfs --version || exit; printf '\0'
r btrfs inspect-internal rootid "$1"; printf '\0'
r btrfs subvolume list -a -p -c -u -q -R "$1"; printf '\0'
r btrfs subvolume list -t -a -p -c -u -q -R "$1"; printf '\0'
r btrfs subvolume list -r -a -p -c -u -q -R "$1"
"#;

/// How often a listing is asked for that changed while it was printed.
const ATTEMPTS: usize = 5;

/// All subvolumes of a filesystem.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The id of the subvolume that was asked for.
    pub(super) root: u64,
    /// All but the top level, each with its path from there.
    pub(super) vols: Vec<Subvolume>,
}

/// Lists the filesystem of the subvolume at `path`.
pub(super) fn list(shell: &Shell, path: &Path) -> Result<Listing, RootError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let answer = shell.ask(&Script::new(LIST).arg(path))?;
        match read(&answer) {
            Ok(listing) => return Ok(listing),
            // A rename between the listings can look like a text that is not understood.
            Err(_) if attempts < ATTEMPTS => {}
            Err(error) => {
                return Err(shell.garbled("btrfs subvolume list", &error.to_string()).into());
            }
        }
    }
}

/// Prints what is known of each, and the beginning of a stream of it as digits, both with a NUL behind;
/// nothing of one that has gone meanwhile. Only a stream tells when the last change was.
const SHOW: &str = r#"for p; do
$S btrfs subvolume show "$p" 2>/dev/null; printf '\0'
$S btrfs send --no-data "$p" 2>/dev/null | head -c 400 | od -A n -v -t x1; printf '\0'
done"#;

impl Listing {
    /// Returns where the paths of this listing begin, if the subvolume that was asked for is at `path`:
    /// where the top level is mounted, or would be. A guess, which [`complete`] verifies.
    pub(super) fn top(&self, path: &Path) -> Option<PathBuf> {
        let root = self.vols.iter().find(|vol| vol.id == self.root);
        let below = root.map_or(Path::new(""), |root| &root.path);
        let depth = below.components().count();
        path.ends_with(below).then(|| path.ancestors().nth(depth).map(Path::to_path_buf))?
    }
}

/// Completes subvolumes, each with the path that it is at, with what a listing leaves out.
pub(super) fn complete(
    shell: &Shell,
    vols: Vec<(PathBuf, Subvolume)>,
) -> Result<Vec<Subvolume>, RootError> {
    let answer = shell.ask(&Script::new(SHOW).args(vols.iter().map(|(path, _)| path)))?;
    let texts: Vec<&[u8]> = answer.split(|c| *c == 0).collect();
    let vols = vols.into_iter().map(|(_, vol)| vol);
    Ok(vols.zip(texts.chunks_exact(2)).map(completed).collect())
}

/// What cannot be read stays as unknown as it was.
fn completed((mut vol, texts): (Subvolume, &[&[u8]])) -> Subvolume {
    let shown =
        text::shown(texts[0]).ok().filter(|shown| (shown.id, shown.uuid) == (vol.id, vol.uuid));
    let Some(shown) = shown else { return vol };
    if vol.received_uuid.is_some() {
        (vol.stransid, vol.rtransid) = (shown.stransid, shown.rtransid);
    }
    let changed = digits(texts[1]).and_then(|stream| ctransid(&stream, vol.stream_uuid()?));
    vol.ctransid = changed.or(vol.ctransid);
    vol
}

/// Reads what `od` prints: bytes as two digits each.
fn digits(text: &[u8]) -> Option<Vec<u8>> {
    let words = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    words.map(|word| u8::from_str_radix(word, 16).ok()).collect()
}

/// Reads when the subvolume of a stream was last changed, from its first command.
fn ctransid(stream: &[u8], of: Uuid) -> Option<u64> {
    let mut frames = FrameReader::new(stream);
    let frame = frames.next_frame().ok()??;
    match Command::decode(&frame) {
        Ok(Command::Subvol { uuid, ctransid, .. }) if uuid == of => Some(ctransid),
        _ => None,
    }
}

fn read(answer: &[u8]) -> Result<Listing, TextError> {
    let mut texts = answer.split(|c| *c == 0);
    let mut next = || texts.next().unwrap_or_default();
    text::Version::parse(next())?.check()?;
    let root = text::root_id(next())?;
    let listed = text::listing(next(), next(), root)?;
    let read_only = text::read_only(next(), &listed, root)?;
    let vols = listed.into_iter().map(|one| subvolume(one, &read_only)).collect();
    Ok(Listing { root, vols })
}

fn subvolume(listed: Listed, read_only: &HashSet<u64>) -> Subvolume {
    // What changed a file has also changed the tree, so a tree as old as its subvolume tells both.
    let untouched = listed.generation == listed.otransid;
    Subvolume {
        id: listed.id,
        parent_id: Some(listed.parent_id),
        name: listed.path.file_name().unwrap_or_default().to_os_string(),
        path: listed.path,
        uuid: listed.uuid,
        parent_uuid: listed.parent_uuid,
        received_uuid: listed.received_uuid,
        generation: Some(listed.generation),
        ctransid: untouched.then_some(listed.otransid),
        otransid: Some(listed.otransid),
        read_only: read_only.contains(&listed.id),
        ..Subvolume::default()
    }
}
