//! `remote`, `sync`, `pull`, `fetch`: one history on several machines.

use lua_store::format::record::VersionNumber;
use lua_store::ops::{
    self, AddOptions, FetchWhat, OpsError, PullOptions, RemoteAccess, RevisionRange, SyncDirection, SyncOptions, SyncOutcome, Workspace,
};
use lua_store::remote::RemoteError;
use lua_store::store::StoreError;

use super::access::{access, access_at};
use super::remote_key;
use crate::cli::args::{
    FetchArgs, PullArgs, RemoteAddArgs, RemoteAutoArgs, RemoteCheckArgs, RemoteCommand, RemoteKeyCommand, RemoteRemoveArgs, RemoteUseArgs,
    Switch, SyncArgs,
};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{background, environment, json, prompt, render};

const DEFAULT_NAME: &str = "origin";

pub fn remote(session: &Session, command: RemoteCommand) -> Outcome {
    match command {
        RemoteCommand::Add(args) => add(session, args),
        RemoteCommand::List => list(session),
        RemoteCommand::Remove(args) => remove(session, &args),
        RemoteCommand::Check(args) => check_remote(session, &args),
        RemoteCommand::Key(RemoteKeyCommand::Change(args)) => remote_key::change(session, &args),
        RemoteCommand::Key(RemoteKeyCommand::Show(args)) => remote_key::show(session, &args),
        RemoteCommand::Auto(args) => auto(session, &args),
    }
}

fn add(session: &Session, args: RemoteAddArgs) -> Outcome {
    let workspace = session.open()?;
    let mut words = args.name_and_url.into_iter();
    let (first, second) = (words.next().unwrap_or_default(), words.next());
    let (name, url) = second.map_or_else(|| (DEFAULT_NAME.to_owned(), first.clone()), |url| (first.clone(), url));
    let url = if url.contains("://") { url } else { session.folder().join(url).to_string_lossy().into_owned() };
    let encrypt = (args.encrypt || args.no_encrypt).then_some(args.encrypt);
    let mut options = AddOptions { name, url, single_writer: args.single_writer, must_exist: false, encrypt };
    let mut access = RemoteAccess { secret: remote_key::given(&args.key)?, ..access() };
    if options.encrypt == Some(true) {
        access.secret = remote_key::or_new(session, access.secret)?;
    }
    let add = |options: &AddOptions, access| {
        remote_key::with_key(session, access, |access| ops::remote_add(&workspace, options, access, session.host()))
    };
    let outcome = match add(&options, access.clone()) {
        Err(Failure::Ops(OpsError::Remote(RemoteError::EncryptionUndecided { .. }))) if prompt::can_ask(session) => {
            options.encrypt = Some(prompt::confirm("Encrypt what is sent? Without it whoever reads the storage reads it all.").is_ok());
            access.secret = if options.encrypt == Some(true) { remote_key::or_new(session, access.secret)? } else { access.secret };
            add(&options, access)
        }
        other => other,
    }?;
    session.answer(|| json::sync::added(&outcome), |page| render::sync::put_added(page, &outcome))?;
    Ok(Exit::Done)
}

fn list(session: &Session) -> Outcome {
    let rows = ops::remote_list(&session.open()?)?;
    session.answer(|| json::sync::remotes(&rows), |page| render::sync::put_remotes(page, &rows))?;
    Ok(Exit::Done)
}

fn remove(session: &Session, args: &RemoteRemoveArgs) -> Outcome {
    let row = ops::remote_remove(&session.open()?, &args.name, args.force, session.host())?;
    session.answer(|| json::sync::remote(&row), |page| render::sync::put_removed(page, &row))?;
    Ok(Exit::Done)
}

fn check_remote(session: &Session, args: &RemoteCheckArgs) -> Outcome {
    let secret = remote_key::given(&args.key)?;
    let access = RemoteAccess { agrees: args.agree, keeps_key: true, secret, ..access() };
    let workspace = session.open()?;
    let report =
        remote_key::with_key(session, access, |access| ops::remote_check(&workspace, args.name.as_deref(), access, session.host()))?;
    session.answer(|| json::sync::report(&report), |page| render::sync::put_report(page, &report))?;
    Ok(Exit::Done)
}

