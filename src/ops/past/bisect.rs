//! Finding the version that broke something, by running a command in throw-away checkouts of fewer and fewer versions.

use std::collections::HashSet;
use std::path::PathBuf;

use super::super::{DiffForm, Host, OpsError, OpsResult, Phase, Revision, RevisionRange, Workspace};
use super::scratch::{CommandLine, Ended, Lab, Output, VersionRun};
use super::{ShowOptions, ShowOutcome, show};
use crate::format::record::VersionNumber;
use crate::version_log::VersionRow;

/// The code of a command that cannot say whether a version is good.
const SKIP_CODE: i32 = 125;
/// The highest code that says that a version is bad. Those above it are of shells and of commands that signals ended.
const BAD_CODE_MAX: i32 = 127;

/// What to look for.
#[derive(Clone, Debug)]
pub struct BisectOptions {
    /// A version that is taken to be good, without a test.
    pub good: VersionNumber,
    /// A newer one that is taken to be bad, without a test.
    pub bad: VersionNumber,
    /// Says of a version by its code: 0 good, 125 no telling, up to 127 bad; any other ends the search.
    pub command: CommandLine,
    /// The folder for temporary files; outside of the workspace.
    pub scratch: PathBuf,
}

/// What a test of a version came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestVerdict {
    /// It is as it should be.
    Good,
    /// It is not.
    Bad,
    /// No telling.
    Skipped,
}

/// What was found.
#[derive(Clone, Debug)]
pub enum Culprit {
    /// The first bad version, and the paths that it changed.
    First(Box<ShowOutcome>),
    /// One of these, the oldest first: there was no telling of those between.
    OneOf(Vec<VersionNumber>),
}

/// How it was found.
#[derive(Clone, Debug)]
pub struct BisectOutcome {
    /// The tests in their order.
    pub tests: Vec<(VersionRun, TestVerdict)>,
    /// What was found.
    pub culprit: Culprit,
}

/// Searches. Deleted versions are passed over. Changes nothing.
///
/// # Errors
/// [`OpsError::EmptyRange`] when the good version is not the older one; [`OpsError::NoVerdict`] when the command ends in a way
/// that says nothing.
pub fn bisect(workspace: &Workspace, options: &BisectOptions, host: &dyn Host) -> OpsResult<BisectOutcome> {
    let (good, bad) = (options.good, options.bad);
    for end in [good, bad] {
        workspace.usable_version(end)?;
    }
    if good >= bad {
        return Err(OpsError::EmptyRange { first: good, last: bad });
    }
    let span = RevisionRange::Span { first: Some(Revision::Number(good)), last: Some(Revision::Number(bad)) };
    let rows = workspace.versions_of(&span)?;
    let lab = Lab::new(workspace, &options.scratch, host)?;
    let mut search = Search { good: 0, bad: rows.len() - 1, skipped: HashSet::new() };
    let mut tests = Vec::new();
    while let Some(place) = search.next() {
        host.progress(Phase::Running, tests.len() as u64, None);
        let (run, verdict) = test(&lab, &rows[place], &options.command)?;
        search.note(place, verdict);
        tests.push((run, verdict));
    }
    let culprit = match &rows[search.good + 1..=search.bad] {
        [first] => {
            let shown = ShowOptions { version: first.record.number, paths: Vec::new(), form: DiffForm::NameOnly };
            Culprit::First(Box::new(show(workspace, &shown)?))
        }
        several => Culprit::OneOf(several.iter().map(|row| row.record.number).collect()),
    };
    Ok(BisectOutcome { tests, culprit })
}

fn test(lab: &Lab<'_>, row: &VersionRow, command: &CommandLine) -> OpsResult<(VersionRun, TestVerdict)> {
    let run = lab.run(row, command, Output::Kept)?;
    let verdict = match run.ended {
        Ended::Code(0) => TestVerdict::Good,
        Ended::Code(SKIP_CODE) => TestVerdict::Skipped,
        Ended::Code(1..=BAD_CODE_MAX) => TestVerdict::Bad,
        Ended::Code(code) => return Err(OpsError::NoVerdict { number: run.version, how: format!("with code {code}") }),
        Ended::Signal(signal) => return Err(OpsError::NoVerdict { number: run.version, how: format!("by signal {signal}") }),
    };
    Ok((run, verdict))
}

/// What is known so far, by places among the versions.
struct Search {
    /// The newest good one.
    good: usize,
    /// The oldest bad one.
    bad: usize,
    skipped: HashSet<usize>,
}

impl Search {
    /// The place to be tested next: the one nearest to the middle that was not skipped.
    fn next(&self) -> Option<usize> {
        let middle = self.good + (self.bad - self.good) / 2;
        (self.good + 1..self.bad).filter(|place| !self.skipped.contains(place)).min_by_key(|place| place.abs_diff(middle))
    }

    fn note(&mut self, place: usize, verdict: TestVerdict) {
        match verdict {
            TestVerdict::Good => self.good = place,
            TestVerdict::Bad => self.bad = place,
            TestVerdict::Skipped => drop(self.skipped.insert(place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches among `count` versions with a verdict for each; gives the remaining ones and the number of tests.
    fn searched(count: usize, verdict: impl Fn(usize) -> TestVerdict) -> (std::ops::RangeInclusive<usize>, usize) {
        let mut search = Search { good: 0, bad: count - 1, skipped: HashSet::new() };
        let mut tests = 0;
        while let Some(place) = search.next() {
            search.note(place, verdict(place));
            tests += 1;
        }
        (search.good + 1..=search.bad, tests)
    }

    #[test]
    fn each_first_bad_version_is_found_in_few_tests() {
        for first_bad in 1..100 {
            let (found, tests) = searched(100, |place| if place < first_bad { TestVerdict::Good } else { TestVerdict::Bad });
            assert_eq!(found, first_bad..=first_bad);
            assert!(tests <= 7, "{first_bad}: {tests}");
        }
    }

    #[test]
    fn what_was_skipped_stays_in_question() {
        let verdict = |place| match place {
            40..=44 => TestVerdict::Skipped,
            ..40 => TestVerdict::Good,
            _ => TestVerdict::Bad,
        };
        assert_eq!(searched(100, verdict).0, 40..=45);
        assert_eq!(searched(5, |_| TestVerdict::Skipped).0, 1..=4);
        assert_eq!(searched(2, |_| panic!("nothing is to be tested")).0, 1..=1);
    }
}
