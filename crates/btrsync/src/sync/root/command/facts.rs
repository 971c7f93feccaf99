//! What is known of a machine that is reached through a shell, and of a place on it.
//!
//! Whatever is missing there leaves a part unknown, and no more: the scripts go on where a command fails.

use std::path::Path;
use std::sync::Arc;

use super::super::error::RootError;
use super::super::facts::{Facts, Machine, Metadata, Progs, Site, lockers};
use super::leftovers::unfinished;
use super::place::Place;
use super::script::Script;
use super::{Link, Shell, list};
use crate::sync::root::Kind;

/// Prints what there is to know, each with a NUL behind it.
const MACHINE: &str = r#"
c=; e=$($S true 2>&1) && { e=; c=$($S cat /proc/self/status); }
v=$(btrfs --version 2>/dev/null) || v=$($S btrfs --version 2>/dev/null)
printf '%s\0' "$(uname -r 2>/dev/null || cat /proc/sys/kernel/osrelease)" "$(uname -m 2>/dev/null)" "$(cat /proc/filesystems 2>/dev/null)" "$(cat /sys/fs/btrfs/features/send_stream_version 2>/dev/null)" "$v" "$(command -v flock)" "$e" "$c"
"#;

/// Prints the numbers of a filesystem, how it shares its room, whether a subvolume is read-only, and the locks
/// of the machine.
const SITE: &str = r#"
m=$(btrfs filesystem df -b "$1" 2>/dev/null) || m=$($S btrfs filesystem df -b "$1" 2>/dev/null)
r=; test -n "$2" && r=$($S btrfs property get -t subvol "$2" ro 2>/dev/null)
printf '%s\0' "$(stat -f -c '%S %b %a' -- "$1" 2>/dev/null)" "$m" "$r" "$(cat /proc/locks 2>/dev/null)"
"#;

/// Prints those processes that have a file open.
const HOLDERS: &str = r#"d=$1; shift; for p; do for f in /proc/"$p"/fd/*; do t "$f" -ef "$d" && { printf '%s\0' "$p"; break; }; done; done"#;

/// Looks at the machine and, if it is wanted, at a place.
pub(super) fn facts(link: Arc<Link>, sudo: bool, path: Option<&Path>) -> Result<Facts, RootError> {
    let shell = Shell::new(link, sudo);
    let machine = machine(&shell.ask(&Script::new(MACHINE))?);
    let (site, problem) = match path.map(|path| site(&shell, path)) {
        None => (None, None),
        Some(Ok(site)) => (Some(site), None),
        Some(Err(error)) if error.is_cancelled() => return Err(error),
        Some(Err(error)) => (None, Some(error.to_string())),
    };
    Ok(Facts { machine, site, problem, ..Facts::default() })
}

fn machine(answer: &[u8]) -> Machine {
    let mut fields = answer.split(|c| *c == 0);
    let mut next = || fields.next().unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let [kernel, processor] = [text(next()), text(next())];
    let (filesystems, send_version, progs) = (next(), text(next()), next());
    let (flock, sudo, status) = (next(), text(next()), next());
    let machine = Machine {
        kernel,
        processor,
        btrfs: Machine::knows_btrfs(filesystems),
        send_version: send_version.parse().ok(),
        landlock: None,
        progs: Progs::read(progs),
        flock: !flock.is_empty(),
        sudo: Some(sudo).filter(|sudo| !sudo.is_empty()),
        ..Machine::default()
    };
    machine.with_status(status)
}

