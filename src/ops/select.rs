//! Which paths a user means: paths with everything below them, and patterns.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::{OpsError, OpsResult};
use crate::path::RelPath;
use crate::tree::Selection;

/// The paths that a user named. Nothing named means all.
#[derive(Debug, Default)]
pub struct PathSelection {
    paths: Vec<RelPath>,
    patterns: Vec<String>,
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
                selection.patterns.push(text.to_owned());
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
        self.paths.iter().map(RelPath::to_string).collect::<Vec<_>>().join(", ")
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
    fn paths_outside_and_broken_patterns_are_refused() {
        for named in ["../x", "/etc", "a//b", ".lua/config.toml"] {
            assert!(matches!(PathSelection::new(&[named.to_owned()]), Err(OpsError::BadPath { .. })), "{named}");
        }
        assert!(matches!(PathSelection::new(&["[".to_owned()]), Err(OpsError::BadPattern { .. })));
    }
}
