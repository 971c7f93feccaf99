//! Decides with key functions and hooks of its own: snapshots are the same where their names are, full
//! transfers are refused where the destination has something already, and it ends with the one called "last".
//!
//! `cargo run --example hooks SOURCE DESTINATION`, as root; both on btrfs.
#![allow(clippy::print_stdout, reason = "a program")]

use std::env;
use std::error::Error;
use std::os::unix::ffi::OsStrExt;

use btrsync::btrfs::{Key, KeyFn};
use btrsync::sync::root::RootOptions;
use btrsync::sync::{BtrSync, Hooks, SyncOptions, Transfer, default_root};
use btrsync::text::escaped;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (Some(source), Some(destination)) = (arguments.next(), arguments.next()) else {
        return Err("give a source and a destination".into());
    };
    let (local, options) = (default_root("local")?, RootOptions::default());
    let (src, below) = local.get_root(source.as_ref(), &options).await?;
    let (dst, recvpath) = local.get_root(destination.as_ref(), &options).await?;
    let is_empty = dst.list().await?.is_empty();

    let by_name = || vec![KeyFn::new(|vol| Some(Key::Bytes(vol.name.as_bytes().to_vec())))];
    let hooks = Hooks::default()
        .target(move |vol| vol.path.starts_with(&below))
        // Where the destination has something, a full transfer is more likely a mistake.
        .check(move |_, parent| is_empty || parent.is_some())
        .stop(|vols| vols.iter().any(|vol| vol.name == "last"));
    let sync =
        BtrSync::new(src, dst).with_src_keys(by_name()).with_dst_keys(by_name()).with_hooks(hooks);

    // The plan can be shown before it is run.
    let options = SyncOptions { batch: true, ..SyncOptions::default() };
    let plan = sync.plan(&options).await?;
    for step in plan.steps() {
        let names: Vec<String> =
            step.vols.iter().map(|vol| escaped(&vol.name).to_string()).collect();
        println!("{}: {}", names.join(", "), step.reason);
    }
    for step in &plan.refused {
        println!("refused {}: {}", escaped(&step.vols[0].name), step.reason);
    }
    let outcome = sync.run(&plan, &Transfer::new(recvpath), &options).await;
    println!("{} done, {} left", outcome.done.len(), outcome.left);
    if outcome.is_success() { Ok(()) } else { Err("not everything was transferred".into()) }
}
