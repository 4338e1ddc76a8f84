//! `show`: a version and what it changed.

use lua_store::ops::{self, DiffForm, RevisionRange, ShowOptions};

use super::diff::exit_of;
use super::sync::bring_here;
use crate::cli::args::ShowVersionArgs;
use crate::cli::failure::Outcome;
use crate::cli::render::time::LocalClock;
use crate::cli::session::Session;
use crate::cli::{json, paths, render, terminal};

pub fn show(session: &Session, args: &ShowVersionArgs) -> Outcome {
    let mut workspace = session.open()?;
    let paths = paths::named(workspace.root(), session.folder(), &args.paths)?;
    let options = ShowOptions { version: workspace.resolve(&args.version)?, paths, form: args.form.form() };
    if options.form != DiffForm::NameOnly && !ops::has_everything(&workspace)? {
        let rows = workspace.versions_of(&RevisionRange::ALL)?;
        let up_to = rows.iter().map(|row| row.record.number).filter(|number| *number <= options.version);
        let newest: Vec<_> = up_to.rev().take(2).collect();
        bring_here(session, &mut workspace, &newest, &options.paths)?;
    }
    let outcome = ops::show(&workspace, &options)?;
    let in_words = |page: &mut _| {
        render::show::put_with_changes(page, &outcome, options.form, &LocalClock::of_system(), terminal::stdout_is_terminal());
    };
    session.answer(|| json::past::show(&outcome, options.form), in_words)?;
    session.tell_in_words(render::left_out::purged(&outcome.diff.purged));
    Ok(exit_of(&outcome.diff, options.form))
}
