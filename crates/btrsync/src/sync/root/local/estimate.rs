//! Measures a send stream without reading the data of files: it is made with the extents in
//! place of their content, and only their lengths are counted. How much of that is compressed, the items of
//! the tree tell.

use std::os::fd::OwnedFd;

use btrsync_kernel as kernel;
use btrsync_stream::{Command, CommandKind, Frame, FrameReader, HEADER_LEN};

use super::send::{Sending, write};
use crate::receive::left_out;
use crate::send::FullError;
use crate::sync::Estimate;
use crate::{Cancel, Flow, thread};

/// Measures all streams, with `at_hand` as they are made where both ends are here; where the switch is thrown,
/// what was counted so far is a lower bound. Nothing where they cannot be made.
pub(super) fn measure(sends: Vec<Sending>, at_hand: bool, cancel: &Cancel) -> Option<Estimate> {
    let streams = sends.len();
    let stored = stored(&sends, cancel);
    let (writer, flow) = Flow::pipe(cancel).ok()?;
    // It ends with an error when nobody reads any more, and whoever measures need not wait for that.
    drop(thread::run(move || write_all(sends, at_hand, &writer)).ok()?);
    let estimate = shrunk(count(FrameReader::new(flow), streams), stored);
    (estimate.is_whole || cancel.is_cancelled()).then_some(estimate)
}

/// What the new data of all streams that keep it compressed amounts to; the stream without data tells only
/// how long it is when decompressed.
fn stored(sends: &[Sending], cancel: &Cancel) -> kernel::FileData {
    let compressed = sends.iter().filter(|sending| sending.options.compressed);
    let each = compressed.filter_map(|sending| {
        let parent = sending.options.parent.map(|id| kernel::find(&sending.dir, id));
        let parent = parent.transpose().ok()?.flatten();
        let since = parent.map_or(0, |parent| parent.info.ctransid);
        kernel::file_data(&sending.dir, since, || cancel.is_cancelled()).ok()
    });
    each.fold(kernel::FileData::default(), |sum, one| kernel::FileData {
        length: sum.length.saturating_add(one.length),
        stored: sum.stored.saturating_add(one.stored),
    })
}

/// Takes away what data is shorter for being compressed.
fn shrunk(estimate: Estimate, by: kernel::FileData) -> Estimate {
    let share = if by.length > 0 { by.stored as f64 / by.length as f64 } else { 1.0 };
    let data = (estimate.data as f64 * share) as u64;
    let bytes = estimate.bytes.saturating_sub(estimate.data.saturating_sub(data));
    Estimate { bytes, data, ..estimate }
}

fn write_all(mut sends: Vec<Sending>, at_hand: bool, writer: &OwnedFd) -> Result<(), FullError> {
    sends.iter_mut().try_for_each(|sending| {
        sending.options.no_file_data = true;
        let Sending { dir, options, .. } = &*sending;
        write(sending, at_hand, writer, |to| kernel::send(dir, to, options))
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
    let (data, rest) = match Command::decode(frame) {
        Ok(command @ Command::UpdateExtent { size, .. }) => (size, left_out(frame, &command)),
        Ok(Command::Write { data, .. }) => (data.len() as u64, 0),
        _ => (0, 0),
    };
    let length = header + frame.raw().len() as u64;
    estimate.data = estimate.data.saturating_add(data);
    estimate.bytes = estimate.bytes.saturating_add(length).saturating_add_signed(rest);
}
