use proptest::prelude::*;

use super::*;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A calendar that is easy to compute with: 28 days a month, 12 months a year, weeks of seven days; hours begin `offset_ms` late.
struct Plain {
    offset_ms: i64,
}

impl Calendar for Plain {
    fn local(&self, time_ms: i64) -> LocalTime {
        let time_ms = time_ms + self.offset_ms;
        let days = time_ms.div_euclid(DAY_MS);
        LocalTime {
            year: days.div_euclid(336) as i16,
            month: (1 + days.rem_euclid(336) / 28) as i8,
            day: (1 + days.rem_euclid(28)) as i8,
            hour: (time_ms.rem_euclid(DAY_MS) / HOUR_MS) as i8,
            week_year: days.div_euclid(336) as i16,
            week: (1 + days.rem_euclid(336) / 7) as i8,
        }
    }

    fn before(&self, time_ms: i64, span: KeepSpan) -> i64 {
        let KeepSpan { years, months, days, hours } = span;
        let days = i64::from(years) * 336 + i64::from(months) * 28 + i64::from(days);
        time_ms - days * DAY_MS - i64::from(hours) * HOUR_MS
    }
}

const PLAIN: Plain = Plain { offset_ms: 0 };

fn candidate(number: u64, created_ms: i64) -> Candidate {
    Candidate { number: VersionNumber(number), created_ms, labels: Vec::new(), always: Vec::new() }
}

/// Versions of these times, the newest first.
fn at(times: &[i64]) -> Vec<Candidate> {
    times.iter().zip((1..=times.len() as u64).rev()).map(|(&time, number)| candidate(number, time)).collect()
}

fn kept(candidates: &[Candidate], policy: &Policy) -> Vec<u64> {
    let verdicts = decide(candidates, policy, i64::MAX, &PLAIN);
    verdicts.into_iter().filter(|verdict| !verdict.reasons.is_empty()).map(|verdict| verdict.number.0).collect()
}

fn each(period: Period, count: u64) -> Policy {
    Policy { periods: BTreeMap::from([(period, count)]), ..Policy::default() }
}

#[test]
fn the_last_are_kept() {
    let versions = at(&[5, 4, 3, 2, 1]);
    assert_eq!(kept(&versions, &Policy { last: 2, ..Policy::default() }), [5, 4]);
    assert_eq!(kept(&versions, &Policy { last: u64::MAX, ..Policy::default() }), [5, 4, 3, 2, 1]);
    assert!(kept(&versions, &Policy::default()).is_empty() && Policy::default().is_empty());
}

#[test]
fn the_newest_of_each_day_that_has_one_is_kept() {
    // Three on the last day, none for two days, two on one day, one on another.
    let hours = [82, 76, 73, 5, 1, -3];
    let versions = at(&hours.map(|hour| hour * HOUR_MS));
    assert_eq!(kept(&versions, &each(Period::Day, 2)), [6, 3]);
    assert_eq!(kept(&versions, &each(Period::Day, 3)), [6, 3, 1]);
    assert_eq!(kept(&versions, &each(Period::Hour, 2)), [6, 5]);
    assert_eq!(kept(&versions, &each(Period::Year, 1)), [6]);
}

#[test]
fn the_oldest_is_kept_when_there_are_fewer_than_wanted() {
    let versions = at(&[5, 4, 3].map(|hour| hour * HOUR_MS));
    let verdicts = decide(&versions, &each(Period::Day, 2), i64::MAX, &PLAIN);
    let reasons: Vec<_> = verdicts.into_iter().map(|verdict| verdict.reasons).collect();
    assert_eq!(reasons, [vec![KeepReason::NewestOf(Period::Day)], vec![], vec![KeepReason::OldestOf(Period::Day)]]);
    assert_eq!(kept(&versions, &each(Period::Day, 1)), [3]);
}

#[test]
fn within_counts_from_the_newest_that_is_not_of_the_future() {
    let versions = at(&[1000 * DAY_MS, 10 * DAY_MS, 9 * DAY_MS, 8 * DAY_MS + 1, 8 * DAY_MS, 0]);
    let policy = Policy { within: Some(KeepSpan { days: 1, hours: 24, ..KeepSpan::default() }), ..Policy::default() };
    let verdicts = decide(&versions, &policy, 11 * DAY_MS, &PLAIN);
    let kept: Vec<u64> = verdicts.into_iter().filter(|verdict| !verdict.reasons.is_empty()).map(|verdict| verdict.number.0).collect();
    assert_eq!(kept, [6, 5, 4, 3]);
    assert_eq!(decide(&versions, &policy, -1, &PLAIN).iter().filter(|verdict| !verdict.reasons.is_empty()).count(), 1);
}

#[test]
fn labels_and_what_is_always_kept() {
    let mut versions = at(&[3, 2, 1]);
    versions[1].labels = vec!["a".into(), "b".into()];
    versions[2].always = vec![KeepReason::Pinned];
    let policy = Policy { labels: BTreeSet::from(["b".to_owned()]), ..Policy::default() };
    let verdicts = decide(&versions, &policy, i64::MAX, &PLAIN);
    let reasons: Vec<_> = verdicts.into_iter().map(|verdict| verdict.reasons).collect();
    assert_eq!(reasons, [vec![], vec![KeepReason::Label("b".into())], vec![KeepReason::Pinned]]);
    assert!(!policy.is_empty());
    assert!(decide(&[], &policy, 0, &PLAIN).is_empty());
}

