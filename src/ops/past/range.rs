//! Several versions as users name them: one, or all from one to another.

use std::str::FromStr;

use super::super::{OpsError, OpsResult, Revision, RevisionError, Workspace};
use super::readable_versions;
use crate::version_log::VersionRow;

/// Versions as they were named: `A`, `A..B`, `A..` or `..B`. Both ends belong to the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevisionRange {
    /// One version.
    Single(Revision),
    /// From the first to the last; without one, from the oldest or to the newest.
    Span {
        /// The oldest one.
        first: Option<Revision>,
        /// The newest one.
        last: Option<Revision>,
    },
}

impl RevisionRange {
    /// Every version.
    pub const ALL: Self = Self::Span { first: None, last: None };

    /// The oldest and the newest version that are meant; `None` for the oldest or the newest there is.
    pub fn into_ends(self) -> [Option<Revision>; 2] {
        match self {
            Self::Single(only) => [Some(only.clone()), Some(only)],
            Self::Span { first, last } => [first, last],
        }
    }
}

impl FromStr for RevisionRange {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let Some((first, last)) = text.split_once("..") else { return text.parse().map(Self::Single) };
        let end = |text: &str| if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        Ok(Self::Span { first: end(first)?, last: end(last)? })
    }
}

impl Workspace {
    /// The versions of a range, oldest first; those that were deleted are left out.
    ///
    /// # Errors
    /// [`OpsError::UnknownVersion`] for an end that does not exist, [`OpsError::DeletedVersion`] for a single version that was
    /// deleted, [`OpsError::EmptyRange`] for ends in the wrong order, [`OpsError::NoVersion`] when nothing is left.
    pub fn versions_of(&self, range: &RevisionRange) -> OpsResult<Vec<VersionRow>> {
        let (first, last) = match range {
            RevisionRange::Single(revision) => return Ok(vec![self.usable_version(self.resolve(revision)?)?]),
            RevisionRange::Span { first, last } => (first, last),
        };
        let end = |revision: &Option<Revision>| -> OpsResult<_> {
            let Some(revision) = revision else { return Ok(None) };
            Ok(Some(super::super::version(self, self.resolve(revision)?)?.record.number))
        };
        let (first, last) = (end(first)?, end(last)?);
        if let (Some(first), Some(last)) = (first, last)
            && first > last
        {
            return Err(OpsError::EmptyRange { first, last });
        }
        let mut rows = readable_versions(self)?;
        rows.retain(|row| first.is_none_or(|first| row.record.number >= first) && last.is_none_or(|last| row.record.number <= last));
        rows.reverse();
        if rows.is_empty() { Err(OpsError::NoVersion) } else { Ok(rows) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let number = |text: &str| text.parse().ok();
        assert_eq!("5".parse(), Ok(RevisionRange::Single("v5".parse().unwrap())));
        assert_eq!("v3..newest".parse(), Ok(RevisionRange::Span { first: number("3"), last: number("newest") }));
        assert_eq!("3..".parse(), Ok(RevisionRange::Span { first: number("3"), last: None }));
        assert_eq!("..".parse(), Ok(RevisionRange::ALL));
        for text in ["", "a:b..c", "1...3", "1..0"] {
            assert!(text.parse::<RevisionRange>().is_err(), "{text}");
        }
    }
}
