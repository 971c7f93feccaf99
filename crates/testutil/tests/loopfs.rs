//! Filesystems come, and whatever ends their test, they go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, panic, thread};

use btrsync_testutil::command::{output, program};
use tempfile::TempDir;

use btrsync_testutil::{LoopFs, btrfs, leftovers, require_btrfs, require_tool};

const VICTIM: &str = "BTRSYNC_TEST_VICTIM";

/// Whether the kernel's tables still name a path.
fn is_in_use(path: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let loops = output(program("losetup").args(["--list", "--noheadings", "-O", "BACK-FILE"]));
    let tables = mounts + &String::from_utf8(loops.unwrap()).unwrap();
    tables.contains(path.to_str().unwrap())
}

fn assert_gone(path: &Path) {
    assert!(!path.exists() && !is_in_use(path), "{} is left", path.display());
}

#[test]
fn a_filesystem_lives_as_long_as_its_value() {
    require_btrfs!();
    require_tool!("losetup");
    let fs = LoopFs::new();
    let dir = fs.image().parent().unwrap().to_owned();
    fs::write(fs.path().join("file"), b"x").unwrap();
    assert!(is_in_use(fs.path()) && is_in_use(&fs.image()));
    assert!(fs.device().to_str().unwrap().starts_with("/dev/loop"));
    let own = |line: &String| line.contains(dir.to_str().unwrap());
    assert!(!leftovers().iter().any(own), "a living process leaves nothing");
    drop(fs);
    assert_gone(&dir);
}

#[test]
fn a_panic_cleans_up() {
    require_btrfs!();
    let mut dir = PathBuf::new();
    let result = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let fs = LoopFs::new();
        let _subvol = fs.mount_subvol("/");
        dir = fs.image().parent().unwrap().to_owned();
        panic!("as a failing test does");
    }));
    assert!(result.is_err());
    assert_gone(&dir);
}

/// How much was read from the device since it was attached, in sectors.
fn sectors_read(fs: &LoopFs) -> u64 {
    let name = fs.device().file_name().unwrap();
    let stat = fs::read_to_string(Path::new("/sys/block").join(name).join("stat")).unwrap();
    stat.split_whitespace().nth(2).unwrap().parse().unwrap()
}

#[test]
fn nothing_is_cached_of_a_filesystem_that_was_reopened() {
    require_btrfs!();
    let mut fs = LoopFs::builder().mount_options("noatime").build();
    let (file, bytes) = (fs.path().join("file"), vec![7; 4 << 20]);
    fs::write(&file, &bytes).unwrap();
    btrfs::sync(fs.path());
    let read = |fs: &LoopFs| {
        let before = sectors_read(fs);
        assert_eq!(fs::read(&file).unwrap(), bytes);
        sectors_read(fs) - before
    };
    assert!(read(&fs) < 1000, "what was just written is in the cache");
    fs.reopen();
    assert!(read(&fs) >= 8192, "all of it comes from the device");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let line = mounts.lines().find(|line| line.contains(fs.path().to_str().unwrap())).unwrap();
    assert!(line.contains("noatime"), "{line}");
}

#[test]
fn choices_reach_mkfs_and_mount() {
    require_btrfs!();
    let fs = LoopFs::builder()
        .size_mib(300)
        .mkfs_args(["-L", "a label"])
        .mount_options("compress=zstd:3,noatime")
        .build();
    assert_eq!(fs::metadata(fs.image()).unwrap().len(), 300 << 20);
    let label = output(program("btrfs").args(["filesystem", "label"]).arg(fs.path())).unwrap();
    assert_eq!(label, b"a label\n");
    assert!(options(fs.path()).contains("compress=zstd:3"));
    fs.remount("ro");
    assert!(options(fs.path()).starts_with("ro,"));
    assert!(fs::write(fs.path().join("file"), b"").is_err());
}

fn options(point: &Path) -> String {
    let options = output(program("findmnt").args(["-n", "-o", "OPTIONS"]).arg(point));
    String::from_utf8(options.unwrap()).unwrap()
}

#[test]
#[should_panic(expected = "mkfs.btrfs")]
fn a_bad_choice_is_told() {
    if btrsync_testutil::require::btrfs_missing().is_some() {
        panic!("skipped, so: mkfs.btrfs");
    }
    let _ = LoopFs::builder().mkfs_args(["--no-such-option"]).build();
}

#[test]
fn a_subvolume_is_mounted_at_a_place_of_its_own() {
    require_btrfs!();
    let fs = LoopFs::new();
    btrfs::create_subvolume(&fs.path().join("home"));
    fs::write(fs.path().join("home/file"), b"x").unwrap();
    let mounts = [fs.mount_subvol("home"), fs.mount_subvol("home")];
    for mount in &mounts {
        assert_eq!(fs::read(mount.path().join("file")).unwrap(), b"x");
    }
    let [first, second] = mounts;
    let point = first.path().to_owned();
    drop(first);
    assert!(!is_in_use(&point) && is_in_use(second.path()));
    // The filesystem takes its other mounts along.
    let dir = fs.image().parent().unwrap().to_owned();
    drop(fs);
    assert_gone(&dir);
}

