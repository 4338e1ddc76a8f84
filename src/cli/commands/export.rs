//! `export git` and `export tar`: the history, or one version of it, for other tools.

use std::path::PathBuf;

use lua_store::ops::{self, ExportGitOptions, ExportTarOptions, Revision, RevisionRange};

use super::sync::{ALL_PATHS, bring_all_here, bring_here};
use crate::cli::args::{ExportGitArgs, ExportTarArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{json, output, render, terminal};

pub fn git(session: &Session, args: ExportGitArgs) -> Outcome {
    let to = target(session, args.to)?;
    let mut workspace = session.open()?;
    bring_all_here(session, &mut workspace)?;
    let [first, last] = args.versions.unwrap_or(RevisionRange::ALL).into_ends();
    let resolve = |revision: Option<Revision>| revision.map(|revision| workspace.resolve(&revision)).transpose();
    let options = ExportGitOptions { from: resolve(first)?, to: resolve(last)?, branch: args.branch };
    let outcome = match &to {
        Some(folder) => ops::export_git_to(&workspace, &options, folder, session.host())?,
        None => ops::export_git(&workspace, &options, &mut output::stream(), session.host())?,
    };
    match &to {
        Some(folder) => {
            let elapsed = session.elapsed();
            let in_words = |page: &mut _| render::transfer::put_exported_git(page, &outcome, folder, elapsed);
            session.answer(|| json::transfer::exported_git(&outcome, folder, elapsed), in_words)?;
        }
        None => session.tell_in_words(render::transfer::exported_git_lines(&outcome)),
    }
    Ok(Exit::left_out_if(!outcome.is_complete()))
}

pub fn tar(session: &Session, args: ExportTarArgs) -> Outcome {
    let to = target(session, args.to)?;
    let mut workspace = session.open()?;
    let options = ExportTarOptions { version: workspace.resolve(&args.version)?, level: args.level };
    bring_here(session, &mut workspace, &[options.version], &ALL_PATHS)?;
    let Some(file) = to else {
        let outcome = ops::export_tar(&workspace, options, &mut output::stream(), session.host())?;
        session.tell_in_words(render::left_out::purged(&outcome.purged));
        return Ok(Exit::left_out_if(!outcome.purged.is_empty()));
    };
    let outcome = ops::export_tar_to(&workspace, options, &file, session.host())?;
    let elapsed = session.elapsed();
    let in_words = |page: &mut _| render::transfer::put_exported_tar(page, &outcome, &file, elapsed);
    session.answer(|| json::transfer::exported_tar(&outcome, &file, elapsed), in_words)?;
    session.tell_in_words(render::left_out::purged(&outcome.purged));
    Ok(Exit::left_out_if(!outcome.purged.is_empty()))
}

/// Where to: a file or folder, or `None` for standard output, which must then be free for it.
fn target(session: &Session, to: Option<PathBuf>) -> Result<Option<PathBuf>, Failure> {
    let to = to.filter(|to| to.as_os_str() != "-").map(|to| session.folder().join(to));
    if to.is_some() {
        return Ok(to);
    }
    if session.is_json() {
        return Err(Failure::Usage("standard output cannot hold both the export and a JSON answer; give --to".to_owned()));
    }
    if terminal::stdout_is_terminal() {
        return Err(Failure::Usage("a terminal is no place for an export; give --to, or redirect standard output".to_owned()));
    }
    Ok(None)
}
