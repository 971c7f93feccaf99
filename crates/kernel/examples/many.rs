//! Makes a filesystem's worth of snapshots, and lists them: `./dev bench` times the latter as a program.
//!
//! `many make DIR COUNT` makes read-only snapshots of one subvolume, in directories below the root of an
//! empty filesystem; `many list DIR` lists all subvolumes and prints how many there are.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "for developers")]

use std::env;
use std::fs::File;
use std::path::Path;

#[path = "../tests/many/mod.rs"]
#[allow(dead_code, reason = "the other half is a test's")]
mod many;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", dir, count] => many::make(Path::new(dir), count.parse().unwrap()),
        ["list", dir] => {
            let found = btrsync_kernel::list(File::open(dir).unwrap()).unwrap();
            println!("{}", found.len());
        }
        _ => panic!("many make DIR COUNT, or many list DIR"),
    }
}
