//! Changes of the origin: enough bytes for some checkpoints, and some names that change their places.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::path::Path;

use btrsync_testutil::{Random, write_files_seeded};
use rustix::fs::{CWD, RenameFlags, XattrFlags, renameat_with, setxattr};

const FILES: usize = 10;
const SIZE: usize = 70_000;

/// Fills an empty subvolume.
#[track_caller]
pub(crate) fn begin(origin: &Path) {
    for (number, name) in ["one", "two"].iter().enumerate() {
        let dir = origin.join(name);
        fs::create_dir(&dir).unwrap();
        write_files_seeded(&dir, FILES, SIZE, number as u64);
    }
}

/// Changes it in some ways.
#[track_caller]
pub(crate) fn change(origin: &Path, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..3 + random.below(4) {
        one(origin, &mut random);
    }
}

fn one(origin: &Path, random: &mut Random) {
    let dir = origin.join(["one", "two"][random.below(2) as usize]);
    let file = dir.join(format!("file-{:06}", random.below(FILES as u64)));
    match random.below(6) {
        0 => renameat_with(CWD, origin.join("one"), CWD, origin.join("two"), RenameFlags::EXCHANGE)
            .unwrap(),
        1 => fs::write(dir.join(format!("new-{}", random.below(5))), random.bytes(SIZE)).unwrap(),
        2 => drop(fs::remove_file(dir.join(format!("new-{}", random.below(5))))),
        3 => fs::set_permissions(&file, fs::Permissions::from_mode(0o600 + random.below(8) as u32))
            .unwrap(),
        4 => {
            chown(&file, Some(random.below(9) as u32), None).unwrap();
            setxattr(&file, "user.changed", &random.bytes(20), XattrFlags::empty()).unwrap();
        }
        _ => {
            let file = fs::File::options().write(true).open(&file).unwrap();
            file.write_all_at(&random.bytes(50_000), random.below(SIZE as u64)).unwrap();
        }
    }
}
