//! Keeps the history within a bound: when it has grown beyond it, versions are dropped by a stated policy. What counts is what
//! versions take, the bytes of all segments: dropping versions makes neither the log nor the caches smaller.
//!
//! Never dropped: the newest and the active version, those with a pin or a label, and the newest one that is green. Dropped last:
//! the other green ones. Of the rest that one goes first whose neighbours lie closest together in time for its age: the time between
//! the version before it and the one after it, divided by the time since it was made. So history becomes thinner the older it
//! is, and the oldest of many that were made at the same time go first.

use std::collections::{BTreeSet, HashMap};

use super::footprint::Footprint;
use super::prune::{candidates, drop_versions};
use super::retention::Candidate;
use super::{GcOptions, GcOutcome, Host, OpsError, OpsResult, Workspace, gc};
use crate::format::record::VersionNumber;
use crate::limits::{BUDGET_ROUNDS_MAX, BUDGET_SCORE_UNIT};
use crate::store::Costs;
use crate::version_log::VersionRow;

/// What the log says about versions that were dropped for the budget.
const REASON: &str = "budget";

/// What was done to keep the budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetOutcome {
    /// The bound, in bytes.
    pub budget_bytes: u64,
    /// Bytes of the history before.
    pub bytes_before: u64,
    /// Bytes of it after.
    pub bytes_after: u64,
    /// The versions that were dropped, the oldest first.
    pub dropped: Vec<VersionNumber>,
    /// What was collected in the end.
    pub collected: Option<GcOutcome>,
}

impl BudgetOutcome {
    /// Whether the history is within the bound.
    pub fn is_kept(&self) -> bool {
        self.bytes_after <= self.budget_bytes
    }
}

/// Sets the bound of the history, in bytes of segments, or takes it away. Nothing is dropped before the next push.
///
/// # Durability
/// Durable on return.
pub fn set_budget(workspace: &mut Workspace, budget_bytes: Option<u64>) -> OpsResult<()> {
    let settings = super::Settings { budget_bytes, ..workspace.settings().clone() };
    let tmp = workspace.local.make_dir("tmp")?;
    settings.write(&workspace.local, &tmp)?;
    workspace.replace_settings(settings);
    Ok(())
}

/// Drops versions and collects until the history is within its bound, or nothing more may go. `None` when there is no bound, or
/// nothing was to be done. What is still too much then is said by [`BudgetOutcome::is_kept`].
///
/// # Durability
/// As [`prune`](super::prune()): versions are marked first, and collected then.
pub fn keep_budget(workspace: &mut Workspace, host: &dyn Host) -> OpsResult<Option<BudgetOutcome>> {
    let Some(budget_bytes) = workspace.settings().budget_bytes else { return Ok(None) };
    let bytes_before = workspace.store.stored_bytes()?;
    if bytes_before <= budget_bytes {
        return Ok(None);
    }
    let mut outcome = BudgetOutcome { budget_bytes, bytes_before, bytes_after: bytes_before, dropped: Vec::new(), collected: None };
    // What a version takes is known in advance but for deltas that must be made anew, so it may take more than one round.
    let mut target = budget_bytes;
    for _ in 0..BUDGET_ROUNDS_MAX {
        let dropped = drop_some(workspace, target, outcome.bytes_after, host)?;
        let is_idle = dropped.is_empty() && outcome.collected.is_some();
        outcome.dropped.extend(dropped);
        if is_idle {
            break;
        }
        outcome.collected = match gc(workspace, &GcOptions { all: true, ..GcOptions::default() }, host) {
            // It gives the room back; whether that is enough shows at the next push.
            Err(OpsError::CollectionAtWork) => break,
            other => Some(other?),
        };
        outcome.bytes_after = workspace.store.stored_bytes()?;
        if outcome.is_kept() {
            break;
        }
        target = target.saturating_sub(outcome.bytes_after - budget_bytes);
    }
    outcome.dropped.sort_unstable();
    Ok(Some(outcome))
}

/// Drops as many versions as it takes, so that about so many bytes are left.
fn drop_some(workspace: &mut Workspace, target: u64, present: u64, host: &dyn Host) -> OpsResult<Vec<VersionNumber>> {
    let mut publishing = workspace.begin_publish(host)?;
    let workspace = publishing.workspace();
    let mut rows = workspace.log.versions_newest_first(None)?;
    rows.retain(|row| !row.deleted);
    let marks = workspace.log.marks()?;
    let candidates = candidates(&rows, &publishing.head, &marks);
    let order = drop_order(&candidates, &|version| marks.passed(version) == Some(true), host.now_ms());
    let costs = workspace.store.costs()?;
    let dropped = beyond(workspace, &rows, &order, costs, target, present, host)?;
    drop_versions(&mut publishing, &dropped, REASON, host)?;
    Ok(dropped)
}

/// The first of those in `order` that must go for the rest to fit, by number.
fn beyond(
    workspace: &Workspace,
    rows: &[VersionRow],
    order: &[VersionNumber],
    mut costs: Costs,
    target: u64,
    present: u64,
    host: &dyn Host,
) -> OpsResult<Vec<VersionNumber>> {
    let rest = present.saturating_sub(costs.segment_bytes) + costs.record_bytes;
    let mut footprint = Footprint::default();
    let mut bytes = rest;
    let mut add = |row: &VersionRow| {
        let mut own = 0;
        footprint.add(&workspace.store, &row.record.root, host, &mut |met| own += costs.take(met.id)).map(|()| own)
    };
    let by_number: HashMap<VersionNumber, &VersionRow> = rows.iter().map(|row| (row.record.number, row)).collect();
    let may_go: BTreeSet<&VersionNumber> = order.iter().collect();
    for row in rows.iter().filter(|row| !may_go.contains(&row.record.number)) {
        bytes += add(row)?;
    }
    let mut kept = 0;
    for number in order.iter().rev() {
        bytes += by_number.get(number).map_or(Ok(0), |row| add(row))?;
        if bytes > target {
            break;
        }
        kept += 1;
    }
    let mut dropped = order[..order.len() - kept].to_vec();
    dropped.sort_unstable();
    Ok(dropped)
}

