//! Which versions a policy keeps: a pure function of the versions, the policy, the time and a calendar.
//!
//! The words mean what they mean to restic. "Keep N daily" keeps the newest version of each of the last N days that have
//! one; the same for hours, ISO weeks, months and years. When fewer than N have one, the oldest version is kept as well. "Keep
//! within" counts from the newest version, or from the newest that is not of the future. Rules add up: what one of
//! them keeps is kept. A version can be kept by several rules and uses up a place of each.
//!
//! The order is that of the numbers, not of the times, since a clock may have been set back.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::record::VersionNumber;

/// A time on the calendar and the clock on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// The year.
    pub year: i16,
    /// The month, from 1.
    pub month: i8,
    /// The day of the month, from 1.
    pub day: i8,
    /// The hour, from 0.
    pub hour: i8,
    /// The year of the ISO week, which may be another than that of the day.
    pub week_year: i16,
    /// The ISO week, from 1.
    pub week: i8,
}

/// A stretch of time on a calendar: months are not equally long, and neither are days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct KeepSpan {
    /// Years.
    pub years: u32,
    /// Months.
    pub months: u32,
    /// Days.
    pub days: u32,
    /// Hours.
    pub hours: u32,
}

/// A time zone.
pub trait Calendar {
    /// A time, in milliseconds since 1970-01-01 UTC, as people there write it.
    fn local(&self, time_ms: i64) -> LocalTime;

    /// The time that lies so long before another one, both in milliseconds since 1970-01-01 UTC.
    fn before(&self, time_ms: i64, span: KeepSpan) -> i64;
}

/// A stretch of the calendar of which one version is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// From full hour to full hour.
    Hour,
    /// A day.
    Day,
    /// An ISO week: from Monday on.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Period {
    /// All of them, the shortest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// Numbers that are equal for two times exactly if both lie in the same stretch.
    fn key(self, time: &LocalTime) -> [i16; 4] {
        let LocalTime { year, month, day, hour, week_year, week } = *time;
        let [month, day, hour, week] = [month, day, hour, week].map(i16::from);
        match self {
            Self::Hour => [year, month, day, hour],
            Self::Day => [year, month, day, 0],
            Self::Week => [week_year, week, 0, 0],
            Self::Month => [year, month, 0, 0],
            Self::Year => [year, 0, 0, 0],
        }
    }
}

/// What to keep. Zero and nothing mean that there is no such rule.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Policy {
    /// So many of the newest versions.
    pub last: u64,
    /// The newest version in each of so many stretches.
    pub periods: BTreeMap<Period, u64>,
    /// All versions that are at most so old, counted from the newest.
    pub within: Option<KeepSpan>,
    /// Versions with one of these labels.
    pub labels: BTreeSet<String>,
}

impl Policy {
    /// Whether it has no rule.
    pub fn is_empty(&self) -> bool {
        self.last == 0 && self.periods.values().all(|count| *count == 0) && self.within.is_none() && self.labels.is_empty()
    }
}

/// A version that may be dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its number.
    pub number: VersionNumber,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// Its labels.
    pub labels: Vec<String>,
    /// Why it is kept whatever the policy says.
    pub always: Vec<KeepReason>,
}

/// Why a version is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepReason {
    /// It is the active one.
    Active,
    /// It is the newest one.
    Newest,
    /// It is pinned.
    Pinned,
    /// It has this label.
    Label(String),
    /// It is one of the last.
    Last,
    /// It is the newest of its hour, day, week, month or year.
    NewestOf(Period),
    /// It is the oldest, and there are fewer such stretches than are to be kept.
    OldestOf(Period),
    /// It is young.
    Within,
}

/// What is decided about a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The version.
    pub number: VersionNumber,
    /// Why it is kept; without a reason it is dropped.
    pub reasons: Vec<KeepReason>,
}

/// Decides about versions, which must be given newest first; the verdicts are in the same order.
pub fn decide(candidates: &[Candidate], policy: &Policy, now_ms: i64, calendar: &dyn Calendar) -> Vec<Verdict> {
    let oldest_within_ms = policy.within.map(|span| calendar.before(newest_ms(candidates, now_ms), span));
    let mut rules: Vec<PeriodRule> = policy.periods.iter().map(|(&period, &left)| PeriodRule::new(period, left)).collect();
    let mut verdicts = Vec::with_capacity(candidates.len());
    for (place, candidate) in candidates.iter().enumerate() {
        let local = calendar.local(candidate.created_ms);
        let is_oldest = place + 1 == candidates.len();
        let mut reasons = candidate.always.clone();
        let labels = candidate.labels.iter().filter(|label| policy.labels.contains(*label));
        reasons.extend(labels.cloned().map(KeepReason::Label).filter(|reason| !candidate.always.contains(reason)));
        reasons.extend(((place as u64) < policy.last).then_some(KeepReason::Last));
        reasons.extend(rules.iter_mut().filter_map(|rule| rule.keeps(&local, is_oldest)));
        reasons.extend(oldest_within_ms.is_some_and(|oldest| candidate.created_ms > oldest).then_some(KeepReason::Within));
        verdicts.push(Verdict { number: candidate.number, reasons });
    }
    verdicts
}

/// The time of the newest version that is not of the future; of the newest at all when all are.
fn newest_ms(candidates: &[Candidate], now_ms: i64) -> i64 {
    let times = || candidates.iter().map(|candidate| candidate.created_ms);
    times().filter(|time| *time <= now_ms).max().or_else(|| times().max()).unwrap_or(now_ms)
}

/// A rule about one kind of stretch, while it goes through the versions.
struct PeriodRule {
    period: Period,
    /// How many it may still keep.
    left: u64,
    /// The stretches that have had their version.
    had: BTreeSet<[i16; 4]>,
}

impl PeriodRule {
    fn new(period: Period, left: u64) -> Self {
        Self { period, left, had: BTreeSet::new() }
    }

    fn keeps(&mut self, local: &LocalTime, is_oldest: bool) -> Option<KeepReason> {
        if self.left == 0 {
            return None;
        }
        let is_first = self.had.insert(self.period.key(local));
        self.left -= u64::from(is_first || is_oldest);
        match (is_first, is_oldest) {
            (true, _) => Some(KeepReason::NewestOf(self.period)),
            (false, true) => Some(KeepReason::OldestOf(self.period)),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests;
