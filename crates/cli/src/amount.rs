//! Amounts as people write them, with the units of rsync.

/// What a number without a unit counts.
#[derive(Debug, Clone, Copy)]
enum Plain {
    Bytes,
    Kibibytes,
}

/// Reads a number of bytes: `4096`, `16M`, `1.5GiB`, `2MB`.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    usize::try_from(bytes(text, Plain::Bytes)?).map_err(|_| TOO_LARGE.to_owned())
}

/// Reads the bytes in a second as `rsync --bwlimit` does: in KiB unless a unit is given, rounded to KiB,
/// 0 for no limit.
pub(crate) fn rate(text: &str) -> Result<u64, String> {
    match bytes(text, Plain::Kibibytes)? {
        0 => Ok(0),
        1..512 => Err("less than 512 bytes in a second; 0 is no limit".to_owned()),
        rate => Ok((rate.saturating_add(512) / 1024).saturating_mul(1024)),
    }
}

const TOO_LARGE: &str = "too large";

fn bytes(text: &str, plain: Plain) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| "not a number".to_owned())?;
    let unit = unit_of(&unit.to_ascii_lowercase(), plain)
        .ok_or("not a unit: B, K, M, G or T, with iB for powers of 1024 or B for those of 1000")?;
    // Up: what is more than nothing must not become the 0 that means something else.
    let bytes = (number * unit).ceil();
    // The first that a u64 does not hold.
    if bytes < 2f64.powi(64) { Ok(bytes as u64) } else { Err(TOO_LARGE.to_owned()) }
}

fn unit_of(unit: &str, plain: Plain) -> Option<f64> {
    let mut letters = unit.chars();
    let power = match letters.next() {
        None => return Some(if matches!(plain, Plain::Bytes) { 1.0 } else { 1024.0 }),
        Some('b') if unit == "b" => return Some(1.0),
        Some(letter) => 1 + i32::try_from("kmgt".find(letter)?).ok()?,
    };
    match letters.as_str() {
        "" | "ib" => Some(1024f64.powi(power)),
        "b" => Some(1000f64.powi(power)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_bytes_or_the_unit_given() {
        for (text, expected) in [
            ("0", 0),
            ("4096", 4096),
            ("7b", 7),
            ("1k", 1024),
            ("16M", 16 << 20),
            ("1.5GiB", 3 << 29),
            ("2MB", 2_000_000),
            (".5K", 512),
            ("1T", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn rates_are_in_kibibytes_or_the_unit_given_and_whole_ones() {
        for (text, expected) in [
            ("0", 0),
            ("1", 1024),
            ("1.5m", 3 << 19),
            ("512B", 1024),
            ("1535B", 1024),
            ("1536B", 2048),
            ("100KB", 98 * 1024),
        ] {
            assert_eq!(rate(text), Ok(expected), "{text}");
        }
        for too_low in ["511B", "0.4", "0.0000001"] {
            assert!(rate(too_low).unwrap_err().contains("512"), "{too_low}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", "-1", "1e3", "1 K", "K", ".", "1..2", "1X", "1KiX", "1Mb1", "inf", "nan", "1µ"]
        {
            assert!(size(text).is_err() && rate(text).is_err(), "{text:?}");
        }
        assert_eq!(size("99999999999T").unwrap_err(), TOO_LARGE);
    }
}
