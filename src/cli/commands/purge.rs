//! `purge`: remove the contents of paths from every version.

use lua_store::ops::{self, PurgeOptions};

use crate::cli::args::PurgeArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{json, output, paths, prompt, render};

pub fn purge(session: &Session, args: &PurgeArgs) -> Outcome {
    prompt::require_somebody_to_ask(session, args.force || args.dry_run)?;
    let mut workspace = session.open()?;
    let options = PurgeOptions { paths: paths::named(workspace.root(), session.folder(), &args.paths)? };
    if args.dry_run || !args.force {
        let plan = ops::purge_plan(&mut workspace, &options, session.host())?;
        if args.dry_run {
            session.answer(|| json::purge::plan(&plan), |page| render::purge::put_plan(page, &plan))?;
            return Ok(Exit::Done);
        }
        let mut page = session.page();
        render::purge::put_plan(&mut page, &plan);
        output::write_unpaged(&page).map_err(Failure::Output)?;
        prompt::confirm("Remove these contents from all versions for good?")?;
    }
    let outcome = ops::purge(&mut workspace, &options, session.host())?;
    let elapsed = session.elapsed();
    session.answer(|| json::purge::purged(&outcome, elapsed), |page| render::purge::put(page, &outcome, elapsed))?;
    session.tell_in_words(render::purge::remote_lines(&outcome.remotes).iter().map(|line| session.named(line)));
    Ok(Exit::damage_if(!outcome.proof.is_absent()))
}
