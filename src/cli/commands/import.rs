//! `import git`: a git history as versions.

use std::path::{Path, PathBuf};

use lua_store::disk::DiskError;
use lua_store::git::Order;
use lua_store::ops::{self, ImportGitOptions, InitOptions, OpsError, Workspace};

use super::push::make_workspace_if_none;
use crate::cli::args::ImportGitArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{environment, json, render};

pub fn git(session: &Session, args: ImportGitArgs) -> Outcome {
    let options = ImportGitOptions {
        repository: session.folder().join(args.repository.unwrap_or_default()),
        tip: args.rev,
        since: args.since,
        order: if args.all_commits { Order::All } else { Order::FirstParent },
        append: args.append,
    };
    let to = args.to.map(|to| session.folder().join(to));
    if args.dry_run {
        return show_plan(session, &options, to.as_deref());
    }
    let existing = existing(session, to.as_deref())?;
    let plan = ops::plan_git_import(existing.as_ref(), &options)?;
    let mut workspace = existing.map_or_else(|| made(session, to), Ok)?;
    let outcome = ops::import_git(&mut workspace, &plan, session.host())?;
    let (root, elapsed) = (workspace.root(), session.elapsed());
    session.answer(
        || json::transfer::imported(&outcome, root, elapsed),
        |page| render::transfer::put_imported(page, &outcome, root, elapsed),
    )?;
    Ok(Exit::left_out_if(outcome.unheld_total > 0))
}

fn show_plan(session: &Session, options: &ImportGitOptions, to: Option<&Path>) -> Outcome {
    let plan = ops::plan_git_import(existing(session, to)?.as_ref(), options)?;
    session.answer(|| json::transfer::import_plan(&plan), |page| render::transfer::put_import_plan(page, &plan))?;
    Ok(Exit::Done)
}

/// The workspace that is meant, if there is one already.
fn existing(session: &Session, to: Option<&Path>) -> Result<Option<Workspace>, Failure> {
    let root = match to {
        Some(to) => Workspace::find_root(to).filter(|root| root == to),
        None => session.root().ok(),
    };
    Ok(root.map(|root| Workspace::open(&root, session.host())).transpose()?)
}

/// Makes the workspace that is meant.
fn made(session: &Session, to: Option<PathBuf>) -> Result<Workspace, Failure> {
    let Some(to) = to else {
        make_workspace_if_none(session, false)?;
        return session.open();
    };
    std::fs::create_dir_all(&to).map_err(|error| OpsError::from(DiskError::new("make the folder", &to, error)))?;
    let made = ops::init(&to, &InitOptions { home: environment::home(), ..InitOptions::default() }, session.host())?;
    Ok(Workspace::open(&made.root, session.host())?)
}
