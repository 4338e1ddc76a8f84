//! What a scan did not record: by what rule, or why. Bounded, however much it is.

use std::collections::HashMap;
use std::sync::Arc;

/// At most so many skipped paths are named; more are counted.
const SKIPPED_NAMED_MAX: usize = 1000;
/// At most so many rules are told apart; what others leave out is counted under [`OTHER_RULES`].
const RULES_MAX: usize = 1000;
const OTHER_RULES: &str = "other rules";

/// Where a rule stands, as text.
pub type RuleText = Arc<str>;

/// What kind of reason a path is skipped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipKind {
    /// It is no file, directory or link: a pipe, a socket, a device.
    Special,
    /// Its name or its path cannot be recorded.
    Name,
    /// The system does not let us read it, or cannot.
    Unreadable,
    /// It became something else while it was looked at.
    Changed,
}

impl SkipKind {
    /// The kind's number in the stat cache.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Special => 0,
            Self::Name => 1,
            Self::Unreadable => 2,
            Self::Changed => 3,
        }
    }

    /// The kind with a number. A number that no writer writes becomes the kind that blocks most.
    pub(super) fn of_number(number: u8) -> Self {
        match number {
            0 => Self::Special,
            1 => Self::Name,
            3 => Self::Changed,
            _ => Self::Unreadable,
        }
    }
}

/// A path that could not be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The path, components separated by slashes. Its names may be ones that no tree can hold.
    pub path: Vec<u8>,
    /// What kind of reason.
    pub kind: SkipKind,
    /// The reason, for people.
    pub why: Box<str>,
}

/// What one rule leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Files and links; of directories that were left out only when the scan was told to measure them.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Directories that were left out as a whole.
    pub directories: u64,
    /// One of the paths.
    pub example: Vec<u8>,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub skipped: Vec<Skipped>,
    pub skipped_count: u64,
    pub left_out: Vec<(RuleText, LeftOut)>,
    left_out_places: HashMap<RuleText, usize>,
}

impl Report {
    /// Notes a path that could not be recorded.
    pub fn skip(&mut self, path: impl FnOnce() -> Vec<u8>, kind: SkipKind, why: &str) {
        self.skipped_count += 1;
        if self.skipped.len() < SKIPPED_NAMED_MAX {
            self.skipped.push(Skipped { path: path(), kind, why: why.into() });
        }
    }

    /// What a rule left out so far, to be added to.
    pub fn rule(&mut self, rule: &str, path: impl FnOnce() -> Vec<u8>) -> &mut LeftOut {
        let is_full = self.left_out.len() >= RULES_MAX && !self.left_out_places.contains_key(rule);
        let rule = if is_full { OTHER_RULES } else { rule };
        let place = match self.left_out_places.get(rule) {
            Some(&place) => place,
            None => {
                let rule = RuleText::from(rule);
                self.left_out_places.insert(rule.clone(), self.left_out.len());
                self.left_out.push((rule, LeftOut { example: path(), ..LeftOut::default() }));
                self.left_out.len() - 1
            }
        };
        &mut self.left_out[place].1
    }

    /// Adds what another thread noted.
    pub fn merge(&mut self, other: Report) {
        self.skipped_count += other.skipped_count;
        self.skipped.extend(other.skipped);
        for (rule, counts) in other.left_out {
            let sum = self.rule(&rule, Vec::new);
            if sum.example.is_empty() {
                sum.example = counts.example;
            }
            sum.files += counts.files;
            sum.bytes += counts.bytes;
            sum.directories += counts.directories;
        }
    }

    /// Puts everything in an order that does not depend on which thread was first.
    pub fn finish(&mut self) {
        self.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        self.skipped.truncate(SKIPPED_NAMED_MAX);
        self.left_out.sort_by(|a, b| a.0.cmp(&b.0));
    }
}
