//! Gives back the room of contents that no version reaches any more, and joins small segments.
//!
//! Segment by segment: each is written anew beside pushes and reads, and only the exchange itself holds the publish lock and
//! waits until no push is at work. Whatever came meanwhile is looked at under that lock: if it needs something that would be dropped,
//! the segment is written again.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::garbage::Noted;
use super::reach::Reach;
use super::{Host, OpsError, OpsResult, Phase, Workspace};
use crate::format::record::RecordBody;
use crate::limits::{GC_DEAD_PERCENT_MIN, GC_JOIN_BYTES_MAX, GC_RETRY_MS, GC_WAIT_MS_MAX};
use crate::store::{Collected, Effort, SegmentUse, StoreError};

/// How to collect.
#[derive(Clone, Copy, Debug, Default)]
pub struct GcOptions {
    /// Only count.
    pub dry_run: bool,
    /// Write every segment anew that has anything dead in it, however little.
    pub all: bool,
    /// Write every segment anew, and compress everything in it harder.
    pub recompress: bool,
}

/// What was collected, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcOutcome {
    /// Bytes of all segments before.
    pub bytes_before: u64,
    /// Bytes of all segments after; of a dry run, about.
    pub bytes_after: u64,
    /// Objects that were dropped.
    pub dropped_objects: u64,
    /// Bytes that stay although nothing reaches them: too little in one segment to be worth it.
    pub left_dead_bytes: u64,
    /// Segments before and after.
    pub segments: (usize, usize),
    /// Segments that stay as they are because something in them is damaged, with what it is.
    pub damaged: Vec<String>,
    /// Whether pushes were at work all the time, so that some segments were left for another time.
    pub was_busy: bool,
}

/// Collects what is worth it.
///
/// # Errors
/// [`OpsError::CollectionAtWork`]. [`OpsError::Cancelled`] between two segments: what was done is done. Those of reading the trees of all versions.
///
/// # Durability
/// Each exchange of segments is durable when the next one begins. After a crash every object that a version reaches is there.
pub fn gc(workspace: &mut Workspace, options: &GcOptions, host: &dyn Host) -> OpsResult<GcOutcome> {
    let _alone = match options.dry_run {
        true => None,
        false => Some(workspace.try_lock_collection()?.ok_or(OpsError::CollectionAtWork)?),
    };
    // Another collection may have ended since the store was opened, or been killed.
    if !options.dry_run {
        drop(workspace.begin_publish(host)?);
    }
    workspace.store.look_anew()?;
    let noted = Noted::read(workspace);
    let mut reach = Reach::of(workspace, host)?;
    let mut census = workspace.store.census(reach.live())?;
    let mut outcome = GcOutcome { bytes_before: bytes_of(&census), ..GcOutcome::default() };
    outcome.segments.0 = census.len();
    if options.dry_run {
        let gain: u64 = groups(&census, options, true).iter().flatten().map(|place| census[*place].dead_bytes).sum();
        let dropped = groups(&census, options, true).iter().flatten().map(|place| census[*place].dead_objects).sum();
        outcome.segments.1 = census.len();
        return Ok(GcOutcome {
            bytes_after: outcome.bytes_before - gain.min(outcome.bytes_before),
            dropped_objects: dropped,
            left_dead_bytes: census.iter().map(|segment| segment.dead_bytes).sum::<u64>() - gain,
            ..outcome
        });
    }
    if census.last().is_some_and(|newest| is_worth_it(newest, options)) {
        workspace.begin_publish(host)?.commit_sealing(RecordBody::Collect, host)?;
        reach.add_new(workspace, host)?;
        census = workspace.store.census(reach.live())?;
    }
    // The newest first: what deltas in other segments are made against stays.
    for (done, group) in (0..).zip(groups(&census, options, false).into_iter().rev()) {
        host.progress(Phase::Collecting, done, None);
        if host.cancel_flag().load(Ordering::Relaxed) {
            return Err(OpsError::Cancelled);
        }
        let numbers: Vec<u32> = group.iter().map(|&place| census[place].number).collect();
        match collect(workspace, &mut reach, &numbers, options, host) {
            Ok(Some(collected)) => outcome.dropped_objects += collected.dropped_objects,
            Ok(None) => outcome.was_busy = true,
            Err(OpsError::Store(error)) if error.is_damage() => outcome.damaged.push(format!("segment {}: {error}", numbers[0])),
            Err(error) => return Err(error),
        }
    }
    let census = workspace.store.census(reach.live())?;
    outcome.bytes_after = bytes_of(&census);
    outcome.left_dead_bytes = census.iter().map(|segment| segment.dead_bytes).sum();
    outcome.segments.1 = census.len();
    if !outcome.was_busy {
        noted.forget(workspace, host)?;
    }
    Ok(outcome)
}

