//! What stands at a destination, as the `btrfs` program and the full comparison see it.

use std::path::Path;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{Compare, Tree, assert_identical, btrfs, snapshot_of};

/// The state of a filesystem: the trees of all its subvolumes, and how `btrfs` lists them.
#[derive(Debug)]
pub(crate) struct State {
    trees: Vec<(String, Tree)>,
    listed: String,
}

impl State {
    /// Reads everything; the subvolumes must have names without newlines.
    #[track_caller]
    pub(crate) fn of(top: &Path) -> Self {
        btrfs::sync(top);
        let listed = subvolumes(top);
        let paths = listed.lines().map(|line| line.split_once(" path ").unwrap().1);
        let tree = |path: &str| (path.to_owned(), snapshot_of(&top.join(path)));
        let trees = [""].into_iter().chain(paths).map(tree).collect();
        Self { trees, listed }
    }

    /// Asserts that nothing at all has changed since: no time, no generation.
    #[track_caller]
    pub(crate) fn unchanged(&self, top: &Path) {
        assert_eq!(self.listed, subvolumes(top));
        self.compare(top, &Compare::default());
    }

    /// Asserts that nothing was added, removed or changed since; directories may have been touched,
    /// and a snapshot that came and went has left a younger generation.
    #[track_caller]
    pub(crate) fn same_content(&self, top: &Path) {
        self.compare(top, &Compare::default().mtime(false));
    }

    #[track_caller]
    fn compare(&self, top: &Path, how: &Compare) {
        let now = Self::of(top);
        assert_eq!(without_generation(&self.listed), without_generation(&now.listed));
        for ((path, before), (_, after)) in self.trees.iter().zip(&now.trees) {
            let changes = how.clone().ignore_nested(false).trees(before, after);
            assert!(changes.is_empty(), "{path:?} has changed: {changes:#?}");
        }
    }
}

fn without_generation(listed: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines = listed.lines().map(words);
    lines.map(|words| [&words[..2], &words[4..]].concat().join(" ")).collect()
}

/// Lists all subvolumes of a filesystem with generation, uuids and path, as `btrfs` prints them.
#[track_caller]
pub(crate) fn subvolumes(top: &Path) -> String {
    let mut list = program("btrfs");
    list.args(["subvolume", "list", "-pcguqR"]).arg(top);
    String::from_utf8_lossy(&output(&mut list).unwrap()).into_owned()
}

/// Asserts that no staging subvolume is left anywhere on a filesystem.
#[track_caller]
pub(crate) fn no_leftover(top: &Path) {
    let listed = subvolumes(top);
    assert!(!listed.contains(".btrsync-"), "{listed}");
}

/// Asserts that a subvolume is a complete copy of another: identical, read-only, and known as such.
#[track_caller]
pub(crate) fn arrived(source: &Path, copy: &Path) {
    assert_identical(source, copy);
    let (source, copy) = (btrfs::show(source), btrfs::show(copy));
    assert!(copy.is_read_only(), "{copy:?}");
    let origin = match source.get("Received UUID") {
        "-" => source.get("UUID"),
        received => received,
    };
    assert_eq!(copy.get("Received UUID"), origin);
}
