//! Versions as users name them: by number, by what they are, or by label.

use std::fmt;
use std::str::FromStr;

use super::{OpsError, OpsResult, Workspace, label};
use crate::format::record::VersionNumber;

/// A version as it was named. Which one is meant is decided by [`Workspace::resolve`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// `5` or `v5`.
    Number(VersionNumber),
    /// `newest`: the version with the highest number.
    Newest,
    /// `active`: the active version.
    Active,
    /// Any other word: the version that has this label.
    Label(String),
}

/// Why a word names no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// It is neither a number nor a word that stands for a version, and cannot be a label.
    #[error("a version is written as 5, v5, newest, active or by its label")]
    Malformed,
    /// There is no version 0.
    #[error("the first version is 1")]
    Zero,
    /// No version can have this number.
    #[error("no version has a number that large")]
    TooLarge,
}

impl FromStr for Revision {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        match text {
            "newest" => return Ok(Self::Newest),
            "active" => return Ok(Self::Active),
            _ => {}
        }
        let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return label::check_name(text).map(|()| Self::Label(text.to_owned())).map_err(|_| RevisionError::Malformed);
        }
        match digits.parse() {
            Ok(0) => Err(RevisionError::Zero),
            Ok(number) => Ok(Self::Number(VersionNumber(number))),
            Err(_) => Err(RevisionError::TooLarge),
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Newest => f.write_str("newest"),
            Self::Active => f.write_str("active"),
            Self::Label(name) => f.write_str(name),
        }
    }
}

impl Workspace {
    /// The version that is meant. A number is taken as it is; whether that version exists and has its contents, those
    /// say that use it.
    ///
    /// # Errors
    /// [`OpsError::NoVersion`] when there is none yet that could be the newest or the active one; [`OpsError::UnknownLabel`].
    pub fn resolve(&self, revision: &Revision) -> OpsResult<VersionNumber> {
        let found = match revision {
            Revision::Number(number) => Some(*number),
            Revision::Newest => self.log.head()?.newest,
            Revision::Active => self.log.head()?.active,
            Revision::Label(name) => return label::labelled(self, name),
        };
        found.ok_or(OpsError::NoVersion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_number() {
        for text in ["5", "v5", "V5", "005"] {
            assert_eq!(text.parse(), Ok(Revision::Number(VersionNumber(5))), "{text}");
        }
        assert_eq!("18446744073709551615".parse(), Ok(Revision::Number(VersionNumber(u64::MAX))));
        assert_eq!("newest".parse(), Ok(Revision::Newest));
        assert_eq!("active".parse(), Ok(Revision::Active));
    }

    #[test]
    fn other_words_are_labels() {
        for text in ["v", "+1", "5a", "vv5", "1.0", "٣", "before-refactor", "release/2"] {
            assert_eq!(text.parse(), Ok(Revision::Label(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn everything_else_is_no_version() {
        for (text, why) in [("v0", RevisionError::Zero), ("18446744073709551616", RevisionError::TooLarge)] {
            assert_eq!(text.parse::<Revision>(), Err(why), "{text}");
        }
        for text in ["", "-1", "Newest", "two words", "a..b", "5:src"] {
            assert_eq!(text.parse::<Revision>(), Err(RevisionError::Malformed), "{text}");
        }
    }
}
