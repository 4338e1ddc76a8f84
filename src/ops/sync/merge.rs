//! What a log becomes when others were faster: their records first, then this machine's, with new numbers. Values in, values out.
//!
//! A record of both sides is recognized by what it says and when it was made: so nothing is recorded twice when a process died after its
//! records were taken by the remote and before it knew.

use std::collections::BTreeMap;

use crate::format::record::{Record, RecordBody, VersionNumber};
use crate::limits::TEXT_BYTES_MAX;

/// A record to be appended: when it was made, and what it says.
pub type NewRecord = (i64, RecordBody);

/// A version that has another number now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renumbered {
    /// Its number before.
    pub before: VersionNumber,
    /// Its number now.
    pub now: VersionNumber,
}

/// How two logs become one.
#[derive(Debug, Default)]
pub struct Merge {
    /// Sequence of the last record of this machine that is common to both, or that was common before.
    pub common: u64,
    /// The records of the other side that this machine lacks.
    pub theirs: Vec<NewRecord>,
    /// This machine's own records, to be appended behind them. Empty when they can stay where they are.
    pub ours: Vec<NewRecord>,
    /// Versions of this machine that get other numbers.
    pub renumbered: Vec<Renumbered>,
    /// Records of this machine that contradict theirs and are left out, in words.
    pub left_out: Vec<String>,
}

/// Merges: `own` are this machine's records behind `shared`, which is the sequence of the last one that both had; `theirs` what the
/// remote's log has behind that; `state` what both had.
pub fn merge(shared: u64, own: &[Record], theirs: &[Record], state: &Shared) -> Merge {
    let (mut common, mut own_left, mut their_left) = (shared, own, theirs);
    while let Some((next, rest)) = their_left.split_first() {
        let Some(at) = own_left.iter().position(|record| record.body.is_shared()) else { break };
        let record = &own_left[at];
        if (record.created_ms, &record.body) != (next.created_ms, &next.body) {
            break;
        }
        (common, own_left, their_left) = (record.sequence, &own_left[at + 1..], rest);
    }
    let theirs: Vec<NewRecord> = their_left.iter().map(|record| (record.created_ms, record.body.clone())).collect();
    let mut merge = Merge { common, theirs, ..Merge::default() };
    // What no machine shares can stay before theirs.
    if !merge.theirs.is_empty() && own_left.iter().any(|record| record.body.is_shared()) {
        let known = theirs_and_common(state, &own[..own.len() - own_left.len()], their_left);
        append_ours(&mut merge, own_left, known);
    }
    merge
}

/// What both sides know of the versions.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// The newest version.
    pub newest: u64,
    /// Labels, and the versions that have them.
    pub labels: BTreeMap<String, VersionNumber>,
    /// Versions that are deleted.
    pub deleted: Vec<VersionNumber>,
    /// Versions that are pinned.
    pub pinned: Vec<VersionNumber>,
}

impl Shared {
    /// Takes the next record in.
    pub fn take(&mut self, body: &RecordBody) {
        match body {
            RecordBody::Version(version) => self.newest = version.number.0,
            RecordBody::Label(label) => drop(self.labels.insert(label.name.clone(), label.version)),
            RecordBody::Unlabel(name) => drop(self.labels.remove(name)),
            RecordBody::Pin(version) => self.pinned.push(*version),
            RecordBody::Unpin(version) => self.pinned.retain(|pinned| pinned != version),
            body if body.deletes() => self.deleted.extend(body.named_versions()),
            _ => {}
        }
    }

    /// Whether a version's contents are promised to be kept.
    fn keeps(&self, version: VersionNumber) -> bool {
        self.pinned.contains(&version) || self.labels.values().any(|labelled| *labelled == version)
    }
}

fn theirs_and_common(state: &Shared, common: &[Record], theirs: &[Record]) -> (Shared, u64) {
    let mut state = state.clone();
    common.iter().for_each(|record| state.take(&record.body));
    let newest_common = state.newest;
    theirs.iter().for_each(|record| state.take(&record.body));
    (state, newest_common)
}

fn append_ours(merge: &mut Merge, own: &[Record], (mut state, newest_common): (Shared, u64)) {
    let shift = state.newest - newest_common;
    let renumber = |number: VersionNumber| if number.0 > newest_common { VersionNumber(number.0 + shift) } else { number };
    for record in own {
        let body = match renumbered(&record.body, &renumber) {
            RecordBody::Version(version) => {
                let before = VersionNumber(version.number.0 - shift);
                merge.renumbered.push(Renumbered { before, now: version.number });
                RecordBody::Version(version)
            }
            body => match without_contradiction(body, &state) {
                Ok(body) => body,
                Err(why) => {
                    merge.left_out.push(why);
                    continue;
                }
            },
        };
        state.take(&body);
        merge.ours.push((record.created_ms, body));
    }
}

/// The record with the numbers that versions have now. A version keeps its content, author, time and message; its trigger notes the
/// number that it had first.
fn renumbered(body: &RecordBody, renumber: &dyn Fn(VersionNumber) -> VersionNumber) -> RecordBody {
    let mut body = body.clone();
    match &mut body {
        RecordBody::Version(version) => {
            let now = renumber(version.number);
            version.triggered_by = noted(&version.triggered_by, version.number, now, renumber);
            version.number = now;
        }
        RecordBody::Promote(number) | RecordBody::Delete(number) | RecordBody::Pin(number) | RecordBody::Unpin(number) => {
            *number = renumber(*number);
        }
        RecordBody::Label(label) => label.version = renumber(label.version),
        RecordBody::Check(check) => check.version = renumber(check.version),
        RecordBody::Prune(prune) => prune.versions.iter_mut().for_each(|number| *number = renumber(*number)),
        RecordBody::Restore(_) | RecordBody::Unlabel(_) | RecordBody::Supersede(_) | RecordBody::Purge(_) | RecordBody::Collect => {}
    }
    body
}

