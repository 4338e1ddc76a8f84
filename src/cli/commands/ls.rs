//! `ls` and `tree`: what a version holds.

use lua_store::ops::{self, VersionPath, Workspace};
use lua_store::path::RelPath;

use crate::cli::args::{LsArgs, RevisionPath, TreeArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{json, paths, render};

pub fn ls(session: &Session, args: &LsArgs) -> Outcome {
    let workspace = session.open()?;
    let place = place_of(session, &workspace, &args.place)?;
    let outcome = ops::entries(&workspace, &place, args.recursive)?;
    session.answer(|| json::past::entries(&place, &outcome), |page| render::ls::put(page, &outcome, args.long))?;
    Ok(Exit::Done)
}

pub fn tree(session: &Session, args: &TreeArgs) -> Outcome {
    let workspace = session.open()?;
    let place = place_of(session, &workspace, &args.place)?;
    let outcome = ops::entries(&workspace, &place, true)?;
    session.answer(|| json::past::entries(&place, &outcome), |page| render::ls::put_tree(page, &place, &outcome))?;
    Ok(Exit::Done)
}

/// The path that is meant. A version without one means its root, wherever the user is.
pub fn place_of(session: &Session, workspace: &Workspace, given: &RevisionPath) -> Result<VersionPath, Failure> {
    let path = given.path.as_ref().map(|path| paths::exact(workspace.root(), session.folder(), path)).transpose()?;
    Ok(VersionPath { version: workspace.resolve(&given.revision)?, path: path.unwrap_or_else(RelPath::root) })
}
