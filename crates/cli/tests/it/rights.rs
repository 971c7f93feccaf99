//! What works without root, and with fewer capabilities than root has.
//!
//! The hazard is a run without some right that looks like success: each must either be complete, or say what is
//! missing and leave nothing under a final name.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use btrsync_testutil::command::program;
use btrsync_testutil::{LoopFs, btrfs, require_btrfs, require_tool};

use crate::doctor::ill;
use crate::support::{Ended, Pair, State, arrived, no_leftover, run, subvolume};

const NOBODY: u32 = 65_534;

/// The binary may lie where only root gets.
struct User {
    dir: tempfile::TempDir,
}

impl User {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_btrsync"), dir.path().join("btrsync")).unwrap();
        Self { dir }
    }

    fn binary(&self) -> PathBuf {
        self.dir.path().join("btrsync")
    }

    /// A command of somebody without any rights.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = program("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]);
        command.arg(self.binary()).args(words);
        command
    }

    fn run(&self, words: &[&str], paths: &[&Path]) -> Ended {
        Ended::of(self.command(words).args(paths))
    }
}

/// Two filesystems, the source mounted with an option, with snapshots that anybody may read and subvolumes of
/// the user's own; all of it sent by root.
fn sent(option: &str) -> Pair {
    let src = LoopFs::builder().mount_options(option).build();
    let pair = Pair::of(src, LoopFs::new());
    subvolume(&pair.origin());
    for name in ["1", "2"] {
        fs::write(pair.origin().join("file"), name).unwrap();
        pair.take(name);
    }
    let own = pair.src.path().join("own");
    fs::create_dir(&own).unwrap();
    for name in ["home", "other"] {
        chown(subvolume(&own.join(name)), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    chown(&own, Some(NOBODY), Some(NOBODY)).unwrap();
    run(pair.args(&["-y"])).exits(0);
    btrfs::sync(pair.src.path());
    pair
}

const PART: &str = "only what this user can reach is seen";

#[test]
fn whoever_may_only_read_can_see_everything_that_he_reaches() {
    require_btrfs!();
    require_tool!("setpriv");
    for option in ["noatime", "user_subvol_rm_allowed"] {
        let (pair, user) = (sent(option), User::new());
        let (source, destination) = (State::of(pair.src.path()), State::of(pair.dst.path()));
        let (all, snaps, backup) = (pair.src.path().join(""), pair.snaps(), pair.backup());
        let listed = user.run(&["list"], &[&all]).exits(0);
        listed.says(&["snaps/1", "snaps/2", "own/home", "own/other"]).complains(&[PART, "--sudo"]);
        user.run(&["tree"], &[&snaps, &backup]).exits(0).says(&["both"]).complains(&[PART]);
        user.run(&["-n"], &[&snaps, &backup]).exits(0).says(&["Nothing to do"]).complains(&[PART]);
        user.run(&["verify"], &[&snaps, &backup]).exits(0).says(&["2 checked: 2 equal"]);
        let stream = user.dir.path().join("stream");
        fs::write(&stream, btrfs::send(&snaps.join("1"), None)).unwrap();
        user.run(&["inspect"], &[&stream]).exits(0);
        let told = user.run(&["doctor", "--json"], &[&snaps, &backup]).exits(1);
        assert_eq!(ill(&told), ["rights bad", "rights bad", "writable bad"]);
        told.says(&["as far as this user can reach", "without CAP_SYS_ADMIN"]);
        source.unchanged(pair.src.path());
        destination.unchanged(pair.dst.path());
    }
}

#[test]
fn a_plan_without_root_is_that_of_root() {
    require_btrfs!();
    require_tool!("setpriv");
    let (pair, user) = (sent("noatime"), User::new());
    pair.take("3");
    let plan = |ended: &Ended| ended.plan();
    let root = run(pair.args(&["-n", "--json"])).exits(0);
    let args: Vec<_> = pair.args(&["-n", "--json"]).into_iter().collect();
    let theirs = Ended::of(user.command(&[]).args(args)).exits(0);
    assert_eq!(plan(&root), ["snaps/3 incremental"]);
    assert_eq!(plan(&theirs), plan(&root));
}

#[test]
fn whoever_may_not_send_is_told_so_and_has_changed_nothing() {
    require_btrfs!();
    require_tool!("setpriv");
    let (pair, user) = (sent("user_subvol_rm_allowed"), User::new());
    let own = pair.src.path().join("own");
    let before = State::of(pair.src.path());
    let ended = user.run(&["-y"], &[&pair.snaps(), &own]).exits(1);
    ended.complains(&["(os error 1", "what next: run it as root"]);
    before.unchanged(pair.src.path());
    let stream = user.dir.path().join("stream");
    fs::write(&stream, btrfs::send(&pair.snaps().join("1"), None)).unwrap();
    let stream = stream.to_str().unwrap();
    user.run(&["receive", "-f", stream], &[&own]).exits(1).complains(&["what next"]);
    assert!(!own.join("1").exists());
}

/// What a hidden directory holds is not in the plan of whoever may not read it, and is not told.
#[test]
fn what_is_closed_to_a_user_stays_unseen() {
    require_btrfs!();
    require_tool!("setpriv");
    let (pair, user) = (sent("noatime"), User::new());
    let secret = pair.src.path().join("secret");
    fs::create_dir(&secret).unwrap();
    subvolume(&secret.join("hidden"));
    fs::set_permissions(&secret, Permissions::from_mode(0o700)).unwrap();
    let listed = user.run(&["list"], &[&pair.src.path().join("")]).exits(0);
    assert!(!listed.out.contains("hidden"), "{listed:#?}");
    listed.complains(&[PART]);
}

/// The capabilities of the service, by which everything must work.
const SERVICE: &str = include_str!("../../../../systemd/btrsync@.service");

fn of_service() -> Vec<String> {
    let line = SERVICE.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    line.unwrap().split(' ').map(|name| name.trim_start_matches("CAP_").to_lowercase()).collect()
}

/// Runs with these capabilities as root, and no others, and with no way to get more.
fn with_only<A: AsRef<std::ffi::OsStr>>(
    capabilities: &[&str],
    args: impl IntoIterator<Item = A>,
) -> Ended {
    let set: String = capabilities.iter().map(|name| format!(",+{name}")).collect();
    let mut command = program("setpriv");
    command.arg(format!("--bounding-set=-all{set}")).arg(format!("--inh-caps=-all{set}"));
    command.args(["--no-new-privs", "--"]).arg(env!("CARGO_BIN_EXE_btrsync"));
    Ended::of(command.args(args))
}

#[test]
fn what_the_service_has_is_enough_for_a_zoo() {
    require_btrfs!();
    require_tool!("setpriv");
    let pair = Pair::with_zoo(2);
    let set = of_service();
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    with_only(&set, pair.args(&["-y", "--verify"])).exits(0);
    for name in ["round-0", "round-1"] {
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
    no_leftover(pair.dst.path());
}

/// What becomes of a run that lacks one of them: it is complete, or says so and leaves nothing that looks
/// complete.
#[test]
fn without_one_capability_a_copy_is_right_or_is_none() {
    require_btrfs!();
    require_tool!("setpriv");
    let pair = Pair::with_zoo(1);
    let (set, copy) = (of_service(), pair.backup().join("round-0"));
    let lacked = set.iter().filter(|lacking| {
        let rest = set.iter().filter(|name| name != lacking);
        let rest: Vec<&str> = rest.map(String::as_str).collect();
        let ended = with_only(&rest, pair.args(&["-y", "--no-resume"]));
        let failed = !copy.exists();
        if failed {
            ended.exits(1).complains(&["(os error 1", "what next: run it as root"]);
        } else {
            ended.exits(0);
            arrived(&pair.snaps().join("round-0"), &copy);
            btrfs::delete(&copy);
        }
        no_leftover(pair.dst.path());
        failed
    });
    let mut needed: Vec<&str> = lacked.map(String::as_str).collect();
    needed.sort_unstable();
    assert_eq!(needed, NEEDED);
}

/// Without which of them root cannot send and receive a zoo of its own.
const NEEDED: &[&str] =
    &["chown", "dac_override", "fowner", "fsetid", "mknod", "setfcap", "sys_admin"];

/// What the handbook says of a job that only sends.
#[test]
fn whoever_only_sends_and_verifies_needs_two() {
    require_btrfs!();
    require_tool!("setpriv");
    let pair = Pair::with_zoo(1);
    let set = ["sys_admin", "dac_read_search"];
    let file = pair.src.path().join("stream");
    let snap = pair.snaps().join("round-0");
    let words = |words: &[&str]| words.iter().map(std::ffi::OsString::from).collect::<Vec<_>>();
    let send = [words(&["send", "-q", "-f"]), vec![file.clone().into(), snap.clone().into()]];
    with_only(&set, send.concat()).exits(0);
    assert_eq!(fs::read(&file).unwrap(), btrfs::send(&snap, None));
    run(pair.args(&["-y"])).exits(0);
    let verify = [words(&["verify"]), vec![snap.into(), pair.backup().into()]];
    with_only(&set, verify.concat()).exits(0).says(&["1 equal"]);
}