/// A trigger with a note of the number that the version had, and with the new number of the version that it names.
fn noted(trigger: &str, before: VersionNumber, now: VersionNumber, renumber: &dyn Fn(VersionNumber) -> VersionNumber) -> String {
    const NAMED: &str = "rollback to v";
    let mut text = trigger.to_owned();
    if let Some((start, number)) = trigger.split_once(NAMED)
        && ["", "before "].contains(&start)
        && let Ok(number) = number.split(' ').next().unwrap_or_default().parse()
    {
        let rest = number_end(trigger, start.len() + NAMED.len());
        text = format!("{start}rollback to {}{rest}", renumber(VersionNumber(number)));
    }
    if now != before && !text.contains(" (was v") && text.len() + 32 < TEXT_BYTES_MAX {
        text.push_str(&format!(" (was {before})"));
    }
    text
}

fn number_end(text: &str, from: usize) -> &str {
    text[from..].trim_start_matches(|c: char| c.is_ascii_digit())
}

/// The record, unless it contradicts what the others have recorded; then why not.
fn without_contradiction(body: RecordBody, state: &Shared) -> Result<RecordBody, String> {
    let is_deleted = |number: &VersionNumber| state.deleted.contains(number);
    match body {
        RecordBody::Label(label) if state.labels.get(&label.name).is_some_and(|has| *has != label.version) => {
            Err(format!("the label {:?} of {}: others have given it to {}", label.name, label.version, state.labels[&label.name]))
        }
        RecordBody::Prune(mut prune) => {
            prune.versions.retain(|number| !is_deleted(number) && !state.keeps(*number));
            if prune.versions.is_empty() {
                Err("a prune: others have pruned or kept the same versions".to_owned())
            } else {
                Ok(RecordBody::Prune(prune))
            }
        }
        RecordBody::Delete(number) if state.keeps(number) => Err(format!("the deletion of {number}: others have pinned or labelled it")),
        body if body.names_living() && body.named_versions().iter().any(is_deleted) => {
            Err(format!("a mark of {}: others have deleted it", body.named_versions()[0]))
        }
        body => Ok(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{LabelRecord, PruneRecord, VersionRecord};
    use crate::id::ObjectId;

    fn version(number: u64, message: &str, trigger: &str) -> RecordBody {
        RecordBody::Version(VersionRecord {
            number: VersionNumber(number),
            root: ObjectId::ZERO,
            by: "ada".into(),
            triggered_by: trigger.into(),
            message: message.into(),
            changes: Default::default(),
            files: 0,
            bytes: 0,
            left_out: 0,
        })
    }

    fn log(first: u64, bodies: Vec<RecordBody>) -> Vec<Record> {
        (first..).zip(bodies).map(|(sequence, body)| Record { sequence, previous: ObjectId::ZERO, created_ms: 1, body }).collect()
    }

    fn label(number: u64, name: &str) -> RecordBody {
        RecordBody::Label(LabelRecord { version: VersionNumber(number), name: name.into() })
    }

    fn shared(newest: u64) -> Shared {
        Shared { newest, ..Shared::default() }
    }

    #[test]
    fn what_both_have_is_not_appended_again() {
        let own = log(5, vec![version(3, "a", "push"), RecordBody::Restore(ObjectId::ZERO), label(3, "x")]);
        let theirs = log(3, vec![version(3, "a", "push"), label(3, "x")]);
        let merge = merge(4, &own, &theirs, &shared(2));
        assert_eq!((merge.common, merge.theirs.len(), merge.ours.len()), (7, 0, 0));
    }

    #[test]
    fn ours_come_behind_theirs_with_new_numbers_and_a_note() {
        let own =
            log(5, vec![version(3, "mine", "rollback to v1"), version(4, "mine too", "rollback to v3"), label(3, "x"), label(1, "y")]);
        let theirs = log(3, vec![version(3, "theirs", "push"), label(3, "y")]);
        let merge = merge(4, &own, &theirs, &shared(2));
        let expected = vec![
            (1, version(4, "mine", "rollback to v1 (was v3)")),
            (1, version(5, "mine too", "rollback to v4 (was v4)")),
            (1, label(4, "x")),
        ];
        assert_eq!(merge.ours, expected);
        assert_eq!(merge.common, 4);
        assert_eq!(merge.renumbered[1], Renumbered { before: VersionNumber(4), now: VersionNumber(5) });
        assert_eq!(merge.left_out, ["the label \"y\" of v1: others have given it to v3"]);
    }

    #[test]
    fn marks_of_what_others_deleted_are_left_out() {
        let prune = |versions: &[u64]| {
            RecordBody::Prune(PruneRecord { versions: versions.iter().copied().map(VersionNumber).collect(), reason: "x".into() })
        };
        let theirs = log(3, vec![prune(&[1, 2]), RecordBody::Pin(VersionNumber(3))]);
        let own = log(
            5,
            vec![
                RecordBody::Pin(VersionNumber(1)),
                prune(&[2, 3, 4]),
                RecordBody::Delete(VersionNumber(3)),
                RecordBody::Unpin(VersionNumber(1)),
            ],
        );
        let merge = merge(4, &own, &theirs, &shared(5));
        assert_eq!(merge.ours, [(1, prune(&[4])), (1, RecordBody::Unpin(VersionNumber(1)))]);
        assert_eq!(merge.left_out.len(), 2);
    }
}
