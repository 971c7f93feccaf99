//! Full streams without data, as they go between two roots of this process.

use std::fs::File;
use std::path::Path;

use btrsync::Cancel;
use btrsync::btrfs::{Forest, Subvolume};
use btrsync::sync::default_root;
use btrsync::sync::root::{RootError, RootOptions, SendRequest, StreamMeta};
use btrsync_kernel::info;

use crate::streams::Case;

/// Sends and receives one snapshot into a directory.
pub(crate) fn sync(
    source: &Path,
    snapshots: &[File],
    case: &Case,
    dir: &Path,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(transfer(source, snapshots, case, dir)).map_err(|error| error.to_string())
}

async fn transfer(
    source: &Path,
    snapshots: &[File],
    case: &Case,
    dir: &Path,
) -> Result<(), RootError> {
    let (local, options) = (default_root("local").unwrap(), RootOptions::default());
    let src = local.get_root(source, &options).await?.0;
    let (dst, into) = local.get_root(dir, &options).await?;
    let forest = src.list().await?;
    let listed = |at: &usize| found(&forest, &snapshots[*at]);
    let (vols, clones) = ([listed(&case.snapshot)], case.clones.iter().map(listed));
    let (clones, cancel) = (clones.collect::<Vec<_>>(), Cancel::new().unwrap());
    let request =
        SendRequest { clones: &clones, at_hand: true, ..SendRequest::full(&vols, &cancel) };
    let (flow, sent) = src.send(request).await?;
    let received = dst.receive(flow, &into, StreamMeta::default()).await?;
    let (sent, received) = futures_util::future::join(sent, received).await;
    received.map(drop).and(sent)
}

fn found(forest: &Forest, snapshot: &File) -> Subvolume {
    let id = info(snapshot).unwrap().id;
    forest.iter().find(|vol| vol.id == id).unwrap().clone()
}
