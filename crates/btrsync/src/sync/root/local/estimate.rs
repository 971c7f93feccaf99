//! Measures a send stream without reading the data of files: the kernel makes it with the extents in
//! place of their content, and only their lengths are counted.

use std::os::fd::OwnedFd;

use btrsync_kernel as kernel;
use btrsync_stream::{Command, CommandKind, Frame, FrameReader, HEADER_LEN};

use super::send::Sending;
use crate::sync::Estimate;
use crate::{Cancel, Flow, thread};

/// The most data that one command of the kernel writes, in a stream of version 1.
const MOST_WRITTEN: u64 = 48 << 10;

/// By how much a command that writes is shorter without its data than one that tells of an extent: it
/// has the head of an attribute in place of a whole one with a number.
const SHORTER: u64 = 8;

/// Measures all streams; where the switch is thrown, what was counted so far is a lower bound. Nothing
/// where the kernel does not make them.
pub(super) fn measure(sends: Vec<Sending>, cancel: &Cancel) -> Option<Estimate> {
    let streams = sends.len();
    let (writer, flow) = Flow::pipe(cancel).ok()?;
    // It ends with an error when nobody reads any more, and whoever measures need not wait for that.
    drop(thread::run(move || write(&sends, &writer)).ok()?);
    let estimate = count(FrameReader::new(flow), streams);
    (estimate.is_whole || cancel.is_cancelled()).then_some(estimate)
}

fn write(sends: &[Sending], writer: &OwnedFd) -> kernel::Result<()> {
    sends.iter().try_for_each(|sending| {
        let options = kernel::SendOptions { no_file_data: true, ..sending.options.clone() };
        kernel::send(&sending.dir, writer, &options)
    })
}

fn count(mut frames: FrameReader<Flow>, streams: usize) -> Estimate {
    let mut estimate = Estimate::default();
    let mut ended = 0;
    while let Ok(Some(frame)) = frames.next_frame() {
        add(&mut estimate, &frame);
        ended += usize::from(frame.kind() == CommandKind::End);
    }
    Estimate { is_whole: ended == streams, ..estimate }
}

/// Adds a command, or those that stand in its place in a stream with data.
fn add(estimate: &mut Estimate, frame: &Frame<'_>) {
    let header = if frame.header().is_some() { HEADER_LEN as u64 } else { 0 };
    let length = frame.raw().len() as u64;
    let (data, commands) = match Command::decode(frame) {
        Ok(Command::UpdateExtent { size, .. }) => {
            let each = length.saturating_sub(SHORTER);
            (size, each.saturating_mul(size.div_ceil(MOST_WRITTEN)))
        }
        _ => (0, length),
    };
    estimate.data = estimate.data.saturating_add(data);
    estimate.bytes = estimate.bytes.saturating_add(header + commands).saturating_add(data);
}