/// The versions that may go, the first to go first. `candidates` are given newest first.
fn drop_order(candidates: &[Candidate], is_green: &dyn Fn(VersionNumber) -> bool, now_ms: i64) -> Vec<VersionNumber> {
    let newest_green = candidates.iter().map(|candidate| candidate.number).find(|number| is_green(*number));
    let may_go = |candidate: &Candidate| candidate.always.is_empty() && Some(candidate.number) != newest_green;
    let oldest_first: Vec<&Candidate> = candidates.iter().rev().collect();
    let mut line = Line::new(&oldest_first, now_ms);
    let mut order = Vec::new();
    for greens in [false, true] {
        let group = |place: &usize| may_go(oldest_first[*place]) && is_green(oldest_first[*place].number) == greens;
        let places = (0..oldest_first.len()).filter(group).collect::<Vec<_>>();
        order.extend(line.take_out(&places).into_iter().map(|place| oldest_first[place].number));
    }
    order
}

/// Versions in their order, each with those beside it that are still there.
struct Line {
    created_ms: Vec<i64>,
    now_ms: i64,
    beside: Vec<(Option<usize>, Option<usize>)>,
}

impl Line {
    fn new(oldest_first: &[&Candidate], now_ms: i64) -> Self {
        let count = oldest_first.len();
        let beside = (0..count).map(|place| (place.checked_sub(1), Some(place + 1).filter(|next| *next < count))).collect();
        Self { created_ms: oldest_first.iter().map(|candidate| candidate.created_ms).collect(), now_ms, beside }
    }

    /// Takes these out, one after the other, and gives them in that order.
    fn take_out(&mut self, places: &[usize]) -> Vec<usize> {
        let mut waiting: BTreeSet<(u128, usize)> = places.iter().map(|&place| (self.score(place), place)).collect();
        let mut taken = Vec::with_capacity(places.len());
        while let Some((_, place)) = waiting.pop_first() {
            taken.push(place);
            let (before, after) = self.beside[place];
            for (neighbour, is_before) in [(before, true), (after, false)] {
                let Some(neighbour) = neighbour else { continue };
                let waited = waiting.remove(&(self.score(neighbour), neighbour));
                if is_before {
                    self.beside[neighbour].1 = after
                } else {
                    self.beside[neighbour].0 = before
                }
                if waited {
                    waiting.insert((self.score(neighbour), neighbour));
                }
            }
        }
        taken
    }

    /// How far its neighbours lie apart for its age. The oldest has none before it: as if one had been made at the same time.
    fn score(&self, place: usize) -> u128 {
        let own = self.created_ms[place];
        let time = |place: Option<usize>| place.map_or(own, |place| self.created_ms[place]);
        let (before, after) = self.beside[place];
        let gap = time(after).saturating_sub(time(before)).max(0).unsigned_abs();
        let age = self.now_ms.saturating_sub(own).max(1).unsigned_abs();
        u128::from(gap) * BUDGET_SCORE_UNIT / u128::from(age)
    }
}

#[cfg(test)]
mod tests {
    use super::super::retention::KeepReason;
    use super::*;

    /// Versions made at these minutes, by number from 1; newest first as the log gives them.
    fn made_at(minutes: &[i64], kept: &[u64]) -> Vec<Candidate> {
        let candidate = |(number, minute): (u64, &i64)| Candidate {
            number: VersionNumber(number),
            created_ms: minute * 60_000,
            labels: Vec::new(),
            always: if kept.contains(&number) { vec![KeepReason::Pinned] } else { Vec::new() },
        };
        let mut candidates: Vec<Candidate> = (1..).zip(minutes).map(candidate).collect();
        candidates.reverse();
        candidates
    }

    fn order(candidates: &[Candidate], greens: &[u64], now_minutes: i64) -> Vec<u64> {
        let order = drop_order(candidates, &|number| greens.contains(&number.0), now_minutes * 60_000);
        order.into_iter().map(|number| number.0).collect()
    }

    #[test]
    fn the_oldest_of_equally_dense_ones_go_first() {
        assert_eq!(order(&made_at(&[0, 0, 0, 0], &[4]), &[], 0), [1, 2, 3]);
        assert_eq!(order(&made_at(&[0, 10, 20, 30, 40], &[5]), &[], 50)[0], 1);
    }

    #[test]
    fn dense_ones_go_before_sparse_ones() {
        // Three within two minutes long ago, and one for each hour since.
        let order = order(&made_at(&[0, 1, 2, 60, 120, 180], &[1, 6]), &[], 181);
        assert_eq!(order[0], 2, "{order:?}");
    }

    #[test]
    fn what_is_kept_never_goes_and_green_ones_go_last() {
        let candidates = made_at(&[0, 1, 2, 3, 4, 5], &[2, 6]);
        assert_eq!(order(&candidates, &[1, 4], 6), [3, 5, 1]);
        assert_eq!(order(&candidates, &[], 6).len(), 4);
    }
}
