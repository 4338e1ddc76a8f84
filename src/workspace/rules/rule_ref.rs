//! Where a rule stands, for messages.

use std::fmt;
use std::sync::Arc;

use super::level::{Level, Match};

/// A rule: one that is built in, or a line of an ignore file. Cheap to clone.
#[derive(Clone)]
pub struct RuleRef(Place);

#[derive(Clone)]
enum Place {
    BuiltIn(&'static str),
    File { level: Arc<Level>, rule: u32 },
}

impl RuleRef {
    pub(super) fn built_in(name: &'static str) -> Self {
        Self(Place::BuiltIn(name))
    }

    pub(super) fn in_file(found: Match<'_>) -> Self {
        Self(Place::File { level: Arc::clone(found.level), rule: found.rule })
    }

    /// The ignore file, relative to the root of the workspace; `None` for a rule that is built in.
    pub fn file(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Place::BuiltIn(_) => None,
            Place::File { level, .. } => Some(level.path()),
        }
    }

    /// The line of the ignore file, the first being 1; `None` for a rule that is built in.
    pub fn line(&self) -> Option<u32> {
        match &self.0 {
            Place::BuiltIn(_) => None,
            Place::File { level, rule } => Some(level.file().line(*rule)),
        }
    }

    /// The pattern as it is written, without trailing spaces; the name itself for a rule that is built in.
    pub fn pattern(&self) -> &[u8] {
        match &self.0 {
            Place::BuiltIn(name) => name.as_bytes(),
            Place::File { level, rule } => level.file().rule_text(*rule),
        }
    }

    /// Whether the pattern begins with `!`, so that what it matches is recorded.
    pub fn whitelists(&self) -> bool {
        match &self.0 {
            Place::BuiltIn(_) => false,
            Place::File { level, rule } => level.file().whitelists(*rule),
        }
    }
}

impl fmt::Display for RuleRef {
    /// For people and logs: bytes that are no UTF-8 are replaced. `cli` has its own form that no terminal obeys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pattern = String::from_utf8_lossy(self.pattern());
        match (self.file(), self.line()) {
            (Some(file), Some(line)) => write!(f, "{}:{line}:{pattern}", String::from_utf8_lossy(&file)),
            _ => write!(f, "built in:{pattern}"),
        }
    }
}

impl fmt::Debug for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleRef({self})")
    }
}

impl PartialEq for RuleRef {
    /// Two rules are equal when they read the same in the same place.
    fn eq(&self, other: &Self) -> bool {
        (self.file(), self.line(), self.pattern()) == (other.file(), other.line(), other.pattern())
    }
}

impl Eq for RuleRef {}
