//! What no ignore file decides: the store's own folder and git's.

use super::RuleSettings;
use crate::path::reserved_alias;

/// What the built-in rules say about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing: the ignore files decide.
    Ordinary,
    /// The folder itself, which no push records.
    LeftOut(&'static str),
    /// Another name for this folder on some file system. It can be left out, but never recorded.
    Alias(&'static str),
}

/// What the built-in rules say about an entry of any directory.
pub(super) fn standing(name: &[u8], settings: RuleSettings) -> Standing {
    if !can_be_reserved(name) {
        return Standing::Ordinary;
    }
    match reserved_alias(name) {
        Some(".git") if name == b".git" && settings.include_git => Standing::Ordinary,
        Some(protected) if name == protected.as_bytes() => Standing::LeftOut(protected),
        Some(protected) => Standing::Alias(protected),
        None => Standing::Ordinary,
    }
}

/// Whether it is worth asking [`reserved_alias`], which allocates. A name in ASCII must begin like a form of the folder's.
fn can_be_reserved(name: &[u8]) -> bool {
    let begins_like = |form: &[u8]| name.get(..form.len()).is_some_and(|head| head.eq_ignore_ascii_case(form));
    !name.is_ascii() || [b".lua", b".git", b"lua~", b"git~"].iter().any(|form| begins_like(*form))
}

/// Whether a directory is git's folder or lies in one.
pub(super) fn is_in_git(folder: &[u8]) -> bool {
    folder.split(|&byte| byte == b'/').any(|name| name == b".git")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIT_LEFT_OUT: RuleSettings = RuleSettings { include_git: false };

    proptest! {
        #[test]
        fn nothing_reserved_is_passed_over(name in "[.lLgG][.uUiI\u{200c}][aAtTuU~][~1aAtT. :]{0,4}") {
            prop_assert_eq!(standing(name.as_bytes(), GIT_LEFT_OUT) == Standing::Ordinary, reserved_alias(name.as_bytes()).is_none());
        }

        #[test]
        fn any_name_is_judged_alike(name: Vec<u8>) {
            prop_assert_eq!(standing(&name, GIT_LEFT_OUT) == Standing::Ordinary, reserved_alias(&name).is_none());
        }
    }

    #[test]
    fn the_folders_and_their_other_names_are_told_apart() {
        for (name, expected) in [
            (".lua", Standing::LeftOut(".lua")),
            (".git", Standing::LeftOut(".git")),
            (".Lua", Standing::Alias(".lua")),
            ("git~1", Standing::Alias(".git")),
            (".gitignore", Standing::Ordinary),
            ("lua", Standing::Ordinary),
        ] {
            assert_eq!(standing(name.as_bytes(), GIT_LEFT_OUT), expected, "{name}");
        }
        let included = RuleSettings { include_git: true };
        assert_eq!(standing(b".git", included), Standing::Ordinary);
        assert_eq!(standing(b".GIT", included), Standing::Alias(".git"));
        assert_eq!(standing(b".lua", included), Standing::LeftOut(".lua"));
    }
}