/// Writes segments anew and exchanges them; `None` when pushes did not leave off for long.
fn collect(
    workspace: &mut Workspace,
    reach: &mut Reach,
    numbers: &[u32],
    options: &GcOptions,
    host: &dyn Host,
) -> OpsResult<Option<Collected>> {
    let effort = if options.recompress { Effort::Recompress } else { Effort::Copy };
    let began = Instant::now();
    loop {
        let rewritten =
            workspace.store.rewrite(numbers, reach.live(), effort, host.cancel_flag()).map_err(|error| cancelled_or(error, host))?;
        loop {
            let publishing = workspace.begin_publish(host)?;
            if let Some(no_pins) = publishing.workspace().store.try_no_pins()? {
                reach.add_new(publishing.workspace(), host)?;
                if rewritten.is_outdated(&publishing.workspace().store, reach.live())? {
                    break;
                }
                // A log that is behind after a power cut must not look into a segment that was replaced.
                if publishing.workspace().log.make_durable()? {
                    return Ok(Some(publishing.workspace().store.swap(rewritten, &no_pins)?));
                }
            }
            drop(publishing);
            if began.elapsed() > Duration::from_millis(GC_WAIT_MS_MAX) {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(GC_RETRY_MS));
        }
    }
}

/// The segments to be written anew, as places in the census: neighbours that go together. The newest one grows and is left alone, unless
/// it is about to be closed.
fn groups(census: &[SegmentUse], options: &GcOptions, closes_newest: bool) -> Vec<Vec<usize>> {
    let old = census.len() - usize::from(!closes_newest && !census.is_empty());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group: Vec<usize> = Vec::new();
    let mut group_bytes = 0;
    for (place, segment) in census.iter().enumerate().take(old) {
        let bytes = segment.bytes - segment.dead_bytes.min(segment.bytes);
        if !group.is_empty() && group_bytes + bytes > GC_JOIN_BYTES_MAX {
            groups.push(std::mem::take(&mut group));
            group_bytes = 0;
        }
        group.push(place);
        group_bytes += bytes;
    }
    groups.push(group);
    groups.retain(|group| group.len() > 1 || group.iter().any(|&place| is_worth_it(&census[place], options)));
    groups
}

fn is_worth_it(segment: &SegmentUse, options: &GcOptions) -> bool {
    if options.recompress {
        return true;
    }
    let dead_min = if options.all { 1 } else { segment.bytes * GC_DEAD_PERCENT_MIN / 100 };
    // What is dead elsewhere goes only once nothing here is made against it.
    segment.dead_bytes >= dead_min.max(1) || options.all && segment.dead_bases > 0
}

fn bytes_of(census: &[SegmentUse]) -> u64 {
    census.iter().map(|segment| segment.bytes).sum()
}

fn cancelled_or(error: StoreError, host: &dyn Host) -> OpsError {
    match error {
        StoreError::Source(_) if host.cancel_flag().load(Ordering::Relaxed) => OpsError::Cancelled,
        error => error.into(),
    }
}
