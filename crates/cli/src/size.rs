//! Amounts for people.

use std::time::Duration;

use btrsync::sync::Estimate;

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Returns a number of bytes in the largest unit that leaves at least one, with one decimal.
pub(crate) fn bytes(count: u64) -> String {
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = 0;
    // From 1023.95 on it would be shown as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Returns an amount that was measured and may still turn out to be another.
pub(crate) fn estimate(estimate: Estimate) -> String {
    let about = if estimate.is_whole { "~" } else { "at least " };
    format!("{about}{}", bytes(estimate.bytes))
}

/// Returns the bytes in a second, for people; 0 where no time has passed.
pub(crate) fn rate(count: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let rate = if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    format!("{}/s", bytes(rate as u64))
}

/// Returns a time for people.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Returns a time for people that look at it while it changes: in two units at most, of the same width.
pub(crate) fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        3600..360_000 => format!("{} h {:02}", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Returns an age for people, in its largest unit.
pub(crate) fn age(age: Duration) -> String {
    const UNITS: [(u64, &str); 5] =
        [(365 * 86_400, "y"), (86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let seconds = age.as_secs();
    let unit = UNITS.into_iter().find(|(length, _)| seconds >= *length);
    let (number, name) = unit.map_or((0, "s"), |(length, name)| (seconds / length, name));
    [number.to_string().as_str(), " ", name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_in_a_unit_that_fits() {
        let shown = [0, 1023, 1024, 1536, (1 << 20) - 1, 1 << 20, u64::MAX].map(bytes);
        assert_eq!(
            shown,
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "1.0 MiB", "16.0 EiB"]
        );
        assert_eq!(rate(4096, Duration::from_secs(2)), "2.0 KiB/s");
        assert_eq!(rate(1, Duration::ZERO), "0 B/s");
        let estimated = |is_whole| estimate(Estimate { bytes: 1536, data: 0, is_whole });
        assert_eq!([true, false].map(estimated), ["~1.5 KiB", "at least 1.5 KiB"]);
        let times = [500, 61_000, 3_720_000].map(|ms| time(Duration::from_millis(ms)));
        assert_eq!(times, ["0.5 s", "1 min 01 s", "1 h 02 min"]);
        let ages = [0, 59, 3599, 7200, 86_400, 400 * 86_400].map(|s| age(Duration::from_secs(s)));
        assert_eq!(ages, ["0 s", "59 s", "59 min", "2 h", "1 d", "1 y"]);
    }
}