#[test]
fn subvolumes_are_made_shown_and_deleted() {
    require_btrfs!();
    let fs = LoopFs::new();
    let [origin, ro, rw] = ["-origin", "ro", "rw"].map(|name| fs.path().join(name));
    btrfs::create_subvolume(&origin);
    btrfs::snapshot_ro(&origin, &ro);
    btrfs::snapshot_rw(&ro, &rw);
    assert!(btrfs::show(&ro).is_read_only() && !btrfs::show(&rw).is_read_only());
    assert_eq!(btrfs::show(&rw).get("Parent UUID"), btrfs::show(&ro).get("UUID"));
    btrfs::set_ro(&ro, false);
    assert!(!btrfs::show(&ro).is_read_only());
    btrfs::delete(&ro);
    assert!(!ro.exists());
}

#[test]
fn twenty_at_once() {
    require_btrfs!();
    let make = |number: usize| {
        let fs = LoopFs::builder().size_mib(128).build();
        fs::write(fs.path().join("number"), number.to_string()).unwrap();
        fs
    };
    let all: Vec<LoopFs> = thread::scope(|scope| {
        let threads: Vec<_> = (0..20).map(|number| scope.spawn(move || make(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (number, fs) in all.iter().enumerate() {
        assert_eq!(fs::read_to_string(fs.path().join("number")).unwrap(), number.to_string());
    }
}

/// Not a test of its own: the process that the next test kills.
#[test]
fn victim() {
    if env::var_os(VICTIM).is_some() {
        let fs = LoopFs::new();
        btrfs::create_subvolume(&fs.path().join("sub"));
        let mount = fs.mount_subvol("sub");
        println!("\nvictim {}", mount.path().display());
        loop {
            thread::park();
        }
    }
}

/// A base directory of its own, so that no other test sweeps the victims, and the victims in it.
struct Scene {
    victims: Vec<Child>,
    base: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { victims: Vec::new(), base: TempDir::new_in("/dev/shm").unwrap() }
    }

    /// Starts this program again as a victim; returns where that has its extra mount.
    fn start(&mut self) -> PathBuf {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "victim", "--nocapture"]).stdout(Stdio::piped());
        command.env(VICTIM, "1").env("BTRSYNC_TEST_DIR", self.base.path());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        self.victims.push(child);
        let mut lines = lines.map(|line| line.unwrap());
        lines.find_map(|line| Some(line.strip_prefix("victim ")?.into())).unwrap()
    }

    /// Kills the victim that was started first.
    fn kill(&mut self) {
        let mut victim = self.victims.remove(0);
        victim.kill().unwrap();
        victim.wait().unwrap();
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        while !self.victims.is_empty() {
            self.kill();
        }
        let _ = sweep(self.base.path());
    }
}

/// Runs one test of this program in a process of its own, which sweeps `base` first.
fn sweep(base: &Path) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "a_filesystem_lives_as_long_as_its_value"]);
    let result = command.env("BTRSYNC_TEST_DIR", base).output().unwrap();
    String::from_utf8(result.stdout).unwrap()
}

fn assert_sweeps(base: &Path) {
    let told = sweep(base);
    assert!(told.contains("1 passed"), "{told}");
}

/// What the program `testutil-leftovers` prints; it fails if that is anything.
fn run_leftovers(base: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testutil-leftovers"));
    let result = command.env("BTRSYNC_TEST_DIR", base).output().unwrap();
    assert_eq!(result.status.success(), result.stdout.is_empty());
    String::from_utf8(result.stdout).unwrap()
}

#[test]
fn what_a_killed_process_leaves_is_told_and_swept() {
    require_btrfs!();
    let mut scene = Scene::new();
    let base = scene.base.path().to_owned();
    let (killed, living) = (scene.start(), scene.start());
    scene.kill();
    assert!(is_in_use(&killed), "nothing is left to sweep");
    let told = run_leftovers(&base);
    assert!(told.contains(killed.to_str().unwrap()) && told.contains("image is attached"));
    assert!(!told.contains(living.to_str().unwrap()));

    assert_sweeps(&base);
    assert_gone(killed.parent().unwrap().parent().unwrap());
    assert!(is_in_use(&living), "the living are not swept");
    scene.kill();
    assert_sweeps(&base);
    assert_gone(&living);
    assert!(!run_leftovers(&base).contains(base.to_str().unwrap()));
    assert_eq!(fs::read_dir(&base).unwrap().count(), 0);
}
