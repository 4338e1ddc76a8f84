//! Values on the command line.

use lua_store::ops::{Revision, RevisionError};

/// A version as it is typed: `v5`, `5`, `newest` or `active`.
pub fn parse_revision(text: &str) -> Result<Revision, RevisionError> {
    text.parse()
}

/// Whether a word is a version where both versions and paths may stand: only what looks like a number, since a file may well be
/// called `active`.
pub fn looks_like_version(word: &std::ffi::OsStr) -> Option<Revision> {
    let revision = word.to_str().and_then(|text| text.parse().ok())?;
    matches!(revision, Revision::Number(_)).then_some(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_taken_for_versions_among_paths() {
        assert!(looks_like_version("v5".as_ref()).is_some());
        assert_eq!(looks_like_version("active".as_ref()), None);
        assert_eq!(looks_like_version("5a".as_ref()), None);
    }
}
