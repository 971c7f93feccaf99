//! `btrsync doctor` on this machine: what it finds, and that it leaves everything as it was.
//!
//! The hazard is an examination that writes, and a verdict that nobody has looked for.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs, require_tool};
use rustix::fs::{FlockOperation, flock};

use crate::support::{Ended, Pair, Pty, State, btrsync, subvolume};

fn doctor(locations: &[&Path]) -> Ended {
    Ended::of(btrsync().arg("doctor").arg("--json").args(locations))
}

/// The names of the checks that are not well, with the state of each.
#[track_caller]
pub(crate) fn ill(ended: &Ended) -> Vec<String> {
    let checks = ended.events_of("check").into_iter().filter(|check| check["state"] != "ok");
    let told = checks.inspect(|check| assert!(check["do"].is_string(), "{check}"));
    told.map(|it| format!("{} {}", it["name"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect()
}

#[test]
fn this_machine_and_both_sides_are_well_and_stay_as_they_are() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let (source, destination) = (State::of(pair.src.path()), State::of(pair.dst.path()));
    assert_eq!(ill(&doctor(&[]).exits(0)), [] as [&str; 0]);
    let ended = doctor(&[&pair.snaps(), &pair.backup()]).exits(0);
    assert_eq!(ill(&ended), [] as [&str; 0]);
    let between = ended.events_of("between");
    assert_eq!(between.len(), 7, "{between:#?}");
    assert!(between.iter().all(|feature| feature["has"] == true), "{between:#?}");
    source.unchanged(pair.src.path());
    destination.unchanged(pair.dst.path());
    let one = Ended::of(btrsync().arg("doctor").arg(pair.backup())).exits(0);
    one.says(&["ok   rights", "ok   filesystem   btrfs at /", "yes  resume", "free of"]);
}

/// What changes something, but for writing to what is open: that is opened to be read alone.
const CHANGING: &str = "flock,ioctl,openat,open,creat,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,\
    renameat2,link,linkat,symlink,symlinkat,mknod,mknodat,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,\
    truncate,ftruncate,fallocate,utimensat,setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr,\
    sync,syncfs,fsync,fdatasync,mount,umount2";

#[test]
fn nothing_is_asked_of_the_kernel_that_changes_anything() {
    require_btrfs!();
    require_tool!("strace");
    let pair = Pair::with_snapshots(&["1"]);
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut strace = program("strace");
    strace.args(["-f", "-qq", "-e", &format!("trace={CHANGING}"), "-e", "signal=none", "-o"]);
    strace.arg(log.path()).arg(env!("CARGO_BIN_EXE_btrsync")).arg("doctor");
    output(strace.arg(pair.snaps()).arg(pair.backup())).unwrap();
    let text = fs::read_to_string(log.path()).unwrap();
    let asked =
        ["TREE_SEARCH", "INO_LOOKUP", "SUBVOL_INFO", "FS_INFO", "GETFLAGS", "TCGETS", "TIOCGWINSZ"];
    let harmless = |line: &&str| {
        let reads = line.contains("O_RDONLY") && !line.contains("O_CREAT");
        let opens = line.contains(" open") && (reads || line.contains("\"/dev/null\""));
        opens || (line.contains(" ioctl(") && asked.iter().any(|name| line.contains(name)))
    };
    // Where strace has no name for a request, it has its number: these are those of the names above.
    let numbers = [", 0x11", ", 0x12", ", 0x3c", ", 0x1f", ", 0x19"];
    let by_number = |line: &&str| {
        line.contains("_IOC(")
            && numbers.iter().any(|number| line.contains(&format!("0x94{number}")))
    };
    let changing: Vec<_> =
        text.lines().filter(|line| !harmless(line) && !by_number(line)).collect();
    assert!(changing.is_empty(), "{changing:#?}");
    assert!(text.contains("/proc/self/mountinfo"), "{text}");
}

#[test]
fn what_is_wrong_with_a_place_is_told_with_what_to_do() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let (snap, backup) = (pair.snaps().join("1"), pair.backup());
    let bad = |locations: &[&Path]| ill(&doctor(locations).exits(1));
    assert_eq!(bad(&[Path::new("/proc")]), ["filesystem bad"]);
    let both = doctor(&[Path::new("/proc"), Path::new("/sys")]).exits(1).out;
    assert!(!both.contains("resume"), "no feature follows where no sync is possible: {both}");
    assert_eq!(bad(&[&pair.snaps().join("none"), &backup]), ["path bad"]);
    assert_eq!(bad(&[&pair.snaps(), &snap]), ["writable bad"]);
    assert_eq!(ill(&doctor(&[&snap, &backup.join("new")]).exits(0)), ["path warn"]);
    let mut file = OsString::from(&snap);
    file.push("/file");
    let below = Path::new(&file).join("x");
    assert_eq!(bad(&[&below]), ["path bad"]);
    pair.dst.remount("ro");
    assert_eq!(bad(&[&pair.snaps(), &backup]), ["writable bad"]);
    assert_eq!(ill(&doctor(&[&backup]).exits(0)), ["writable warn"]);
    assert_eq!(ill(&doctor(&[&backup, &pair.snaps()]).exits(0)), [] as [&str; 0]);
}

#[test]
fn what_interrupted_runs_have_left_and_who_has_the_lock_is_told() {
    require_btrfs!();
    let pair = Pair::new();
    subvolume(&pair.backup().join(".btrsync-00000000000000010000000000000002.partial"));
    let lock = File::open(pair.backup()).unwrap();
    // Another directory of the same inode has a lock, too, and that is none of this one's business.
    let other = File::open(pair.src.path()).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    assert_eq!(ill(&doctor(&[&pair.backup()]).exits(0)), ["leftovers warn"]);
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let ended = doctor(&[&pair.backup()]).exits(0);
    assert_eq!(ill(&ended), ["leftovers warn", "lock warn"]);
    ended.says(&[&format!("process {} is using", std::process::id()), "btrsync clean"]);
}

#[test]
fn colours_stay_on_a_terminal_that_wants_them() {
    require_btrfs!();
    require_tool!("script");
    let piped = Ended::of(btrsync().arg("doctor").arg("/proc")).exits(1);
    assert!(!piped.out.contains('\x1b') && piped.out.contains("bad  filesystem"), "{piped:#?}");
    let (code, coloured) = Pty::start_in(["doctor", "/proc"], "", 80, "NO_COLOR=").end();
    assert!(code == 1 && coloured.contains("\x1b[31mbad \x1b[0m"), "{coloured}");
    let (_, plain) = Pty::start_in(["doctor", "/proc"], "", 80, "NO_COLOR=1").end();
    assert!(!plain.contains("\x1b["), "{plain}");
}

#[test]
fn only_a_part_of_a_subvolume_that_is_mounted_is_no_place() {
    require_btrfs!();
    let fs = LoopFs::new();
    fs::create_dir(fs.path().join("dir")).unwrap();
    btrfs::sync(fs.path());
    let point = tempfile::tempdir().unwrap();
    let mount =
        |arguments: &[&Path]| output(program("mount").arg("--bind").args(arguments)).unwrap();
    mount(&[&fs.path().join("dir"), point.path()]);
    let ended = doctor(&[point.path()]);
    output(program("umount").arg(point.path())).unwrap();
    assert_eq!(ill(&ended.exits(1)), ["filesystem bad"]);
}
