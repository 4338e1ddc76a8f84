//! `diff` and `version diff`: what differs between two versions, or between a version and the workspace.

use std::ffi::OsString;

use lua_store::ops::{self, DiffOptions, DiffSide, Revision};

use crate::cli::args::{DiffArgs, DiffFormArgs, VersionDiffArgs, looks_like_version};
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{json, paths, render, terminal};

pub fn diff(session: &Session, args: &DiffArgs) -> Outcome {
    let Words { from, to, paths } = Words::read(&args.words, &args.paths);
    compare(session, from.as_ref(), to.as_ref(), &paths, args.form)
}

pub fn version_diff(session: &Session, args: &VersionDiffArgs) -> Outcome {
    compare(session, Some(&args.a), Some(&args.b), &args.paths, args.form)
}

fn compare(session: &Session, from: Option<&Revision>, to: Option<&Revision>, words: &[OsString], form: DiffFormArgs) -> Outcome {
    let mut workspace = session.open()?;
    let from = from.map(|from| workspace.resolve(from)).transpose()?;
    let to = to.map(|to| workspace.resolve(to)).transpose()?.map_or(DiffSide::Workspace, DiffSide::Version);
    let paths = paths::patterns(workspace.root(), session.folder(), words)?;
    let form = form.form();
    let options = DiffOptions { from, to, paths, form };
    let outcome = ops::diff(&mut workspace, &options, session.host())?;
    let in_words = |page: &mut _| render::diff::put(page, &outcome, form, terminal::stdout_is_terminal());
    session.answer(|| json::diff::diff(&outcome, from, to, form), in_words)?;
    Ok(Exit::Done)
}

/// What the words of a command line mean: `[A [B]] [PATH]…`.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    from: Option<Revision>,
    to: Option<Revision>,
    paths: Vec<OsString>,
}

impl Words {
    /// The first two words are versions if they look like it; all others, and those after `--`, are paths.
    fn read(words: &[OsString], after_dashes: &[OsString]) -> Self {
        let version = |index: usize| words.get(index).and_then(|word| looks_like_version(word));
        let from = version(0);
        let to = from.as_ref().and_then(|_| version(1));
        let versions = usize::from(from.is_some()) + usize::from(to.is_some());
        Self { from, to, paths: [&words[versions..], after_dashes].concat() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(before: &[&str], after: &[&str]) -> (Option<String>, Option<String>, Vec<String>) {
        let own = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let Words { from, to, paths } = Words::read(&own(before), &own(after));
        let paths = paths.into_iter().map(|path| path.into_string().unwrap()).collect();
        (from.map(|from| from.to_string()), to.map(|to| to.to_string()), paths)
    }

    #[test]
    fn versions_come_first_and_paths_after() {
        assert_eq!(words(&[], &[]), (None, None, vec![]));
        assert_eq!(words(&["v3"], &[]), (Some("v3".into()), None, vec![]));
        assert_eq!(words(&["3", "v5", "7"], &["9"]), (Some("v3".into()), Some("v5".into()), vec!["7".into(), "9".into()]));
        assert_eq!(words(&["src", "5"], &[]), (None, None, vec!["src".into(), "5".into()]));
        assert_eq!(words(&["3", "src", "5"], &[]), (Some("v3".into()), None, vec!["src".into(), "5".into()]));
    }
}
