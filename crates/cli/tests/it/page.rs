//! The page of `btrsync tree --format html`, in a real browser.
//!
//! The hazard is a name that becomes a part of the page, and a script that has a mistake in it: neither is to be
//! seen in the text of the page. A browser is large and slow to start, so this is for the long form of the tests;
//! what can be seen without one is in `tree.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use btrsync_testutil::command::program;
use btrsync_testutil::{require_btrfs, require_tool};
use tempfile::TempDir;

use crate::support::{Ended, Pair, btrsync, snapshot};

fn is_wanted() -> bool {
    std::env::var_os("BTRSYNC_TEST_FULL").is_some()
}

/// A file with a page, and a browser to look at it.
struct Page {
    home: TempDir,
    path: PathBuf,
}

impl Page {
    fn of(pair: &Pair) -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("page.html");
        let mut tree = btrsync();
        tree.args(["tree", "--format=html", "-o"]).arg(&path).args(pair.args(&[]));
        Ended::of(&mut tree).exits(0);
        Self { home, path }
    }

    /// What the page is once its script has run, and what the browser has said of it.
    fn shown(&self, fragment: &str, options: &[&str]) -> (String, Vec<String>) {
        let mut chromium = program("chromium");
        chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]);
        chromium.arg(format!("--user-data-dir={}", self.home.path().join("profile").display()));
        chromium.args(options).arg(format!("file://{}{fragment}", self.path.display()));
        let output = chromium.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned);
        (String::from_utf8(output.stdout).unwrap(), said.collect())
    }

    fn dom(&self, fragment: &str) -> String {
        let (dom, said) = self.shown(fragment, &["--dump-dom"]);
        assert_eq!(said, [""; 0], "the console is empty");
        dom
    }
}

/// The paths of the rows that are not hidden.
fn rows(dom: &str) -> Vec<&str> {
    let body = dom.split("<tr class=").skip(1);
    let shown = body.filter(|row| !row.split('>').next().unwrap().contains("hidden"));
    shown.map(|row| row.split("<bdi>").nth(1).unwrap().split("</bdi>").next().unwrap()).collect()
}

/// Names that would end an element, begin one, or turn the direction of a line.
fn hostile(pair: &Pair) {
    let snaps = pair.snaps();
    fs::create_dir(snaps.join("a<script>document.title='owned'<")).unwrap();
    for name in [
        "a<script>document.title='owned'</script>",
        "\"><img src=x onerror=document.title='owned'>",
        "'-alert(1)-'",
        "שלום",
        "\u{202e}gnp.exe",
    ] {
        snapshot(&pair.origin(), &snaps.join(Path::new(name)));
    }
}

#[test]
fn the_page_searches_and_no_name_is_more_than_text() {
    require_btrfs!();
    if !is_wanted() {
        return;
    }
    require_tool!("chromium");
    let pair = Pair::with_snapshots(&["monday", "tuesday"]);
    hostile(&pair);
    let page = Page::of(&pair);
    let all = page.dom("");
    assert_eq!(rows(&all).len(), 7, "{all}");
    assert!(all.contains("7 of 7") && all.contains("<button>only here 7</button>"), "{all}");
    assert!(!all.contains("<img") && !all.contains("<title>owned"), "{all}");
    assert_eq!(all.matches("<script>").count(), 1, "{all}");
    assert_eq!(rows(&page.dom("#q=MONDAY+full")), ["snaps/monday"]);
    assert_eq!(rows(&page.dom("#q=from+snaps/monday")), ["snaps/tuesday"]);
    assert_eq!(rows(&page.dom("#q=no-such-name")), [""; 0]);
    let found = page.dom("#q=%22%3E%3Cimg");
    let image = "snaps/\"&gt;&lt;img src=x onerror=document.title='owned'&gt;";
    assert_eq!(rows(&found)[0], image);
    assert!(rows(&found).len() < 3, "that, and what would be sent from it: {found}");
}

#[test]
fn the_page_is_drawn_narrow_and_wide() {
    require_btrfs!();
    if !is_wanted() {
        return;
    }
    require_tool!("chromium");
    let pair = Pair::with_snapshots(&["monday", "tuesday"]);
    let page = Page::of(&pair);
    for columns in [380, 1400] {
        let picture = page.home.path().join(format!("{columns}.png"));
        let options =
            [format!("--screenshot={}", picture.display()), format!("--window-size={columns},600")];
        page.shown("", &[&options[0], &options[1]]);
        let bytes = fs::read(&picture).unwrap();
        // The size stands behind the signature and the name of the first chunk.
        let wide = u32::from_be_bytes(bytes[16..20].try_into().unwrap());
        assert!(
            bytes.starts_with(b"\x89PNG") && wide == columns && bytes.len() > 5_000,
            "{columns}"
        );
    }
}
