//! `source restore`: bring a version, or some of its paths, into a folder or into the workspace.

use lua_store::ops::{self, OpsError, RestoreOptions, RestoreTarget};

use super::sync::bring_here;
use crate::cli::args::RestoreArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{environment, json, paths, render};

pub fn restore(session: &Session, args: RestoreArgs) -> Outcome {
    let mut workspace = session.open()?;
    let folder = args.to.map(|to| session.folder().join(to));
    let options = RestoreOptions {
        version: args.version.map(|version| workspace.resolve(&version)).transpose()?,
        target: folder.clone().map_or(RestoreTarget::Workspace, RestoreTarget::Directory),
        patterns: paths::patterns(workspace.root(), session.folder(), &args.patterns)?,
        by: environment::author(args.by),
        dry_run: args.dry_run,
    };
    if !options.dry_run {
        let version = options.version.or(workspace.log().head().map_err(OpsError::from)?.active);
        bring_here(session, &mut workspace, version.as_slice(), &options.patterns)?;
    }
    let outcome = ops::restore(&mut workspace, &options, session.host())?;
    let (elapsed, folder, undo) = (session.elapsed(), folder.as_deref(), session.named("`{lua} undo`"));
    let in_words = |page: &mut _| match args.dry_run {
        true => render::restore::put_plan(page, &outcome, folder),
        false => render::restore::put(page, &outcome, folder, elapsed, &undo),
    };
    session.answer(|| json::rollback::restore(&outcome, folder, args.dry_run, elapsed), in_words)?;
    session.tell_in_words(render::rollback::lines(&outcome.done));
    Ok(Exit::left_out_if(!outcome.done.is_exact()))
}
