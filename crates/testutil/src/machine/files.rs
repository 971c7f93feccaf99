//! The directory of a machine: its users, their homes, and what sudo allows them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use tempfile::TempDir;

use super::{Builder, USER};
use crate::must::must;

const UID: u32 = 47_110;
const NOGROUP: u32 = 65_534;

/// Run by the first process of a machine, in the directory of its files.
///
/// A mount that this one has a copy of stays busy for the others: what cannot follow them is let go.
pub(super) const SETUP: &str = r#"
set -e
mounts=$(cat /proc/self/mountinfo)
printf '%s\n' "$mounts" | while read -r _ _ _ _ point _ rest; do
  case $rest in
    *master:*) ;;
    *'- btrfs '*) umount -l "$point" 2>/dev/null || : ;;
  esac
done
mount -t proc proc /proc
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/sshd /run/lock /run/user
mkdir -m 700 /run/user/0
for file in etc/*; do
  test ! -e "/$file" || mount --bind "$file" "/$file"
done
test -z "$1" || ip link set lo up
echo ready
exec cat >/dev/null
"#;

/// Makes the directory.
#[track_caller]
pub(super) fn prepare(how: &Builder) -> TempDir {
    let dir = must("make", "a temporary directory", tempfile::tempdir());
    let path = dir.path();
    // Other users go through it to their homes.
    mode(path, 0o711);
    for below in ["etc", "home", "home/root", "home/root/.ssh", "home/anna"] {
        must("create", path.join(below), fs::create_dir(path.join(below)));
    }
    let home = path.join("home").join(USER);
    must("give away", &home, chown(&home, Some(UID), Some(NOGROUP)));
    users(path, &how.shell);
    file(path, "etc/sudoers", &how.sudoers, 0o440);
    dir
}

/// Makes a directory with a copy of a program, for the original may lie where only root gets.
#[track_caller]
pub(super) fn install(dir: &Path, program: &Path) -> std::path::PathBuf {
    let bin = dir.join("bin");
    must("create", &bin, fs::create_dir(&bin));
    let name = program.file_name().expect("a program has a name");
    must("copy", program, fs::copy(program, bin.join(name)));
    bin
}

/// The users of this machine, with other homes and shells, and one more.
#[track_caller]
fn users(dir: &Path, shell: &Path) {
    let (home, shell) = (dir.join("home"), shell.display());
    let known = must("read", "/etc/passwd", fs::read_to_string("/etc/passwd"));
    let others = known.lines().filter(|line| !line.starts_with("root:"));
    let home = home.display();
    let mut passwd = format!("root:x:0:0:root:{home}/root:{shell}\n");
    passwd += &format!("{USER}:x:{UID}:{NOGROUP}::{home}/{USER}:{shell}\n");
    others.for_each(|line| passwd += &format!("{line}\n"));
    file(dir, "etc/passwd", &passwd, 0o644);
    let shadow = must("read", "/etc/shadow", fs::read_to_string("/etc/shadow"));
    file(dir, "etc/shadow", &format!("{shadow}{USER}:*:19000:0:99999:7:::\n"), 0o640);
}

#[track_caller]
fn file(dir: &Path, name: &str, content: &str, bits: u32) {
    let path = dir.join(name);
    must("write", &path, fs::write(&path, content));
    mode(&path, bits);
}

#[track_caller]
fn mode(path: &Path, bits: u32) {
    must("change", path, fs::set_permissions(path, Permissions::from_mode(bits)));
}
