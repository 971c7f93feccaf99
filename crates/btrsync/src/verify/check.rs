//! Verifies a copy: both sides digest at once, where they are, and are then compared.

use futures_util::future::join;

use super::DigestOptions;
use super::compare::{Verdict, compare};
use crate::Cancel;
use crate::btrfs::Subvolume;
use crate::sync::root::{BtrfsRoot, RootError};

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
    let cancel = cancel
        .child()
        .map_err(|source| RootError::System { what: "start a comparison", source })?;
    let guard = Guard(&cancel);
    let both = join(
        guard.watch(src.digest(vol, options, &cancel)),
        guard.watch(dst.digest(copy, options, &cancel)),
    );
    match both.await {
        (Ok(source), Ok(copy)) => compare(source.as_ref(), copy.as_ref(), limit).await,
        // What only follows from the other side's failure says nothing.
        (Err(one), Err(other)) if one.is_cancelled() => Err(other),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
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
