//! Reads a page: its blocks of commands, in their order, and what they are said to print.

/// A block of commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) script: String,
    pub(crate) exit: i32,
    /// Lines that must be in what it prints.
    pub(crate) says: Vec<String>,
}

/// Returns the blocks that are to be run. All others must say why not.
#[track_caller]
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(tag) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match tag.split_once(' ') {
            Some(("sh", "run")) => blocks.push(block(&body, 0)),
            Some(("sh", how)) if how.starts_with("run exit=") => {
                blocks.push(block(&body, how["run exit=".len()..].parse().unwrap()));
            }
            Some(("sh", how)) if how.starts_with("no-run: ") => {}
            None if tag == "text" => {
                let last = blocks.last_mut().expect("text follows commands");
                last.says.extend(body.iter().map(|line| (*line).to_owned()));
            }
            None if ["ini", "toml", "rust"].contains(&tag) => {}
            _ => panic!("a block is neither run nor says why not: ```{tag}"),
        }
    }
    blocks
}

fn block(lines: &[&str], exit: i32) -> Block {
    Block { script: lines.join("\n"), exit, says: Vec::new() }
}

#[test]
fn blocks_are_found_with_what_they_print() {
    let page = "a\n```sh run\nx\ny\n```\n```text\nz\n```\n```sh no-run: w\nv\n```\n```sh run exit=1\nu\n```";
    let says = vec!["z".to_owned()];
    let (first, second) = ("x\ny".to_owned(), "u".to_owned());
    assert_eq!(
        blocks(page),
        [Block { script: first, exit: 0, says }, Block { script: second, exit: 1, says: vec![] }]
    );
}

#[test]
#[should_panic(expected = "neither run nor says why not")]
fn a_block_without_a_reason_is_refused() {
    blocks("```sh\nx\n```");
}
