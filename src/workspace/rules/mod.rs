//! Which paths a push records: the ignore files of every directory, and a few rules that are built in.
//!
//! Nothing is read here: the scan hands in the contents of ignore files and asks for each entry of a directory. It never asks
//! about what is below a directory that is left out, so nothing there can be re-included.
//!
//! The strongest rule that matches decides:
//! 1. `.lua` is left out everywhere, and so is `.git` unless [`RuleSettings::include_git`] is set.
//! 2. `.luaignore`, that of the entry's own directory first, then those above it.
//! 3. `.gitignore`, in the same order. The rules are git's to the byte (`tests/ignore_rules.rs` holds them against git);
//!    its index, its global excludes and `.git/info/exclude` play no part. With `include_git` these files are not asked about
//!    `.git` and what is in it: git does not either, and a rule such as `*.pack` would tear holes into the repository.
//!
//! In one file the last match decides. A name that stands for a protected folder on some file system is refused, unless a
//! rule leaves it out.
//!
//! Patterns are matched by code of our own. The crate `ignore` decided differently from git in 191 of 540 random rule sets: it reads patterns
//! as UTF-8, gives braces a meaning, knows no POSIX classes and trims more than spaces. It also compiles to regular expressions, which took
//! 310 µs for Linux's `.gitignore` against 12 µs here, and a tree may hold thousands of such files.

mod built_in;
mod class;
mod explain;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod glob;
mod index;
mod level;
mod pattern;
mod rule_ref;

use std::sync::Arc;

pub use explain::{Explanation, IgnoreFiles, explain};
pub use rule_ref::RuleRef;

use built_in::Standing;
use file::RuleFile;
use level::{Kind, Level, Match};

/// Goes into every digest, so that verdicts kept by an older program are not used: change it whenever the meaning of rules changes.
const MEANING: &[u8] = b"lua_store ignore rules 1";

/// What the settings of the workspace say about its rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleSettings {
    /// Record `.git` like any other folder.
    pub include_git: bool,
}

/// What becomes of an entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is recorded.
    Record,
    /// This rule leaves it out, with all below it.
    LeaveOut(RuleRef),
    /// It cannot be recorded safely: on some file system it would be this protected folder.
    Refuse(&'static str),
}

/// The rules in force in one directory: those of its own ignore files and of all above it.
#[derive(Debug)]
pub struct Rules {
    settings: RuleSettings,
    /// Length of the path of the directory that the last ignore files stand in, in bytes.
    dir_len: usize,
    gitignore: Option<Arc<Level>>,
    luaignore: Option<Arc<Level>>,
    /// Of everything that the verdicts depend on.
    digest: blake3::Hash,
}

/// What decides about an entry.
#[derive(Clone, Copy)]
enum Decision<'a> {
    /// A built-in rule leaves it out.
    BuiltIn(&'static str),
    /// The ignore files do, by this rule if any matches.
    Files {
        rule: Option<Match<'a>>,
        /// The protected folder that the name stands for; then it is not recorded in any case.
        alias: Option<&'static str>,
    },
}

impl Rules {
    /// The rules above the root of the workspace: those that are built in.
    pub fn new(settings: RuleSettings) -> Arc<Self> {
        let digest = Digester::new(MEANING).part(Some(&[settings.include_git.into()])).finish();
        Arc::new(Self { settings, dir_len: 0, gitignore: None, luaignore: None, digest })
    }