fn site(shell: &Shell, path: &Path) -> Result<Site, RootError> {
    let place = Place::ask(shell, path)?;
    let root = place.root.as_deref().filter(|_| place.mount.is_btrfs);
    let script = Script::new(SITE).arg(&place.existing).arg(root.unwrap_or(Path::new("")));
    let answer = shell.ask(&script)?;
    let mut fields = answer.split(|c| *c == 0);
    let mut next = || fields.next().unwrap_or_default();
    let (free, metadata, read_only, locks) = (next(), next(), next(), next());
    let kind = match place.kind {
        Kind::Missing => Kind::Directory,
        kind => kind,
    };
    let site = Site {
        kind,
        read_only: place.mount.is_read_only,
        subvolume: root.is_some(),
        subvolume_read_only: property(read_only),
        writable: place.is_writable,
        free: room(free),
        metadata: shared(metadata),
        locked: holder(shell, &place, locks)?,
        ..Site::default()
    };
    let site = root.map_or(Ok(site.clone()), |root| with_listing(shell, root, &place, site))?;
    let Place { existing, missing, mount, .. } = place;
    let (filesystem, options) = (mount.kind, mount.options);
    Ok(Site { path: existing, missing, filesystem, options, mount: mount.point, ..site })
}

fn with_listing(shell: &Shell, root: &Path, place: &Place, site: Site) -> Result<Site, RootError> {
    let below = place.existing.strip_prefix(root).unwrap_or(Path::new("")).join(&place.missing);
    match list::list(shell, root) {
        Ok(listing) => Ok(Site { left: Some(unfinished(&listing, &below).len()), ..site }),
        Err(error) if error.is_cancelled() => Err(error),
        Err(error) => Ok(Site { unlisted: Some(error.to_string()), ..site }),
    }
}

fn holder(shell: &Shell, place: &Place, locks: &[u8]) -> Result<Option<i32>, RootError> {
    let pids = lockers(locks, &place.mount.device, place.inode);
    if pids.is_empty() {
        return Ok(None);
    }
    let script = Script::new(HOLDERS).arg(&place.existing);
    let found = shell.ask(&script.args(pids.iter().map(i32::to_string)))?;
    let first = found.split(|c| *c == 0).next().unwrap_or_default();
    Ok(std::str::from_utf8(first).ok().and_then(|pid| pid.parse().ok()))
}

fn property(text: &[u8]) -> Option<bool> {
    match text {
        b"ro=true" => Some(true),
        b"ro=false" => Some(false),
        _ => None,
    }
}

/// Reads the size of a block, all blocks, and those that are free.
fn room(text: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(text).ok()?;
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [size, all, free] = numbers[..] else { return None };
    Some((free.checked_mul(size)?, all.checked_mul(size)?))
}

/// Reads what `btrfs filesystem df -b` prints.
fn shared(text: &[u8]) -> Option<Metadata> {
    let text = std::str::from_utf8(text).ok()?;
    let is_it = |line: &&str| line.starts_with("Metadata, ") || line.starts_with("Data+Metadata, ");
    let line = text.lines().find(is_it)?;
    let number = |name: &str| {
        let rest = line.split_once(name)?.1;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    Some(Metadata { used: number("used=")?, total: number("total=")?, unallocated: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart_and_what_is_missing_is_unknown() {
        let all = machine(
            b"6.1.0-x\0x86_64\0nodev\tproc\n\tbtrfs\x002\0btrfs-progs v6.2\0/usr/bin/flock\0\0Uid:\t0\t0\t0\t0\nCapEff:\tff\n\0",
        );
        assert_eq!((all.kernel.as_str(), all.btrfs, all.send_version), ("6.1.0-x", true, Some(2)));
        assert_eq!(all.progs.unwrap().version, "6.2");
        assert_eq!((all.flock, all.user, all.sudo), (true, Some(0), None));
        let none = machine(b"");
        assert_eq!(none, Machine::default());
    }

    #[test]
    fn numbers_of_a_filesystem() {
        assert_eq!(room(b"4096 100 7"), Some((28_672, 409_600)));
        assert_eq!((room(b"4096 100"), room(b"4096 100 99999999999999999999")), (None, None));
        let df = b"Data, single: total=8388608, used=65536\nSystem, DUP: total=8388608, used=16384\n\
            Metadata, DUP: total=53673984, used=147456\nGlobalReserve, single: total=3407872, used=0";
        let metadata = Metadata { used: 147_456, total: 53_673_984, unallocated: None };
        assert_eq!(shared(df), Some(metadata));
        assert_eq!(shared(b"Metadata, x"), None);
        assert_eq!((property(b"ro=true"), property(b"")), (Some(true), None));
    }
}