/// The rules said the other way round: for each rule the set of versions that it keeps, each found by looking at all the others.
fn kept_by_the_model(candidates: &[Candidate], policy: &Policy, now_ms: i64, calendar: &Plain) -> BTreeSet<u64> {
    let mut kept = BTreeSet::new();
    for (place, candidate) in candidates.iter().enumerate() {
        let newer = &candidates[..place];
        let by_period = policy.periods.iter().any(|(&period, &count)| {
            let key = |candidate: &Candidate| period.key(&calendar.local(candidate.created_ms));
            let keys_before: BTreeSet<_> = newer.iter().map(key).collect();
            let is_newest_of_its_own = !keys_before.contains(&key(candidate));
            let has_place = (keys_before.len() as u64) < count;
            has_place && (is_newest_of_its_own || place + 1 == candidates.len())
        });
        let by_age = policy.within.is_some_and(|span| {
            let not_future = candidates.iter().map(|other| other.created_ms).filter(|time| *time <= now_ms).max();
            let newest = not_future.unwrap_or_else(|| candidates.iter().map(|other| other.created_ms).max().unwrap());
            candidate.created_ms > calendar.before(newest, span)
        });
        let by_label = candidate.labels.iter().any(|label| policy.labels.contains(label));
        if (place as u64) < policy.last || by_period || by_age || by_label || !candidate.always.is_empty() {
            kept.insert(candidate.number.0);
        }
    }
    kept
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    // Steps back in time, now and then one forward, from minutes to months.
    let steps = prop_oneof![6 => 0..HOUR_MS, 4 => 0..DAY_MS, 2 => 0..40 * DAY_MS, 1 => -DAY_MS..0];
    let version = (steps, 0..12usize);
    proptest::collection::vec(version, 0..60).prop_map(|versions| {
        let count = versions.len() as u64;
        let mut time = 20_000 * DAY_MS;
        let mut candidate_of = |(place, (step, extra)): (usize, (i64, usize))| {
            time -= step;
            let mut made = candidate(count - place as u64, time);
            match extra {
                0 => made.labels = vec!["a".into()],
                1 => made.labels = vec!["b".into(), "c".into()],
                2 => made.always = vec![KeepReason::Pinned],
                _ => {}
            }
            made
        };
        versions.into_iter().enumerate().map(&mut candidate_of).collect()
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    let count = || prop_oneof![Just(0u64), 1..6u64, Just(u64::MAX)];
    let periods = proptest::collection::btree_map(proptest::sample::select(Period::ALL.to_vec()), count(), 0..5);
    let span = (0..2u32, 0..3u32, 0..20u32, 0..30u32).prop_map(|(years, months, days, hours)| KeepSpan { years, months, days, hours });
    let labels = proptest::collection::btree_set(proptest::sample::select(vec!["a".to_owned(), "c".to_owned()]), 0..3);
    (count(), periods, proptest::option::of(span), labels).prop_map(|(last, periods, within, labels)| Policy {
        last,
        periods,
        within,
        labels,
    })
}

proptest! {
    #[test]
    fn decisions_agree_with_the_model(
        versions in candidates(), policy in policies(), offset_ms in -DAY_MS..DAY_MS, age_ms in -90 * DAY_MS..90 * DAY_MS,
    ) {
        let (calendar, now_ms) = (Plain { offset_ms }, 20_000 * DAY_MS + age_ms);
        let verdicts = decide(&versions, &policy, now_ms, &calendar);
        let numbers: Vec<_> = verdicts.iter().map(|verdict| verdict.number).collect();
        prop_assert_eq!(numbers, versions.iter().map(|version| version.number).collect::<Vec<_>>());
        let kept: BTreeSet<u64> = verdicts.iter().filter(|verdict| !verdict.reasons.is_empty()).map(|verdict| verdict.number.0).collect();
        prop_assert_eq!(kept, kept_by_the_model(&versions, &policy, now_ms, &calendar));
    }

    #[test]
    fn deciding_again_about_what_was_kept_keeps_all_but_stretches_of_the_oldest(versions in candidates(), last in 1..9u64, days in 0..9u64) {
        let policy = Policy { last, ..each(Period::Day, days) };
        let keeps = |versions: &[Candidate]| -> Vec<Candidate> {
            let verdicts = decide(versions, &policy, i64::MAX, &PLAIN);
            versions.iter().zip(verdicts).filter(|(_, verdict)| !verdict.reasons.is_empty()).map(|(version, _)| version.clone()).collect()
        };
        let once = keeps(&versions);
        prop_assert_eq!(keeps(&once), once);
    }

    #[test]
    fn a_longer_rule_keeps_no_less(versions in candidates(), policy in policies()) {
        let mut longer = policy.clone();
        longer.last = policy.last.saturating_add(1);
        let (less, more) = (kept(&versions, &policy), kept(&versions, &longer));
        prop_assert!(less.iter().all(|number| more.contains(number)));
    }
}
