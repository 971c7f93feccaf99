//! A side that tells what its digests do not say makes no tree equal.

use std::fs;

use async_trait::async_trait;
use btrsync::sync::root::RootError;
use btrsync::verify::{Digests, Entry, Tree, VerifyError, compare};
use btrsync_testutil::{LoopFs, require_btrfs};

use crate::support::read;

/// Tells the entries of another tree.
#[derive(Debug)]
struct Liar {
    truth: Tree,
    lie: fn(Vec<Entry>) -> Vec<Entry>,
}

#[async_trait]
impl Digests for Liar {
    fn root(&self) -> &Entry {
        self.truth.root()
    }

    async fn children(&self, directory: &Entry) -> Result<Vec<Entry>, RootError> {
        self.truth.children(directory).await.map(self.lie)
    }
}

#[tokio::test]
async fn an_answer_that_is_not_what_was_digested_is_an_error() {
    require_btrfs!();
    let fs = LoopFs::new();
    let [left, right] = ["left", "right"].map(|name| fs.path().join(name));
    for (dir, content) in [(&left, "one"), (&right, "two")] {
        fs::create_dir_all(dir.join("sub")).unwrap();
        fs::write(dir.join("sub/file"), content).unwrap();
        crate::pair::fix_times(dir);
    }
    let left = read(&left);
    let lies: [fn(Vec<Entry>) -> Vec<Entry>; 3] = [
        |_| Vec::new(),
        |entries| entries.iter().chain(&entries).cloned().collect(),
        |entries| entries.into_iter().map(|entry| Entry { mode: 0, ..entry }).collect(),
    ];
    for lie in lies {
        let liar = Liar { truth: read(&right), lie };
        let error = compare(&left, &liar, 10).await.unwrap_err();
        let lied = matches!(error, RootError::Verify(VerifyError::Contradiction { .. }));
        assert!(lied, "{error}");
    }
    let honest = Liar { truth: read(&right), lie: |entries| entries };
    compare(&left, &honest, 10).await.unwrap();
}
