//! Why a path is recorded or not: the answer of `lua check-ignore -v`.

use std::sync::Arc;

use super::join;
use super::{RuleRef, RuleSettings, Rules, Verdict};

/// The contents of the ignore files of one directory.
#[derive(Clone, Debug, Default)]
pub struct IgnoreFiles {
    /// The content of `.gitignore`, if there is one.
    pub gitignore: Option<Vec<u8>>,
    /// The content of `.luaignore`, if there is one.
    pub luaignore: Option<Vec<u8>>,
}

/// What becomes of a path, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What becomes of it.
    pub verdict: Verdict,
    /// The rule that decided, also when it says that the path is recorded; `None` when no rule matches.
    pub rule: Option<RuleRef>,
    /// What the rule was asked about: the path itself, or the outermost folder above it that is not recorded.
    pub decided: Vec<u8>,
}

/// Explains what becomes of a path, relative to the root. A folder above it that is not recorded decides for all below it.
///
/// `read` gives the ignore files of a directory; it is called for the root and for each folder on the way, outermost first.
pub fn explain<E>(
    settings: RuleSettings,
    path: &[u8],
    is_directory: bool,
    mut read: impl FnMut(&[u8]) -> Result<IgnoreFiles, E>,
) -> Result<Explanation, E> {
    let mut rules = Rules::new(settings);
    let slashes = (0..path.len()).filter(|&at| path[at] == b'/');
    let mut name_at = 0;
    for slash in slashes {
        let explanation = explain_entry(&mut rules, &path[..slash], name_at, true, &mut read)?;
        if explanation.verdict != Verdict::Record {
            return Ok(explanation);
        }
        name_at = slash + 1;
    }
    explain_entry(&mut rules, path, name_at, is_directory, &mut read)
}

/// Enters the folder of the entry and explains what becomes of it.
fn explain_entry<E>(
    rules: &mut Arc<Rules>,
    path: &[u8],
    name_at: usize,
    is_directory: bool,
    read: &mut impl FnMut(&[u8]) -> Result<IgnoreFiles, E>,
) -> Result<Explanation, E> {
    let folder = &path[..name_at.saturating_sub(1)];
    let files = read(folder)?;
    *rules = rules.enter(folder, files.gitignore.as_deref(), files.luaignore.as_deref());
    Ok(rules.explain(folder, &path[name_at..], is_directory))
}

impl Rules {
    /// The verdict about an entry, as [`Rules::verdict`] gives it, with the rule that decided.
    pub fn explain(&self, dir: &[u8], name: &[u8], is_directory: bool) -> Explanation {
        let decision = self.decide(dir, name, is_directory);
        Explanation { verdict: decision.verdict(), rule: decision.rule(), decided: join(dir, name) }
    }
}
