//! `prune`: drop versions that no rule keeps.

use std::collections::BTreeMap;

use lua_store::ops::{self, GcOptions, GcOutcome, OpsError, Period, Policy, PruneOptions, Workspace};

use crate::cli::args::PruneArgs;
use crate::cli::calendar::ZoneCalendar;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::render::time::LocalClock;
use crate::cli::session::Session;
use crate::cli::{json, output, prompt, render};

pub fn prune(session: &Session, args: PruneArgs) -> Outcome {
    let (dry_run, force, collects) = (args.dry_run, args.force, !args.no_gc);
    let policy = policy(args);
    // Nobody is to confirm what cannot be done anyway.
    if policy.is_empty() {
        return Err(OpsError::NoRule.into());
    }
    prompt::require_somebody_to_ask(session, force || dry_run)?;
    let calendar = ZoneCalendar::of_system();
    let mut workspace = session.open()?;
    let mut options = PruneOptions { policy, calendar: &calendar, dry_run: true };
    if dry_run || !force {
        let plan = ops::prune(&mut workspace, &options, session.host())?;
        if dry_run {
            session.answer(|| json::prune::prune(&plan, true), |page| render::prune::put_plan(page, &plan, &LocalClock::of_system()))?;
            return Ok(Exit::Done);
        }
        if plan.dropped().next().is_some() {
            let mut page = session.page();
            render::prune::put_plan(&mut page, &plan, &LocalClock::of_system());
            output::write_unpaged(&page).map_err(Failure::Output)?;
            prompt::confirm("Drop the contents of these versions for good?")?;
        }
    }
    // It is decided again, by the same rules: versions may have come while the user was thinking.
    options.dry_run = false;
    let outcome = ops::prune(&mut workspace, &options, session.host())?;
    let collected = if collects && outcome.dropped().next().is_some() { collect(session, &mut workspace)? } else { None };
    let elapsed = session.elapsed();
    let in_words = |page: &mut _| {
        render::prune::put(page, &outcome);
        collected.iter().for_each(|collected| render::gc::put(page, collected, elapsed));
    };
    session.answer(|| json::prune::pruned(&outcome, collected.as_ref(), elapsed), in_words)?;
    Ok(Exit::Done)
}

/// Collects what was dropped, unless another process does.
pub(super) fn collect(session: &Session, workspace: &mut Workspace) -> Result<Option<GcOutcome>, Failure> {
    match ops::gc(workspace, &GcOptions::default(), session.host()) {
        Err(OpsError::CollectionAtWork) => Ok(None),
        other => Ok(Some(other?)),
    }
}

fn policy(args: PruneArgs) -> Policy {
    let periods = [
        (Period::Hour, args.keep_hourly),
        (Period::Day, args.keep_daily),
        (Period::Week, args.keep_weekly),
        (Period::Month, args.keep_monthly),
        (Period::Year, args.keep_yearly),
    ];
    let periods: BTreeMap<Period, u64> = periods.into_iter().filter_map(|(period, count)| Some((period, count?))).collect();
    Policy { last: args.keep_last.unwrap_or(0), periods, within: args.keep_within, labels: args.keep_label.into_iter().collect() }
}
