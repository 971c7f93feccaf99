//! Whether what is to be sent fits into what is free.
//!
//! A transfer that ends for want of space after hours has filled the destination for nothing. But the size is
//! an estimate, and a refusal that is wrong is worse: so only a run that asks nobody is refused, and
//! only where nothing speaks for more room than is told.

use btrsync::sync::Estimate;
use btrsync::sync::root::{Reserve, Space};

use crate::advice::Failure;
use crate::args::Mode;
use crate::size;

/// Compares; returns what is worth saying.
pub(super) fn check(
    total: Option<Estimate>,
    space: Option<Space>,
    mode: Mode,
) -> Result<Option<String>, Failure> {
    let (Some(total), Some(space)) = (total, space) else { return Ok(None) };
    // Names and other metadata take more here and less there; only of data is it known.
    if total.data <= space.free {
        return Ok(None);
    }
    let message = format!(
        "{} of data are to be sent, and {} are free at the destination",
        size::estimate(Estimate { bytes: total.data, ..total }),
        size::bytes(space.free)
    );
    match space.reserve {
        None if mode == Mode::Go => Err(Failure::new(message, WAY_OUT)),
        None => Ok(Some(format!("{message}; it will not fit unless it shares what is there"))),
        Some(reserve) => Ok(Some(format!("{message}; it may fit, for {}", why(reserve)))),
    }
}

const WAY_OUT: &str =
    "free some space or leave some out with -x; --no-space-check sends what fits, one by one";

fn why(reserve: Reserve) -> &'static str {
    match reserve {
        Reserve::Compression => "what is written there is compressed",
        Reserve::Deleted => "deleted subvolumes there have not given their space back yet",
        Reserve::Unfinished => "what an interrupted run has left there is continued or deleted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(data: u64, reserve: Option<Reserve>, mode: Mode) -> Result<Option<String>, String> {
        let total = Estimate { bytes: data + 1000, data, is_whole: true };
        let space = Space { free: 4096, used: 0, reserve };
        check(Some(total), Some(space), mode).map_err(|failure| failure.message)
    }

    #[test]
    fn only_what_surely_does_not_fit_is_refused_and_only_where_nobody_is_asked() {
        assert_eq!(checked(4096, None, Mode::Go), Ok(None));
        let refused = "~4.0 KiB of data are to be sent, and 4.0 KiB are free at the destination";
        assert_eq!(checked(4097, None, Mode::Go), Err(refused.to_owned()));
        for mode in [Mode::Ask, Mode::Tell] {
            assert!(checked(4097, None, mode).unwrap().unwrap().contains("will not fit"));
        }
        for reserve in [Reserve::Compression, Reserve::Deleted, Reserve::Unfinished] {
            let told = checked(4097, Some(reserve), Mode::Go).unwrap().unwrap();
            assert!(told.contains("it may fit, for "), "{told}");
        }
    }

    #[test]
    fn what_is_not_known_is_no_obstacle() {
        let total = Some(Estimate { bytes: 9, data: 9, is_whole: false });
        assert_eq!(check(total, None, Mode::Go), Ok(None));
        let full = Some(Space { free: 0, used: 0, reserve: None });
        assert_eq!(check(None, full, Mode::Go), Ok(None));
        assert!(check(total, full, Mode::Go).is_err(), "at least so much");
    }
}
