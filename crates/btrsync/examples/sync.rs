//! Syncs every read-only snapshot below SOURCE into the directory DESTINATION.
//!
//! `cargo run --example sync SOURCE DESTINATION`, as root; both on btrfs.
#![allow(clippy::print_stdout, reason = "a program")]

use std::env;
use std::error::Error;

use btrsync::sync::root::RootOptions;
use btrsync::sync::{BtrSync, Hooks, SyncOptions, Transfer, default_root};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (Some(source), Some(destination)) = (arguments.next(), arguments.next()) else {
        return Err("give a source and a destination".into());
    };
    let (local, options) = (default_root("local")?, RootOptions::default());
    let (src, below) = local.get_root(source.as_ref(), &options).await?;
    let (dst, recvpath) = local.get_root(destination.as_ref(), &options).await?;

    let only_below = Hooks::default().target(move |vol| vol.path.starts_with(&below));
    let sync = BtrSync::new(src, dst).with_hooks(only_below);
    let outcome = sync.sync(&Transfer::new(recvpath), &SyncOptions::default()).await;
    println!("{} done, {} failed", outcome.done.len(), outcome.failed);
    if outcome.is_success() { Ok(()) } else { Err("not everything was transferred".into()) }
}
