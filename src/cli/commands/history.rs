//! Commands about versions as entries of the log: `source list`, `version show`, `version delete`.

use lua_store::ops;

use crate::cli::args::{DeleteArgs, ShowArgs, VersionListArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::render::page::Page;
use crate::cli::render::time::LocalClock;
use crate::cli::session::Session;
use crate::cli::{json, prompt, render};

pub fn list(session: &Session, args: &VersionListArgs) -> Outcome {
    let (workspace, limit) = (session.open()?, args.rows.row_limit());
    let (rows, active) = match args.green {
        false => ops::list(&workspace, limit)?,
        true => (ops::green_versions(&workspace, limit)?, ops::list(&workspace, Some(1))?.1),
    };
    let versions = ops::marked(&workspace, rows)?;
    let in_words = |page: &mut _| match args.green {
        false => render::list::put(page, &versions, active, &LocalClock::of_system()),
        true => render::list::put_green(page, &versions, active, &LocalClock::of_system()),
    };
    session.answer(|| json::history::versions(&versions, active), in_words)?;
    Ok(Exit::Done)
}

pub fn show(session: &Session, args: &ShowArgs) -> Outcome {
    let workspace = session.open()?;
    let row = ops::version(&workspace, workspace.resolve(&args.version)?)?;
    let (_, active) = ops::list(&workspace, Some(1))?;
    let check = workspace.log().last_check(row.record.number).map_err(ops::OpsError::from)?.map(|check| check.record);
    let is_active = active == Some(row.record.number);
    let version = ops::with_marks(&workspace, row)?;
    let in_words = |page: &mut _| render::show::put(page, &version, check.as_ref(), is_active, &LocalClock::of_system());
    session.answer(|| json::history::version(&version, check.as_ref(), active), in_words)?;
    Ok(Exit::Done)
}

pub fn delete(session: &Session, args: &DeleteArgs) -> Outcome {
    let mut workspace = session.open()?;
    let version = ops::version(&workspace, workspace.resolve(&args.version)?)?.record.number;
    prompt::require_somebody_to_ask(session, args.force)?;
    if !args.force {
        prompt::confirm(&format!("Delete the contents of {version} for good?"))?;
    }
    ops::delete(&mut workspace, version, session.host())?;
    let collected = if args.no_gc { None } else { super::prune::collect(session, &mut workspace)? };
    let elapsed = session.elapsed();
    let in_words = |page: &mut Page| {
        page.line(format_args!("{version} is deleted; its entry stays in the list"));
        collected.iter().for_each(|collected| render::gc::put(page, collected, elapsed));
    };
    session.answer(|| json::history::deleted(version, collected.as_ref(), elapsed), in_words)?;
    Ok(Exit::Done)
}
