//! Full streams made from the items of the tree, for whoever fetches the data of files by himself.
//!
//! The kernel looks for each file in several trees, and writes each command by itself. Here the tree is read
//! in large pieces, once, and each entry is made under its final name. The hazard is a subvolume that changes
//! meanwhile: so the kernel begins a stream too, of which only the beginning is read. It has put all data on
//! its way to the disk then, and lets nobody make the subvolume writable until it is told to end.
//!
//! What this cannot do, or only with much memory, is found before the first command; then the kernel does all.

mod directories;
mod error;
mod maker;
mod output;
mod shared;
mod survey;

use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;

use btrsync_kernel as kernel;
use btrsync_stream::{Command, FrameReader};
use rustix::pipe::fcntl_setpipe_size;

pub(crate) use self::error::FullError;
use self::maker::Maker;
use self::output::Output;
use self::shared::Shared;
use self::survey::survey;

/// Makes the stream of a subvolume without the data of files that have blocks of their own; returns whether it
/// could be made, in which case all of it is written, and else nothing is. `begin` lets the kernel make it.
pub(crate) fn send(
    subvolume: &File,
    options: &kernel::SendOptions,
    output: BorrowedFd<'_>,
    begin: impl FnOnce(BorrowedFd<'_>) -> kernel::Result<()> + Send,
) -> Result<bool, FullError> {
    if !options.no_file_data || options.parent.is_some() {
        return Ok(false);
    }
    let (begun, pipe) = io::pipe().map_err(FullError::System)?;
    // Nobody wants more than the beginning of it.
    let _ = fcntl_setpipe_size(&pipe, 4096);
    thread::scope(|scope| {
        let hold = move || begin(pipe.as_fd());
        let holder = thread::Builder::new().name("btrsync-holds".to_owned());
        let holder = holder.spawn_scoped(scope, hold).map_err(FullError::System)?;
        let made = make(subvolume, &options.clone_sources, begun, output);
        match (made, holder.join()) {
            // Of what it began nothing came.
            (Err(FullError::Begin), Ok(Err(error))) => Err(FullError::Kernel(error)),
            (made, _) => made,
        }
    })
}

/// Makes the stream, with the beginning of that of the kernel, which is held until then.
fn make(
    subvolume: &File,
    others: &[u64],
    begun: PipeReader,
    output: BorrowedFd<'_>,
) -> Result<bool, FullError> {
    let mut frames = FrameReader::new(begun);
    let frame = frames.next_frame().ok().flatten().ok_or(FullError::Begin)?;
    let (Some(header), Ok(Command::Subvol { uuid, ctransid, .. })) =
        (frame.header(), Command::decode(&frame))
    else {
        return Err(FullError::Begin);
    };
    let Some(repeated) = survey(subvolume, others)? else { return Ok(false) };
    let mut out = Output::new(output, header.version);
    out.begin(&header, frame.raw());
    let block = kernel::fs_info(subvolume)?.sector_size;
    let shared = Shared::new(repeated, block, (uuid, ctransid));
    let mut maker = Maker::new(subvolume, out, shared);
    kernel::items(subvolume, |inode, item| maker.take(inode, item))?;
    maker.end()?;
    Ok(true)
}
