//! Verifies a copy: both sides digest at once, where they are, and are then compared. A stream is a
//! side by what it makes when it is replayed.

use std::path::Path;

use futures_util::future::{join, join3};

use super::DigestOptions;
use super::compare::{Verdict, compare};
use crate::Cancel;
use crate::btrfs::Subvolume;
use crate::receive::StreamMeta;
use crate::sync::root::{BtrfsRoot, RootError, SendRequest};

/// Verifies that `copy` of the root `dst` holds the same as `vol` of the root `src`. At most `limit`
/// differences are listed.
///
/// # Errors
///
/// Where it could not be checked; then nothing is known of whether they are equal.
///
/// # Examples
///
/// ```no_run
/// # use btrsync::btrfs::Subvolume;
/// # use btrsync::sync::root::{BtrfsRoot, RootError};
/// use btrsync::Cancel;
/// use btrsync::verify::{DigestOptions, Verdict, verify};
///
/// # async fn run(src: &dyn BtrfsRoot, vol: &Subvolume, dst: &dyn BtrfsRoot, copy: &Subvolume,
/// # cancel: &Cancel) -> Result<(), RootError> {
/// match verify((src, vol), (dst, copy), DigestOptions::default(), 100, cancel).await? {
///     Verdict::Equal => println!("equal"),
///     Verdict::Different { differences, total } => {
///         println!("{total} differences");
///         differences.iter().for_each(|difference| println!("{difference}"));
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub async fn verify(
    (src, vol): (&dyn BtrfsRoot, &Subvolume),
    (dst, copy): (&dyn BtrfsRoot, &Subvolume),
    options: DigestOptions,
    limit: usize,
    cancel: &Cancel,
) -> Result<Verdict, RootError> {
    let cancel = child(cancel)?;
    let guard = Guard(&cancel);
    let both = join(
        guard.watch(src.digest(vol, options, &cancel)),
        guard.watch(dst.digest(copy, options, &cancel)),
    );
    match both.await {
        (Ok(source), Ok(copy)) => compare(source.as_ref(), copy.as_ref(), limit).await,
        (source, copy) => Err(cause([source.err(), copy.err()])),
    }
}

/// What a stream holds, and where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'a> {
    /// The root that sends it.
    pub root: &'a dyn BtrfsRoot,
    /// The subvolume.
    pub vol: &'a Subvolume,
    /// What it builds on, where it is incremental; the destination must have that.
    pub parent: Option<&'a Subvolume>,
}

/// Verifies that `copy` of the root `dst` holds what a stream makes. The stream is replayed into the
/// directory `into` of the destination, and what it has made there is deleted again.
///
/// # Errors
///
/// As [`verify`]; also where the stream cannot be received.
pub async fn verify_stream(
    stream: Stream<'_>,
    (dst, into, copy): (&dyn BtrfsRoot, &Path, &Subvolume),
    options: DigestOptions,
    limit: usize,
    cancel: &Cancel,
) -> Result<Verdict, RootError> {
    let cancel = child(cancel)?;
    let guard = Guard(&cancel);
    let Stream { root, vol, parent } = stream;
    let form = root.sends().min(dst.takes());
    let vols = std::slice::from_ref(vol);
    let request = SendRequest { parent, form, ..SendRequest::full(vols, &cancel) };
    let (flow, sent) = root.send(request).await?;
    let meta = StreamMeta {
        uuids: vec![vol.stream_uuid()],
        sources: parent.into_iter().cloned().collect(),
        ..StreamMeta::default()
    };
    let replayed = dst.replay(flow, into, meta, options, &cancel).await?;
    let all = join3(
        guard.watch(sent),
        guard.watch(replayed),
        guard.watch(dst.digest(copy, options, &cancel)),
    );
    match all.await {
        (Ok(()), Ok(made), Ok(copy)) => compare(made.as_ref(), copy.as_ref(), limit).await,
        (sent, made, copy) => Err(cause([sent.err(), made.err(), copy.err()])),
    }
}

fn child(cancel: &Cancel) -> Result<Cancel, RootError> {
    cancel.child().map_err(|source| RootError::System { what: "start a comparison", source })
}

/// Returns the error that the others follow from.
fn cause<const N: usize>(errors: [Option<RootError>; N]) -> RootError {
    let errors = errors.into_iter().flatten();
    let first = errors.min_by_key(|error| (error.is_consequence(), !error.is_cancelled()));
    first.unwrap_or(RootError::Cancelled)
}

/// Ends both sides where one fails, and where nobody waits for them any more.
struct Guard<'a>(&'a Cancel);

impl Guard<'_> {
    async fn watch<T>(
        &self,
        side: impl Future<Output = Result<T, RootError>>,
    ) -> Result<T, RootError> {
        side.await.inspect_err(|_| self.0.cancel())
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
