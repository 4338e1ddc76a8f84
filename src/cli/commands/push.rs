//! `push` and `version create`: record the workspace as the next version.

use lua_store::format::record::CheckRecord;
use lua_store::id::ObjectId;
use lua_store::ops::{self, CheckOptions, InitOptions, OpsError, PushOptions, PushOutcome, Workspace};

use super::{gc, sync};
use crate::cli::args::PushArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::{self, Failure, Outcome};
use crate::cli::json::push::Circumstances;
use crate::cli::session::Session;
use crate::cli::{environment, json, output, render};

pub fn push(session: &Session, args: PushArgs) -> Outcome {
    let initialized = make_workspace_if_none(session, args.dry_run)?;
    let (check, syncs, limit) = (args.check.clone(), args.sync, args.limit);
    check.as_deref().map(CheckOptions::check_command).transpose()?;
    let mut workspace = session.open()?;
    let options = options(args);
    let outcome = ops::push(&mut workspace, &options, session.host())?;
    let (PushOutcome::Made { report, .. } | PushOutcome::WouldMake { report, .. } | PushOutcome::Unchanged { report, .. }) = &outcome;
    let tree = tree(&workspace, &outcome)?;
    let circumstances = Circumstances { dry_run: options.dry_run, initialized, tree, elapsed: session.elapsed() };
    // Before the check, which may take long: the version is there whatever comes of it.
    session.answer_in_words(|page| render::push::put(page, &outcome, circumstances.elapsed))?;
    session.tell_in_words(render::left_out::lines(report));
    session.tell_in_words(render::left_out::secrets(&report.secrets).into_iter().map(|line| session.named(&line)));
    let check = check.map(|command| run_check(session, &mut workspace, &outcome, command)).transpose()?.flatten();
    let is_made = matches!(outcome, PushOutcome::Made { .. });
    // Behind everything else: the version is there, and green if it is.
    let budget = if is_made { super::budget::keep(session, &mut workspace)? } else { None };
    if is_made {
        gc::begin_behind_push(session, &workspace);
    }
    if is_made && !syncs {
        sync::begin_behind_push(session, &workspace);
    }
    let synced = syncs.then(|| sync::after_push(session, &mut workspace, limit));
    let in_json = synced.as_ref().map(json::push::PushSync::new);
    session.answer_in_json(|| json::push::push(&outcome, check.as_ref(), budget.as_ref(), in_json, circumstances))?;
    if let Some(Err(failure)) = &synced {
        return Ok(not_shared(session, failure));
    }
    let is_checked = check.is_none_or(|check| check.passed());
    let is_complete = report.is_complete() && budget.is_none_or(|budget| budget.is_kept());
    Ok(if is_checked { Exit::left_out_if(!is_complete) } else { Exit::CheckFailed })
}

/// Says that the version is recorded, but was not shared. Damage of the remote, and having been stopped, count for more than that.
fn not_shared(session: &Session, failure: &Failure) -> Exit {
    let verdict = failure::verdict(failure);
    session.tell_in_words([format!("recorded here, but not shared: {}", render::escape::text(&failure.to_string()))]);
    session.tell_in_words((!verdict.hint.is_empty()).then(|| session.named(&format!("hint: {}", verdict.hint))));
    if matches!(verdict.exit, Exit::Damage | Exit::Interrupted) { verdict.exit } else { Exit::LeftOut }
}

/// Checks the version that the workspace is as it is; `None` when there is none because there was nothing to record.
fn run_check(session: &Session, workspace: &mut Workspace, outcome: &PushOutcome, command: String) -> Result<Option<CheckRecord>, Failure> {
    let version = match outcome {
        PushOutcome::Made { version, .. } => Some(*version),
        PushOutcome::Unchanged { newest, .. } => *newest,
        PushOutcome::WouldMake { .. } => None,
    };
    let Some(version) = version else { return Ok(None) };
    let options = CheckOptions { version, command };
    let check = ops::check(workspace, &options, &mut output::pass_through, session.host())?;
    session.answer_in_words(|page| render::marks::put_check(page, &check))?;
    Ok(Some(check))
}

fn options(args: PushArgs) -> PushOptions {
    PushOptions {
        message: args.message.unwrap_or_default(),
        triggered_by: environment::triggered_by(args.triggered_by),
        by: environment::author(args.by),
        allow_empty: args.allow_empty,
        dry_run: args.dry_run,
        rehash: args.rehash,
        force: args.force,
        finds_secrets: !args.no_secret_scan,
        ..PushOptions::default()
    }
}

/// The first push makes a workspace of the current folder; a dry run makes nothing.
pub(super) fn make_workspace_if_none(session: &Session, dry_run: bool) -> Result<bool, Failure> {
    match session.root() {
        Err(Failure::Ops(OpsError::NotAWorkspace { .. })) if !dry_run => {
            let options = InitOptions { home: environment::home(), ..InitOptions::default() };
            let made = ops::init(session.folder(), &options, session.host())?;
            session.tell_in_words([render::init::made(&made)]);
            Ok(true)
        }
        other => other.map(|_| false),
    }
}

/// The tree of the version that holds the workspace as it is now.
fn tree(workspace: &Workspace, outcome: &PushOutcome) -> Result<Option<ObjectId>, Failure> {
    match outcome {
        PushOutcome::Made { root, .. } => Ok(Some(*root)),
        PushOutcome::WouldMake { .. } => Ok(None),
        PushOutcome::Unchanged { newest, .. } => {
            let row = newest.map(|newest| ops::version(workspace, newest)).transpose()?;
            Ok(row.map(|row| row.record.root))
        }
    }
}
