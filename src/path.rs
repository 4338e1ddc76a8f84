//! Names and relative paths that are safe to use in a workspace.
//!
//! A [`RelPath`] can be handed to the file system one component at a time without leaving the workspace: it is never
//! absolute, has no empty, `.` or `..` component, no zero byte, and no component that some file system takes for the
//! store's own folder `.lua` (see [`reserved_alias`]). Paths are bytes: Linux promises no encoding.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::limits::{NAME_BYTES_MAX, PATH_BYTES_MAX};

/// Why a name or a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// An empty name, `.` or `..`, or a name with a slash or a zero byte.
    #[error("{0:?} is no name of a file")]
    NotAName(String),
    /// A name of more than [`NAME_BYTES_MAX`] bytes, or a path of more than [`PATH_BYTES_MAX`].
    #[error("a name or path is too long: {0} bytes")]
    TooLong(usize),
    /// A name that is, or on some file system becomes, that of a protected folder.
    #[error("{name:?} stands for {protected:?} on some file systems")]
    Protected {
        /// The refused name.
        name: String,
        /// The folder that it would reach.
        protected: &'static str,
    },
    /// An absolute path where a relative one is needed.
    #[error("{0:?} is an absolute path")]
    Absolute(String),
}

/// Checks one component of a path as it may stand in a tree: `.lua` and everything that aliases it is refused, and
/// aliases of `.git` other than `.git` itself (which the settings may include) are refused too.
pub fn check_name(name: &[u8]) -> Result<(), PathError> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    if name.is_empty() || name == b"." || name == b".." || name.iter().any(|&byte| byte == b'/' || byte == 0) {
        return Err(PathError::NotAName(shown()));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(PathError::TooLong(name.len()));
    }
    match reserved_alias(name) {
        Some(".git") if name == b".git" => Ok(()),
        Some(protected) => Err(PathError::Protected { name: shown(), protected }),
        None => Ok(()),
    }
}

/// The protected folder (`.lua` or `.git`) that this name means on some file system, whatever the case of its letters,
/// with characters that some file system passes over, in compatibility forms, or in the short and stream forms of NTFS.
///
/// The rules are those of git's `protectHFS` and `protectNTFS`, applied to our folder as well and on every platform.
pub fn reserved_alias(name: &[u8]) -> Option<&'static str> {
    // Nearly every name is settled by its first byte: only '.', a short form's 'l' or 'g', and non-ASCII can go on.
    match name.first() {
        Some(b'.' | b'l' | b'L' | b'g' | b'G' | 0x80..) => {}
        _ => return None,
    }
    // NTFS passes over any number of dots and spaces at the end.
    let trimmed = name.iter().rposition(|byte| !matches!(byte, b'.' | b' ')).map_or(0, |last| last + 1);
    if trimmed > 64 && name.is_ascii() && !name.contains(&b':') {
        return None;
    }
    let folded = fold(name);
    let stem = folded.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    match stem {
        ".lua" => Some(".lua"),
        ".git" => Some(".git"),
        _ if is_short_form(stem, "lua~") => Some(".lua"),
        _ if is_short_form(stem, "git~") => Some(".git"),
        _ => None,
    }
}

