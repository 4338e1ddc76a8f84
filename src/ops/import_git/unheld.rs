//! Paths of a git history that no version can hold: which, and why.

use std::collections::BTreeMap;

use crate::limits::UNHELD_PATHS_MAX;

/// Why a path cannot be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnheldWhy {
    /// A submodule: a commit of another repository.
    Submodule,
    /// A name that no tree of ours can have.
    Name,
    /// A link without a target, or with one that is too long.
    Link,
}

/// A path that cannot be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnheldPath {
    /// The path in the repository.
    pub path: Vec<u8>,
    /// Why not.
    pub why: UnheldWhy,
}

/// The paths that the present commit has and its version has not.
#[derive(Debug, Default)]
pub struct Unheld {
    now: BTreeMap<Vec<u8>, UnheldWhy>,
    /// Paths of any commit so far, the first of them.
    pub ever: Vec<UnheldPath>,
    /// How often one was met.
    pub total: u64,
}

impl Unheld {
    /// How many the present commit has.
    pub fn count(&self) -> u64 {
        self.now.len() as u64
    }

    /// The commit has such a path.
    pub fn add(&mut self, path: Vec<u8>, why: UnheldWhy) {
        if self.now.insert(path.clone(), why).is_some() {
            return;
        }
        if self.ever.iter().any(|unheld| unheld.path == path) {
            return;
        }
        self.total += 1;
        if self.ever.len() < UNHELD_PATHS_MAX {
            self.ever.push(UnheldPath { path, why });
        }
    }

    /// The commit no longer has this path, or something that can be held is there; nor is anything below it.
    pub fn remove(&mut self, path: &[u8]) {
        if self.now.is_empty() {
            return;
        }
        self.now.remove(path);
        let below = [path, b"/"].concat();
        let gone: Vec<Vec<u8>> =
            self.now.range(below.clone()..).map(|(path, _)| path).take_while(|path| path.starts_with(&below)).cloned().collect();
        for path in gone {
            self.now.remove(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_and_go_with_what_is_above_them() {
        let mut unheld = Unheld::default();
        for path in [&b"a/x"[..], b"a/y", b"ab", b"a/x"] {
            unheld.add(path.to_vec(), UnheldWhy::Submodule);
        }
        assert_eq!((unheld.count(), unheld.total), (3, 3));
        unheld.remove(b"a");
        assert_eq!(unheld.count(), 1);
        unheld.remove(b"ab");
        unheld.add(b"ab".to_vec(), UnheldWhy::Name);
        assert_eq!((unheld.count(), unheld.total, unheld.ever.len()), (1, 3, 3));
    }
}
