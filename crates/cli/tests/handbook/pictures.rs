//! The pictures of the handbook are made by the program itself, of the scene that is told here.
//!
//! The hazard is a picture of another version. `BTRSYNC_TEST_WRITE=1` makes them anew, to be looked at before
//! they are committed.

use std::fs;

use btrsync_testutil::require_machines;

use crate::docs;
use crate::page::Block;
use crate::world::World;

/// Two days after all that stands in it was made.
const PICTURES: &str = "\
export SOURCE_DATE_EPOCH=$(($(date +%s) + 172800 + 60))
btrsync tree --format svg /mnt/data/ > one.svg
btrsync tree --format svg /mnt/data/snapshots/ /mnt/backup > two.svg";

const SCENE: &str = "\
btrfs subvolume create /mnt/data/home
btrfs subvolume create /mnt/data/mail
mkdir /mnt/data/snapshots
head -c 100000 /dev/zero > /mnt/data/home/letter
snapshot() { btrfs subvolume snapshot \"$@\"; }
snapshot -r /mnt/data/home /mnt/data/snapshots/home-1
snapshot -r /mnt/data/home /mnt/data/snapshots/home-2
snapshot -r /mnt/data/mail /mnt/data/snapshots/mail-1
btrsync -y /mnt/data/snapshots/ /mnt/backup
btrfs subvolume delete /mnt/data/snapshots/mail-1
snapshot -r /mnt/data/mail /mnt/data/snapshots/mail-2
snapshot -r /mnt/data/home /mnt/data/snapshots/home-3
snapshot /mnt/data/snapshots/home-1 /mnt/data/snapshots/try";

#[test]
fn the_pictures_are_those_that_the_program_makes() {
    require_machines!();
    let world = World::new();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let script = format!("cd '{}'\n{SCENE}\n{PICTURES}", dir.path().display());
    world.run(&Block { script, exit: 0, says: Vec::new() });
    for (made, name) in [("one.svg", "tree.svg"), ("two.svg", "tree-between.svg")] {
        let made = fs::read_to_string(dir.path().join(made)).unwrap();
        let path = docs().join("pictures").join(name);
        if std::env::var_os("BTRSYNC_TEST_WRITE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &made).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(kept, made, "make {name} anew with BTRSYNC_TEST_WRITE=1");
    }
}
