//! `diff` and `version diff`: what differs between two versions, or between a version and the workspace.

use std::ffi::{OsStr, OsString};

use lua_store::format::record::VersionNumber;
use lua_store::ops::{self, DiffForm, DiffOptions, DiffOutcome, DiffSide, Revision, Workspace};

use super::sync::bring_here;
use crate::cli::args::{DiffArgs, DiffFormArgs, VersionDiffArgs, looks_like_version};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{json, paths, render, terminal};

pub fn diff(session: &Session, args: &DiffArgs) -> Outcome {
    let mut workspace = session.open()?;
    let Words { from, to, paths } = Words::read(&args.words, &args.paths, |word| version_of(session, &workspace, word))?;
    compare(session, &mut workspace, from.as_ref(), to.as_ref(), &paths, args.form)
}

/// The version that a word stands for: a number, or a label, `newest` or `active` unless there is a path of that name.
fn version_of(session: &Session, workspace: &Workspace, word: &OsStr) -> Result<Option<Revision>, Failure> {
    if let Some(revision) = looks_like_version(word) {
        return Ok(Some(revision));
    }
    let Some(Ok(revision)) = word.to_str().map(str::parse::<Revision>) else { return Ok(None) };
    if session.folder().join(word).symlink_metadata().is_ok() {
        return Ok(None);
    }
    let is_version = match &revision {
        Revision::Label(name) => ops::is_label(workspace, name)?,
        _ => true,
    };
    Ok(is_version.then_some(revision))
}

pub fn version_diff(session: &Session, args: &VersionDiffArgs) -> Outcome {
    compare(session, &mut session.open()?, Some(&args.a), Some(&args.b), &args.paths, args.form)
}

fn compare(
    session: &Session,
    workspace: &mut Workspace,
    from: Option<&Revision>,
    to: Option<&Revision>,
    words: &[OsString],
    form: DiffFormArgs,
) -> Outcome {
    let from = from.map(|from| workspace.resolve(from)).transpose()?;
    let to = to.map(|to| workspace.resolve(to)).transpose()?.map_or(DiffSide::Workspace, DiffSide::Version);
    let paths = paths::patterns(workspace.root(), session.folder(), words)?;
    let form = form.form();
    let options = DiffOptions { from, to, paths, form };
    if form != DiffForm::NameOnly {
        let to = if let DiffSide::Version(to) = options.to { Some(to) } else { None };
        let versions: Vec<VersionNumber> = options.from.into_iter().chain(to).collect();
        bring_here(session, workspace, &versions, &options.paths)?;
    }
    let outcome = ops::diff(workspace, &options, session.host())?;
    let in_words = |page: &mut _| render::diff::put(page, &outcome, form, terminal::stdout_is_terminal());
    session.answer(|| json::diff::diff(&outcome, from, to, form), in_words)?;
    session.tell_in_words(render::left_out::purged(&outcome.purged));
    Ok(exit_of(&outcome, form))
}

/// Where only names are wanted, nothing of what was purged is missing.
pub(super) fn exit_of(outcome: &DiffOutcome, form: DiffForm) -> Exit {
    Exit::left_out_if(form != DiffForm::NameOnly && !outcome.purged.is_empty())
}

/// What the words of a command line mean: `[A [B]] [PATH]…`.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    from: Option<Revision>,
    to: Option<Revision>,
    paths: Vec<OsString>,
}

impl Words {
    /// The first two words are versions if `version_of` knows them, or the first is both, as `A..B`; all others, and those after `--`, are
    /// paths.
    fn read<E>(
        words: &[OsString],
        after_dashes: &[OsString],
        version_of: impl Fn(&OsStr) -> Result<Option<Revision>, E>,
    ) -> Result<Self, E> {
        if let Some((from, to)) = words.first().and_then(|word| word.to_str()?.split_once(".."))
            && let (Some(from), Some(to)) = (version_of(from.as_ref())?, version_of(to.as_ref())?)
        {
            return Ok(Self { from: Some(from), to: Some(to), paths: [&words[1..], after_dashes].concat() });
        }
        let version = |index: usize| words.get(index).map_or(Ok(None), |word| version_of(word));
        let from = version(0)?;
        let to = if from.is_some() { version(1)? } else { None };
        let versions = usize::from(from.is_some()) + usize::from(to.is_some());
        Ok(Self { from, to, paths: [&words[versions..], after_dashes].concat() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(before: &[&str], after: &[&str]) -> (Option<String>, Option<String>, Vec<String>) {
        let own = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let Words { from, to, paths } = Words::read(&own(before), &own(after), |word| Ok::<_, ()>(looks_like_version(word))).unwrap();
        let paths = paths.into_iter().map(|path| path.into_string().unwrap()).collect();
        (from.map(|from| from.to_string()), to.map(|to| to.to_string()), paths)
    }

    #[test]
    fn versions_come_first_and_paths_after() {
        assert_eq!(words(&[], &[]), (None, None, vec![]));
        assert_eq!(words(&["v3"], &[]), (Some("v3".into()), None, vec![]));
        assert_eq!(words(&["3", "v5", "7"], &["9"]), (Some("v3".into()), Some("v5".into()), vec!["7".into(), "9".into()]));
        assert_eq!(words(&["3..v5", "7"], &[]), (Some("v3".into()), Some("v5".into()), vec!["7".into()]));
        assert_eq!(words(&["../5", "3..x"], &[]), (None, None, vec!["../5".into(), "3..x".into()]));
        assert_eq!(words(&["src", "5"], &[]), (None, None, vec!["src".into(), "5".into()]));
        assert_eq!(words(&["3", "src", "5"], &[]), (Some("v3".into()), None, vec!["src".into(), "5".into()]));
    }
}
