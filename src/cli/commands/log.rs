//! `log`: which versions changed paths.

use lua_store::ops::{self, DiffForm, LogOptions, RevisionRange};

use super::sync::bring_range_here;
use crate::cli::args::LogArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::render::time::LocalClock;
use crate::cli::session::Session;
use crate::cli::{json, paths, render, terminal};

pub fn log(session: &Session, args: &LogArgs) -> Outcome {
    let mut workspace = session.open()?;
    let paths = paths::named(workspace.root(), session.folder(), &args.paths)?;
    let options = LogOptions { paths, limit: args.limit, follow: !args.no_follow, form: args.form() };
    if options.form != DiffForm::NameOnly {
        bring_range_here(session, &mut workspace, &RevisionRange::ALL, &options.paths)?;
    }
    let entries = ops::log(&workspace, &options, session.host())?;
    let active = ops::list(&workspace, Some(1))?.1;
    let in_words = |page: &mut _| render::log::put(page, &entries, options.form, &LocalClock::of_system(), terminal::stdout_is_terminal());
    session.answer(|| json::past::log(&entries, active, options.form), in_words)?;
    let mut purged: Vec<_> = entries.iter().flat_map(|entry| &entry.diff.purged).cloned().collect();
    purged.sort_unstable();
    purged.dedup();
    session.tell_in_words(render::left_out::purged(&purged));
    Ok(Exit::left_out_if(options.form != DiffForm::NameOnly && !purged.is_empty()))
}