    /// The rules inside `dir` (relative to the root, whose path is empty), given the contents of its ignore files. `self` are those of the
    /// directory that holds `dir`, and they are returned as they are when the files say nothing.
    ///
    /// A file over `limits::IGNORE_FILE_BYTES_MAX` says nothing; the caller should report it.
    pub fn enter(self: &Arc<Self>, dir: &[u8], gitignore: Option<&[u8]>, luaignore: Option<&[u8]>) -> Arc<Self> {
        let git_file = gitignore.and_then(RuleFile::parse);
        let lua_file = luaignore.and_then(RuleFile::parse);
        if git_file.is_none() && lua_file.is_none() {
            return Arc::clone(self);
        }
        let digest = Digester::new(self.digest.as_bytes())
            .part(Some(dir.get(self.dir_len..).unwrap_or(dir)))
            .part(gitignore.filter(|_| git_file.is_some()))
            .part(luaignore.filter(|_| lua_file.is_some()))
            .finish();
        let extend = |above: &Option<Arc<Level>>, kind, file| match file {
            Some(file) => Some(Level::below(above.clone(), kind, dir, file)),
            None => above.clone(),
        };
        Arc::new(Self {
            settings: self.settings,
            dir_len: dir.len(),
            gitignore: extend(&self.gitignore, Kind::Git, git_file),
            luaignore: extend(&self.luaignore, Kind::Lua, lua_file),
            digest,
        })
    }

    /// What becomes of the entry `name` of `dir`, which is the directory that was entered, or one below it without ignore files of
    /// its own. A link to a directory is not a directory.
    pub fn verdict(&self, dir: &[u8], name: &[u8], is_directory: bool) -> Verdict {
        self.decide(dir, name, is_directory).verdict()
    }

    /// Differs whenever the settings, an ignore file with rules or the directory it stands in differ. While it stays the same, so do the
    /// verdicts about the entries of a directory.
    pub fn digest(&self) -> [u8; 8] {
        let mut digest = [0; 8];
        digest.copy_from_slice(&self.digest.as_bytes()[..8]);
        digest
    }

    fn decide(&self, dir: &[u8], name: &[u8], is_directory: bool) -> Decision<'_> {
        let alias = match built_in::standing(name, self.settings) {
            Standing::LeftOut(name) => return Decision::BuiltIn(name),
            Standing::Alias(protected) => Some(protected),
            Standing::Ordinary => None,
        };
        let of_lua = Level::last_match(self.luaignore.as_ref(), dir, name, is_directory);
        let rule = of_lua.or_else(|| Level::last_match(self.gitignore_for(dir, name), dir, name, is_directory));
        Decision::Files { rule, alias }
    }

    /// The `.gitignore` files that are asked about this entry: none about what belongs to an included `.git`.
    fn gitignore_for(&self, dir: &[u8], name: &[u8]) -> Option<&Arc<Level>> {
        let is_of_git = self.settings.include_git && (name == b".git" || built_in::is_in_git(dir));
        self.gitignore.as_ref().filter(|_| !is_of_git)
    }
}

impl Decision<'_> {
    fn verdict(self) -> Verdict {
        match self {
            Self::BuiltIn(name) => Verdict::LeaveOut(RuleRef::built_in(name)),
            Self::Files { rule: Some(found), .. } if !found.whitelists() => Verdict::LeaveOut(RuleRef::in_file(found)),
            Self::Files { alias, .. } => alias.map_or(Verdict::Record, Verdict::Refuse),
        }
    }

    fn rule(self) -> Option<RuleRef> {
        match self {
            Self::BuiltIn(name) => Some(RuleRef::built_in(name)),
            Self::Files { rule, .. } => rule.map(RuleRef::in_file),
        }
    }
}

/// Hashes a sequence of parts, each of which may be missing, so that different sequences never look the same.
struct Digester(blake3::Hasher);

impl Digester {
    fn new(start: &[u8]) -> Self {
        Self(blake3::Hasher::new()).part(Some(start))
    }

    fn part(mut self, part: Option<&[u8]>) -> Self {
        self.0.update(&part.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
        self.0.update(part.unwrap_or_default());
        self
    }

    fn finish(&self) -> blake3::Hash {
        self.0.finalize()
    }
}

/// The path of an entry: a slash between folder and name, unless the folder is the root.
fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    path.extend_from_slice(folder);
    if !folder.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

#[cfg(test)]
mod tests;
