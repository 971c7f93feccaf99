//! Points in time for people. Those of a stream may lie anywhere in 64 bits of seconds.

use btrsync::stream::Timespec;

const DAY: i64 = 24 * 60 * 60;

/// Returns a time as in RFC 3339, in UTC and to the nanosecond.
pub(super) fn utc(time: Timespec) -> String {
    let (days, second) = (time.sec.div_euclid(DAY), time.sec.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", time.nsec)
}

/// Returns year, month and day of a day counted from 1970.
fn date(days: i64) -> (i64, i64, i64) {
    // The calendar repeats after 400 years. Years are counted from March, so that the odd day is last.
    const ERA: i64 = 400 * 365 + 97;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let january = i64::from(month >= 10);
    (era * 400 + year + january, if month < 10 { month + 3 } else { month - 9 }, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01T00:00:00"),
            (-310_478_400, "1960-02-29T12:00:00"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_799, "2000-02-29T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"),
            (-62_135_596_800, "0001-01-01T00:00:00"),
            (253_402_300_799, "9999-12-31T23:59:59"),
        ];
        for (sec, expected) in cases {
            assert_eq!(utc(Timespec { sec, nsec: 5 }), format!("{expected}.000000005Z"));
        }
    }

    #[test]
    fn no_time_is_too_far() {
        for sec in [i64::MIN, i64::MAX] {
            assert!(utc(Timespec { sec, nsec: u32::MAX }).ends_with('Z'));
        }
    }
}
