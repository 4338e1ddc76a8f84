//! Times and durations for people, and times for machines.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::count::counted;
use crate::cli::environment::has_time_zone;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;

/// The rules of the system's time zone, on Unix.
const LOCAL_ZONE: &str = "/etc/localtime";

/// Writes times in the user's time zone. Finding out which that is takes some time, so one clock serves a whole answer.
pub struct LocalClock(TimeZone);

impl LocalClock {
    /// The clock of the system, or of the variable `TZ`.
    pub fn of_system() -> Self {
        Self(system_zone())
    }

    /// The clock of one time zone, for tests.
    #[cfg(test)]
    pub fn fixed(zone: TimeZone) -> Self {
        Self(zone)
    }

    /// A time as `2026-01-02 03:04:05`.
    pub fn show(&self, time_ms: i64) -> String {
        let Ok(timestamp) = Timestamp::from_millisecond(time_ms) else { return "unknown".to_owned() };
        let local = self.0.to_datetime(timestamp);
        let (year, month, day) = (local.year(), local.month(), local.day());
        format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", local.hour(), local.minute(), local.second())
    }
}

/// The time zone of the system, or of the variable `TZ`. When that is not set, the file of the system's zone says all that is needed,
/// and is read alone: the library would look through all zones there are for its name.
pub fn system_zone() -> TimeZone {
    let local = || TimeZone::tzif("local", &std::fs::read(LOCAL_ZONE).ok()?).ok();
    if has_time_zone() { TimeZone::system() } else { local().unwrap_or_else(TimeZone::system) }
}

/// A time as RFC 3339 has it, in UTC; `None` for one that no calendar holds.
pub fn rfc_3339(time_ms: i64) -> Option<String> {
    Timestamp::from_millisecond(time_ms).ok().map(|timestamp| timestamp.to_string())
}

/// How long something took, with three digits: `0.42 ms`, `12.3 ms`, `1.23 s`, `2 min 5 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    // Borders where the digits shown would round up to the next form.
    match seconds {
        ..0.009_995 => format!("{:.2} ms", seconds * 1e3),
        ..0.099_95 => format!("{:.1} ms", seconds * 1e3),
        ..0.999_5 => format!("{:.0} ms", seconds * 1e3),
        ..9.995 => format!("{seconds:.2} s"),
        ..59.95 => format!("{seconds:.1} s"),
        _ => {
            let seconds = duration.as_secs() + u64::from(duration.subsec_millis() >= 500);
            format!("{} min {} s", seconds / MINUTE_S, seconds % MINUTE_S)
        }
    }
}

/// How long ago something was: `just now`, `5 minutes ago`.
pub fn ago(age_ms: u64) -> String {
    let age_s = age_ms / 1000;
    match age_s {
        ..MINUTE_S => "just now".to_owned(),
        MINUTE_S..HOUR_S => format!("{} ago", counted(age_s / MINUTE_S, "minute")),
        HOUR_S..DAY_S => format!("{} ago", counted(age_s / HOUR_S, "hour")),
        _ => format!("{} ago", counted(age_s / DAY_S, "day")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-02 03:04:05.678 UTC.
    const TIME_MS: i64 = 1_767_323_045_678;

    #[test]
    fn times_are_local_for_people_and_utc_for_machines() {
        let tokyo = LocalClock::fixed(TimeZone::fixed(jiff::tz::offset(9)));
        assert_eq!(tokyo.show(TIME_MS), "2026-01-02 12:04:05");
        assert_eq!(rfc_3339(TIME_MS).unwrap(), "2026-01-02T03:04:05.678Z");
        assert_eq!(rfc_3339(TIME_MS - 678).unwrap(), "2026-01-02T03:04:05Z");
        assert_eq!(LocalClock::fixed(TimeZone::UTC).show(-1), "1969-12-31 23:59:59");
    }

    #[test]
    fn times_of_no_calendar_are_no_trouble() {
        assert_eq!(LocalClock::fixed(TimeZone::UTC).show(i64::MAX), "unknown");
        assert_eq!(rfc_3339(i64::MIN), None);
    }

    #[test]
    fn durations_have_three_digits() {
        let shown = |micros| duration(Duration::from_micros(micros));
        let cases = [
            (420, "0.42 ms"),
            (9_994, "9.99 ms"),
            (9_996, "10.0 ms"),
            (99_960, "100 ms"),
            (999_600, "1.00 s"),
            (1_234_000, "1.23 s"),
            (9_996_000, "10.0 s"),
            (59_960_000, "1 min 0 s"),
            (125_000_000, "2 min 5 s"),
        ];
        for (micros, expected) in cases {
            assert_eq!(shown(micros), expected, "{micros}");
        }
    }

    #[test]
    fn ages_are_rough() {
        let cases =
            [(0, "just now"), (59_999, "just now"), (60_000, "1 minute ago"), (7_200_000, "2 hours ago"), (400_000_000, "4 days ago")];
        for (age_ms, expected) in cases {
            assert_eq!(ago(age_ms), expected);
        }
    }
}
