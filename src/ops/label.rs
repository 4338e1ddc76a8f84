//! Labels: names that users give to versions.

use super::{Host, OpsError, OpsResult, Revision, Workspace};
use crate::format::record::{LabelRecord, RecordBody, VersionNumber};
use crate::limits::LABEL_BYTES_MAX;

/// At most so many labels are named as similar to one that does not exist.
const NEAR_NAMED_MAX: usize = 3;
/// Of so many characters one may be wrong in a label that is similar.
const NEAR_CHARS_EACH: usize = 3;

/// What became of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelOutcome {
    /// The version that has it now.
    pub version: VersionNumber,
    /// The version that had it before.
    pub before: Option<VersionNumber>,
    /// Whether anything changed.
    pub changed: bool,
}

/// Gives a version a label. One that another version has is moved only when `may_move` says so.
///
/// # Errors
/// [`OpsError::BadLabel`], [`OpsError::LabelTaken`], and those of a version that cannot be used.
///
/// # Durability
/// On return the label is durable. After a crash before that it is where it was.
pub fn label(workspace: &mut Workspace, number: VersionNumber, name: &str, may_move: bool, host: &dyn Host) -> OpsResult<LabelOutcome> {
    check_name(name).map_err(|why| OpsError::BadLabel { name: name.to_owned(), why })?;
    let mut publishing = workspace.begin_publish(host)?;
    publishing.workspace().usable_version(number)?;
    let before = publishing.workspace().log.labelled(name)?;
    if let Some(version) = before.filter(|before| *before != number && !may_move) {
        return Err(OpsError::LabelTaken { name: name.to_owned(), version });
    }
    let changed = before != Some(number);
    if changed {
        let batch = publishing.workspace().store.batch()?;
        publishing.commit(batch, RecordBody::Label(LabelRecord { version: number, name: name.to_owned() }), host)?;
    }
    Ok(LabelOutcome { version: number, before, changed })
}

/// Takes a label away, and gives the version that had it.
///
/// # Errors
/// [`OpsError::UnknownLabel`].
///
/// # Durability
/// On return it is gone for good. After a crash before that it is where it was.
pub fn unlabel(workspace: &mut Workspace, name: &str, host: &dyn Host) -> OpsResult<VersionNumber> {
    let mut publishing = workspace.begin_publish(host)?;
    let version = labelled(publishing.workspace(), name)?;
    let batch = publishing.workspace().store.batch()?;
    publishing.commit(batch, RecordBody::Unlabel(name.to_owned()), host)?;
    Ok(version)
}

/// Whether a version has this label.
pub fn is_label(workspace: &Workspace, name: &str) -> OpsResult<bool> {
    Ok(workspace.log.labelled(name)?.is_some())
}

/// The version that has a label.
pub(super) fn labelled(workspace: &Workspace, name: &str) -> OpsResult<VersionNumber> {
    if let Some(version) = workspace.log.labelled(name)? {
        return Ok(version);
    }
    let near = near(name, workspace.log.marks()?.labels.keys());
    Err(OpsError::UnknownLabel { name: name.to_owned(), near })
}

/// Whether a text can be a label, or the rule that it breaks. The rules are those of git's tags, so that every label can become
/// one, and that none is taken for a version.
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    let is_part_bad = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    let rules = [
        (name.is_empty(), "it is empty"),
        (name.len() > LABEL_BYTES_MAX, "it is too long"),
        (name.starts_with('-'), "it begins with a dash"),
        (name.chars().any(|c| c.is_control() || c.is_whitespace()), "it has a space or a control character in it"),
        (name.contains(['~', '^', ':', '?', '*', '[', '\\']), "it has one of ~ ^ : ? * [ \\ in it"),
        (name.contains("..") || name.contains("@{"), "it has .. or @{ in it"),
        (name == "@" || name == "HEAD", "git knows it as something else"),
        (name.ends_with('.'), "it ends with a dot"),
        (name.split('/').any(is_part_bad), "a part of it is empty, begins with a dot, or ends with .lock"),
        (is_taken_for_version(name), "it would be taken for a version"),
    ];
    rules.into_iter().find(|(breaks, _)| *breaks).map_or(Ok(()), |(_, why)| Err(why))
}

fn is_taken_for_version(name: &str) -> bool {
    let digits = name.strip_prefix(['v', 'V']).unwrap_or(name);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let words = [Revision::Newest, Revision::Active].map(|word| word.to_string());
    is_number || words.iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// The labels that are written like a name, the most similar first.
fn near<'a>(name: &str, labels: impl Iterator<Item = &'a String>) -> Vec<String> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    let distance_max = 1 + wanted.len() / NEAR_CHARS_EACH;
    let measured = labels.map(|label| {
        let lower = label.to_lowercase();
        let chars: Vec<char> = lower.chars().collect();
        // Part of a name is a way to ask for it, too.
        let is_part = wanted.len() >= NEAR_CHARS_EACH && lower.contains(&name.to_lowercase());
        (if is_part { 1 } else { distance(&wanted, &chars) }, label)
    });
    let mut found: Vec<(usize, &String)> = measured.filter(|(distance, _)| *distance <= distance_max).collect();
    found.sort();
    found.into_iter().take(NEAR_NAMED_MAX).map(|(_, label)| label.clone()).collect()
}

/// How many characters must be put in, taken out or replaced to make one text of the other (Levenshtein).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (number, from_char) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = number + 1;
        for (place, to_char) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(from_char != to_char);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_a_git_tag_can_be() {
        for name in ["release-1", "v1.2.3", "before/refactor", "é", "a@b", "x.locked", "5a", "vv5", "v"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let bad = [
            "",
            "-x",
            "a b",
            "a\tb",
            "a\u{7f}",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\",
            "a..b",
            "a@{1}",
            "@",
            "HEAD",
            "a.",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "5",
            "v5",
            "V05",
            "0",
            "99999999999999999999999",
            "newest",
            "Active",
        ];
        for name in bad {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert_eq!(check_name(&"x".repeat(255)), Ok(()));
        assert!(check_name(&"x".repeat(256)).is_err());
    }

    #[test]
    fn similar_labels_are_named() {
        let labels = ["before-refactor", "before-release", "after", "Main", "unrelated"].map(String::from);
        let near = |name| near(name, labels.iter());
        assert_eq!(near("befor-refactor"), ["before-refactor"]);
        assert_eq!(near("refactor"), ["before-refactor"]);
        assert_eq!(near("main"), ["Main"]);
        assert_eq!(near("before"), ["before-refactor", "before-release", "after"].map(String::from)[..2]);
        assert!(near("zzzzzz").is_empty());
    }

    #[test]
    fn distances_count_characters() {
        let of = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!([of("", ""), of("abc", ""), of("", "é"), of("kitten", "sitting"), of("same", "same")], [0, 3, 1, 3, 0]);
    }
}