fn auto(session: &Session, args: &RemoteAutoArgs) -> Outcome {
    let (workspace, is_on) = (session.open()?, args.switch == Switch::On);
    let name = ops::set_background_sync(&workspace, args.name.as_deref(), is_on, session.host())?;
    session.answer(|| json::sync::auto(&name, is_on), |page| render::sync::put_auto(page, &name, is_on))?;
    Ok(Exit::Done)
}

/// Begins a sync behind a push where that is wanted. Nobody waits for it, and the push is done whatever comes of it.
pub fn begin_behind_push(session: &Session, workspace: &Workspace) {
    let Ok(remotes) = ops::background_remotes(workspace) else { return };
    for remote in remotes {
        if let Err(why) = background::begin_sync(workspace.root(), &remote) {
            session.tell_in_words([format!("not synced with {}: {why}", render::escape::text(&remote))]);
        }
    }
}

pub fn sync(session: &Session, args: SyncArgs) -> Outcome {
    if let (true, Some(remote)) = (args.background, &args.with.remote) {
        background::detach();
        ops::background_sync(&mut session.open()?, remote, &access(), session.host())?;
        return Ok(Exit::Done);
    }
    if args.check || args.dry_run {
        return drift(session, &args);
    }
    if args.pull {
        return pull(session, PullArgs { version: None, force: args.force, with: args.with, by: args.by });
    }
    let mut workspace = session.open()?;
    let options = SyncOptions { remote: args.with.remote, direction: SyncDirection::Both, join: args.force };
    exchange(session, &mut workspace, &options, args.with.limit)
}

/// Syncs and answers.
fn exchange(session: &Session, workspace: &mut Workspace, options: &SyncOptions, limit: Option<u64>) -> Outcome {
    let outcome = remote_key::with_key(session, access_at(limit), |access| ops::sync(workspace, options, access, session.host()))?;
    answer(session, &outcome, None)
}

fn answer(session: &Session, outcome: &SyncOutcome, brought: Option<&ops::BringOutcome>) -> Outcome {
    let elapsed = session.elapsed();
    session.answer(|| json::sync::sync(outcome, brought, elapsed), |page| render::sync::put(page, outcome, brought, elapsed))?;
    session.tell_in_words(render::sync::lines(outcome, brought));
    if brought.is_none() {
        session.tell_in_words(render::sync::untouched(outcome).map(|line| session.named(&line)));
    }
    let is_exact = brought.is_none_or(|brought| brought.done.is_exact());
    Ok(Exit::left_out_if(!is_exact || !outcome.left_out.is_empty()))
}

fn drift(session: &Session, args: &SyncArgs) -> Outcome {
    let mut workspace = session.open()?;
    let check = |access: &RemoteAccess| ops::sync_check(&mut workspace, args.with.remote.as_deref(), access, session.host());
    let drift = remote_key::with_key(session, access(), check)?;
    session.answer(|| json::sync::drift(&drift, args.dry_run), |page| render::sync::put_drift(page, &drift))?;
    Ok(if args.check && !drift.is_none() { Exit::Failed } else { Exit::Done })
}

pub fn pull(session: &Session, args: PullArgs) -> Outcome {
    let mut workspace = session.open()?;
    if ops::remote_list(&workspace)?.is_empty() {
        return Err(OpsError::NoRemote.into());
    }
    prompt::require_somebody_to_ask(session, args.force)?;
    if !args.force {
        prompt::confirm("Receive versions and bring one into the workspace, with what is unsaved recorded first?")?;
    }
    let PullArgs { version, with: RemoteUseArgs { remote, limit }, by, .. } = args;
    let options = PullOptions { remote, version, by: environment::author(by) };
    let (outcome, brought) =
        remote_key::with_key(session, access_at(limit), |access| ops::pull(&mut workspace, &options, access, session.host()))?;
    answer(session, &outcome, brought.as_ref())
}