fn is_short_form(stem: &str, prefix: &str) -> bool {
    stem.strip_prefix(prefix).is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn fold(name: &[u8]) -> String {
    String::from_utf8_lossy(name)
        .nfkc()
        .filter(|&c| !is_passed_over(c))
        .flat_map(char::to_lowercase)
        .filter(|&c| !is_passed_over(c))
        .collect()
}

/// Characters that a file system may pass over when it compares names: HFS+ a few of them, the case folding of Linux (ext4, F2FS, tmpfs)
/// all that Unicode calls `Default_Ignorable_Code_Point`.
pub(crate) fn is_passed_over(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// A checked path below the root of a workspace; the empty path is the root itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RelPath(Vec<u8>);

impl RelPath {
    /// The root of the workspace.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Checks a path of components separated by single slashes; the empty path is the root.
    pub fn new(path: &[u8]) -> Result<Self, PathError> {
        if path.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong(path.len()));
        }
        if path.first() == Some(&b'/') {
            return Err(PathError::Absolute(String::from_utf8_lossy(path).into_owned()));
        }
        if !path.is_empty() {
            path.split(|&byte| byte == b'/').try_for_each(check_name)?;
        }
        Ok(Self(path.to_vec()))
    }

    /// This path with one more component.
    pub fn join(&self, name: &[u8]) -> Result<Self, PathError> {
        check_name(name)?;
        let mut path = Vec::with_capacity(self.0.len() + 1 + name.len());
        path.extend_from_slice(&self.0);
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        if path.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong(path.len()));
        }
        Ok(Self(path))
    }

    /// The path's bytes, components separated by slashes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root of the workspace.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components, outermost first.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
    }

    /// The folder that holds this path and the path's last component; `None` for the root.
    pub fn split_last(&self) -> Option<(RelPath, &[u8])> {
        if self.is_root() {
            return None;
        }
        match self.0.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => Some((Self(self.0[..slash].to_vec()), &self.0[slash + 1..])),
            None => Some((Self::root(), &self.0)),
        }
    }

    /// Whether this path is `other` or lies below it.
    pub fn starts_with(&self, other: &RelPath) -> bool {
        other.is_root() || (self.0.starts_with(&other.0) && matches!(self.0.get(other.0.len()), None | Some(b'/')))
    }
}

impl fmt::Display for RelPath {
    /// For people and logs: bytes that are no UTF-8 are replaced. `cli` has its own form that no terminal obeys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { "" })?;
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass() {
        for name in
            [&b"a"[..], b".gitignore", b".luaignore", b"lua", b"git", b"..x", b"bad\xff\xfe", b"-rf", b" ", b".git", b"lua~x", b"gitfoo"]
        {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn names_that_leave_or_lie_are_refused() {
        for name in [&b""[..], b".", b"..", b"a/b", b"a\0b"] {
            assert!(matches!(check_name(name), Err(PathError::NotAName(_))), "{name:?}");
        }
        assert_eq!(check_name(&[b'x'; 256]), Err(PathError::TooLong(256)));
    }

    #[test]
    fn aliases_of_the_store_are_refused() {
        let aliases = [
            ".lua",
            ".LUA",
            ".Lua ",
            ".lua.",
            ".lua. .",
            ".lua::$INDEX_ALLOCATION",
            "LUA~1",
            "lua~12",
            ".l\u{200c}ua",
            ".\u{217c}ua",
            "\u{ff0e}lua",
            ".\u{feff}lua",
            "\u{200d}.lua",
            ".GIT",
            ".git ",
            "GIT~1",
            ".g\u{200d}it",
            ".l\u{fe0f}ua",
            ".gi\u{34f}t",
            "\u{e0020}.lua",
            ".git\u{3164}",
            ".git::$DATA",
        ];
        for name in aliases {
            assert!(matches!(check_name(name.as_bytes()), Err(PathError::Protected { .. })), "{name:?}");
        }
    }

    #[test]
    fn paths_split_and_join() {
        let path = RelPath::new(b"a/b/c").unwrap();
        let (folder, name) = path.split_last().unwrap();
        assert_eq!((folder.as_bytes(), name), (&b"a/b"[..], &b"c"[..]));
        assert_eq!(folder.join(name).unwrap(), path);
        assert!(path.starts_with(&folder) && !folder.starts_with(&path));
        assert!(!RelPath::new(b"ab").unwrap().starts_with(&RelPath::new(b"a").unwrap()));
        assert!(matches!(RelPath::new(b"/a"), Err(PathError::Absolute(_))));
        for bad in [&b"a//b"[..], b"a/", b"../a", b"a/../b"] {
            assert!(RelPath::new(bad).is_err(), "{bad:?}");
        }
    }
}
