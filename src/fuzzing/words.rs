//! What users type, and paths from anywhere.

use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use crate::format::remote::RepositoryId;
use crate::id::ObjectId;
use crate::limits::{NAME_BYTES_MAX, PATH_BYTES_MAX};
use crate::ops::{Revision, RevisionRange};
use crate::path::{RelPath, check_name, is_passed_over, reserved_alias};
use crate::remote::Address;

/// Versions, ranges of versions, ids, addresses of remotes.
pub(super) fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let revision = text.parse::<Revision>();
    if let Ok(revision) = &revision {
        assert_eq!(revision.to_string().parse().as_ref(), Ok(revision), "it is written as it is not read");
        assert!(!text.contains(".."), "it would be taken for a range");
    }
    range(text, &revision.ok());
    if let Ok(id) = text.parse::<ObjectId>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(id) = text.parse::<RepositoryId>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(address) = Address::parse(text, Path::new("/workspace")) {
        assert!(!address.as_str().chars().any(char::is_control));
        let again = Address::parse(address.as_str(), Path::new("/elsewhere")).expect("it is kept as it is read");
        assert_eq!(again, address, "it means something else in another folder");
    }
}

fn range(text: &str, single: &Option<Revision>) {
    match text.parse::<RevisionRange>() {
        Ok(RevisionRange::Single(revision)) => assert_eq!(Some(revision), *single),
        Ok(RevisionRange::Span { first, last }) => {
            let ends = [first, last].map(|end| end.map_or(String::new(), |end| end.to_string()));
            let again = ends.join("..").parse::<RevisionRange>().map(|range| matches!(range, RevisionRange::Span { .. }));
            assert_eq!(again, Ok(true));
        }
        Err(_) => assert_eq!(*single, None),
    }
}

/// Paths and names: nothing that passes leads anywhere else.
pub(super) fn path(bytes: &[u8]) {
    for name in bytes.split(|&byte| byte == b'/') {
        if check_name(name).is_ok() {
            harmless(name);
        }
    }
    let Ok(path) = RelPath::new(bytes) else { return };
    assert!(bytes.len() <= PATH_BYTES_MAX && path.as_bytes() == bytes);
    let mut again = RelPath::root();
    for name in path.components() {
        again = again.join(name).expect("every component passed");
        assert!(path.starts_with(&again));
    }
    assert_eq!(again, path);
    if let Some((folder, name)) = path.split_last() {
        assert_eq!(folder.join(name).as_ref(), Ok(&path));
    }
}

/// A name that may stand in a tree is none that a file system takes for another: not in capitals, not normalized in any way, not
/// without the characters that are passed over, not without dots and spaces at its end.
fn harmless(name: &[u8]) {
    assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX && name != b"." && name != b".." && !name.contains(&0));
    let Ok(text) = std::str::from_utf8(name) else { return };
    let visible = |text: &str| text.chars().filter(|&c| !is_passed_over(c)).collect::<String>();
    for form in [
        text.to_owned(),
        text.nfc().collect(),
        text.nfd().collect(),
        text.nfkc().collect(),
        text.nfkd().collect(),
        text.to_lowercase(),
        visible(text),
        visible(&text.to_lowercase().nfkd().collect::<String>()),
    ] {
        let trimmed = form.trim_end_matches(['.', ' ']).split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
        let is_git = name == b".git";
        assert!(is_git || !matches!(trimmed.to_ascii_lowercase().as_str(), ".lua" | ".git"), "{text:?} becomes {trimmed:?}");
        assert!(is_git || reserved_alias(form.as_bytes()).is_none(), "{text:?} becomes {form:?}, which is refused");
    }
}