pub fn fetch(session: &Session, args: FetchArgs) -> Outcome {
    let mut workspace = session.open()?;
    let options = SyncOptions { remote: args.with.remote, direction: SyncDirection::Fetch, join: false };
    let sync = |access: &RemoteAccess| ops::sync(&mut workspace, &options, access, session.host());
    let mut outcome = remote_key::with_key(session, access_at(args.with.limit), sync)?;
    let number_of = |revision| workspace.resolve(revision).and_then(|number| workspace.usable_version(number).map(|_| number));
    let numbers = args.versions.iter().map(number_of).collect::<Result<_, _>>()?;
    let what = if args.all { FetchWhat::All } else { FetchWhat::Versions(numbers, Vec::new()) };
    let fetch = |access: &RemoteAccess| ops::fetch_contents(&mut workspace, &what, access, session.host());
    let fetched = remote_key::with_key(session, access_at(args.with.limit), fetch)?;
    outcome.contents = fetched.contents;
    outcome.requests += fetched.requests;
    outcome.received_bytes += fetched.received_bytes;
    answer(session, &outcome, None)
}

/// Fetches what a command is about to need of these versions and is not here, and says so in a line. No pattern is all paths.
pub fn bring_here(
    session: &Session,
    workspace: &mut Workspace,
    versions: &[VersionNumber],
    patterns: &[impl AsRef<[u8]>],
) -> Result<(), Failure> {
    let patterns = patterns.iter().map(|pattern| pattern.as_ref().to_vec()).collect();
    let what = FetchWhat::Versions(versions.to_vec(), patterns);
    let fetch = |access: &RemoteAccess| ops::fetch_contents(workspace, &what, access, session.host());
    let fetched = remote_key::with_key(session, access(), fetch)?;
    session.tell_in_words(render::sync::fetched_lines(&fetched));
    Ok(())
}

/// What is missing in the store may be at a remote: then it is no damage.
pub fn explain_missing(session: &Session, failure: Failure) -> Failure {
    let Failure::Ops(error @ OpsError::Store(StoreError::Missing { .. })) = failure else { return failure };
    Failure::Ops(match session.open() {
        Ok(workspace) => ops::missing_or_not_here(&workspace, error),
        Err(_) => error,
    })
}

/// All paths.
pub const ALL_PATHS: [&str; 0] = [];

/// As [`bring_here`], for the versions of a range.
pub fn bring_range_here(
    session: &Session,
    workspace: &mut Workspace,
    range: &RevisionRange,
    patterns: &[impl AsRef<[u8]>],
) -> Result<(), Failure> {
    if ops::has_everything(workspace)? {
        return Ok(());
    }
    let versions: Vec<VersionNumber> = workspace.versions_of(range)?.iter().map(|row| row.record.number).collect();
    bring_here(session, workspace, &versions, patterns)
}

/// As [`bring_here`], for every version.
pub fn bring_all_here(session: &Session, workspace: &mut Workspace) -> Result<(), Failure> {
    let fetch = |access: &RemoteAccess| ops::fetch_contents(workspace, &FetchWhat::All, access, session.host());
    let fetched = remote_key::with_key(session, access(), fetch)?;
    session.tell_in_words(render::sync::fetched_lines(&fetched));
    Ok(())
}

/// Sends what was just pushed. The version is recorded whatever comes of it.
pub fn after_push(session: &Session, workspace: &mut Workspace, limit: Option<u64>) -> Result<SyncOutcome, Failure> {
    let sync = |access: &RemoteAccess| ops::sync(workspace, &SyncOptions::default(), access, session.host());
    let outcome = remote_key::with_key(session, access_at(limit), sync)?;
    session.answer_in_words(|page| render::sync::put(page, &outcome, None, session.elapsed()))?;
    session.tell_in_words(render::sync::lines(&outcome, None));
    session.tell_in_words(render::sync::untouched(&outcome).map(|line| session.named(&line)));
    Ok(outcome)
}
