//! The calendar of the system's time zone, or of the one that the variable `TZ` names.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use lua_store::ops::{Calendar, KeepSpan, LocalTime};

use super::render::time::system_zone;

/// A calendar of one time zone.
pub struct ZoneCalendar(TimeZone);

impl ZoneCalendar {
    /// The calendar of the system.
    pub fn of_system() -> Self {
        Self(system_zone())
    }

    /// A time that no calendar holds is taken for the nearest that one does.
    fn zoned(&self, time_ms: i64) -> Zoned {
        let nearest = if time_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_millisecond(time_ms).unwrap_or(nearest).to_zoned(self.0.clone())
    }
}

impl Calendar for ZoneCalendar {
    fn local(&self, time_ms: i64) -> LocalTime {
        let time = self.zoned(time_ms);
        let week = time.date().iso_week_date();
        LocalTime { year: time.year(), month: time.month(), day: time.day(), hour: time.hour(), week_year: week.year(), week: week.week() }
    }

    fn before(&self, time_ms: i64, span: KeepSpan) -> i64 {
        let KeepSpan { years, months, days, hours } = span;
        let span = Span::new().try_years(years).and_then(|span| span.try_months(months));
        let span = span.and_then(|span| span.try_days(days)).and_then(|span| span.try_hours(hours));
        let earlier = span.and_then(|span| self.zoned(time_ms).checked_sub(span));
        earlier.map_or(i64::MIN, |earlier| earlier.timestamp().as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(zone: &str) -> ZoneCalendar {
        ZoneCalendar(TimeZone::posix(zone).unwrap())
    }

    #[test]
    fn times_are_those_of_the_zone() {
        // 2026-12-31 23:30 UTC, a Thursday.
        let time_ms = 1_798_759_800_000;
        let in_utc = calendar("UTC0").local(time_ms);
        assert_eq!(in_utc, LocalTime { year: 2026, month: 12, day: 31, hour: 23, week_year: 2026, week: 53 });
        let in_the_east = calendar("EET-2").local(time_ms);
        assert_eq!(in_the_east, LocalTime { year: 2027, month: 1, day: 1, hour: 1, week_year: 2026, week: 53 });
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let utc = calendar("UTC0");
        let span = |years, months, days, hours| KeepSpan { years, months, days, hours };
        // 2026-03-31 12:00 UTC: a month before is the last day of February.
        let time_ms = 1_774_958_400_000;
        let before = |span| utc.zoned(utc.before(time_ms, span)).datetime().to_string();
        assert_eq!(before(span(0, 1, 0, 0)), "2026-02-28T12:00:00");
        assert_eq!(before(span(1, 0, 1, 13)), "2025-03-29T23:00:00");
        assert_eq!(utc.before(time_ms, span(u32::MAX, 0, 0, 0)), i64::MIN);
        assert_eq!(utc.local(i64::MAX).year, 9999);
    }
}
