//! Which paths a user means: paths with everything below them, and patterns.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::{OpsError, OpsResult};
use crate::path::RelPath;
use crate::tree::Selection;

/// The paths that a user named. Nothing named means all.
#[derive(Debug, Default)]
pub struct PathSelection {
    paths: Vec<RelPath>,
    /// Which of them are patterns too, in the order of `globs`.
    patterns: Vec<usize>,
    globs: GlobSet,
}

impl PathSelection {
    /// Reads what the user gave, relative to the root of the workspace: a path (with everything below it), or a pattern, in
    /// which `*` and `?` stay within a folder and `**` does not. What holds a special character is both: a file may be named so.
    /// What is no UTF-8 is a path and no pattern.
    pub fn new(named: &[impl AsRef<[u8]>]) -> OpsResult<Self> {
        let mut selection = Self::default();
        let mut globs = GlobSetBuilder::new();
        for given in named.iter().map(AsRef::as_ref) {
            let path = trimmed(given);
            selection.paths.push(RelPath::new(path).map_err(|error| OpsError::bad_path(given, &error))?);
            if let Ok(text) = std::str::from_utf8(path)
                && text.contains(['*', '?', '[', '{'])
            {
                let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
                globs.add(glob.map_err(|error| bad_pattern(text, &error))?);
                selection.patterns.push(selection.paths.len() - 1);
            }
        }
        selection.globs = globs.build().map_err(|error| bad_pattern("", &error))?;
        Ok(selection)
    }

    /// One path and what is below it.
    pub fn of_path(path: RelPath) -> Self {
        Self { paths: vec![path], ..Self::default() }
    }

    /// The path, if a single one is meant and no pattern.
    pub fn single_path(&self) -> Option<&RelPath> {
        match &self.paths[..] {
            [path] if self.patterns.is_empty() && !path.is_root() => Some(path),
            _ => None,
        }
    }

    /// Whether everything is meant.
    pub fn is_all(&self) -> bool {
        self.paths.is_empty() || self.paths.iter().any(RelPath::is_root)
    }

    /// What was named, for messages.
    pub fn describe(&self) -> String {
        described(&self.paths)
    }

    /// What was named and fits none of these paths, which are selected ones, folders among them; for messages.
    pub fn unmatched<'p>(&self, paths: impl IntoIterator<Item = &'p RelPath>) -> Option<String> {
        let mut rest: Vec<Option<&RelPath>> = self.paths.iter().map(|named| Some(named).filter(|named| !named.is_root())).collect();
        for path in paths {
            for named in &mut rest {
                *named = named.filter(|named| !path.starts_with(named));
            }
            for pattern in self.globs.matches(&*String::from_utf8_lossy(path.as_bytes())) {
                rest[self.patterns[pattern]] = None;
            }
        }
        let rest: Vec<&RelPath> = rest.into_iter().flatten().collect();
        if rest.is_empty() { None } else { Some(described(rest)) }
    }

    fn matches_glob(&self, path: &RelPath) -> bool {
        let text = String::from_utf8_lossy(path.as_bytes());
        self.globs.is_match(&*text)
    }
}

impl Selection for PathSelection {
    fn enters(&self, path: &RelPath) -> bool {
        self.is_all() || !self.patterns.is_empty() || self.paths.iter().any(|named| named.starts_with(path) || path.starts_with(named))
    }

    fn selects(&self, path: &RelPath) -> bool {
        if self.is_all() || self.paths.iter().any(|named| path.starts_with(named)) {
            return true;
        }
        // A folder that matches is meant with all that is in it.
        let mut at = Some(path.clone());
        while let Some(path) = at.filter(|_| !self.patterns.is_empty()) {
            if self.matches_glob(&path) {
                return true;
            }
            at = path.split_last().map(|(above, _)| above).filter(|above| !above.is_root());
        }
        false
    }
}

fn described<'p>(paths: impl IntoIterator<Item = &'p RelPath>) -> String {
    paths.into_iter().map(RelPath::to_string).collect::<Vec<_>>().join(", ")
}

/// The path without what stands for nothing: `./` before it, slashes behind it.
fn trimmed(mut path: &[u8]) -> &[u8] {
    while let Some(rest) = path.strip_prefix(b"./") {
        path = rest;
    }
    while let Some(rest) = path.strip_suffix(b"/") {
        path = rest;
    }
    if path == b"." { b"" } else { path }
}

fn bad_pattern(pattern: &str, error: &globset::Error) -> OpsError {
    OpsError::BadPattern { pattern: pattern.to_owned(), why: error.kind().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(named: &[&str], path: &str) -> bool {
        PathSelection::new(named).unwrap().selects(&RelPath::new(path.as_bytes()).unwrap())
    }

    #[test]
    fn paths_and_patterns_select() {
        for (named, path, expected) in [
            (&[][..], "any/thing", true),
            (&["."], "any/thing", true),
            (&["a"], "a", true),
            (&["./a/"], "a/b/c", true),
            (&["a"], "ab", false),
            (&["*.rs"], "x.rs", true),
            (&["*.rs"], "d/x.rs", false),
            (&["**/*.rs"], "d/e/x.rs", true),
            (&["d*"], "docs/x", true),
            (&["a", "b"], "b/x", true),
        ] {
            assert_eq!(selected(named, path), expected, "{named:?} {path}");
        }
    }

    #[test]
    fn what_fits_nothing_is_named() {
        let unmatched = |named: &[&str], paths: &[&str]| {
            let paths: Vec<RelPath> = paths.iter().map(|path| RelPath::new(path.as_bytes()).unwrap()).collect();
            PathSelection::new(named).unwrap().unmatched(&paths)
        };
        assert_eq!(unmatched(&["a", "*.rs", "d"], &["a", "x.rs", "d", "d/e"]), None);
        assert_eq!(unmatched(&["a", "1", "*.rs", "**/*.md"], &["a"]), Some("1, *.rs, **/*.md".to_owned()));
        assert_eq!(unmatched(&["x[1]"], &["x1"]), None, "as a pattern");
        assert_eq!(unmatched(&["x[1]"], &["x[1]"]), None, "as a name");
        assert_eq!((unmatched(&["."], &[]), unmatched(&[], &[])), (None, None));
    }

    #[test]
    fn paths_outside_and_broken_patterns_are_refused() {
        for named in ["../x", "/etc", "a//b", ".lua/config.toml"] {
            assert!(matches!(PathSelection::new(&[named.to_owned()]), Err(OpsError::BadPath { .. })), "{named}");
        }
        assert!(matches!(PathSelection::new(&["[".to_owned()]), Err(OpsError::BadPattern { .. })));
    }
}
