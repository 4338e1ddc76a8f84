//! `gc`: give back the room of what no version reaches.

use lua_store::ops::{self, GcOptions, OpsError, RemoteAccess, RemoteGcOptions, Workspace};

use super::access::access;
use super::remote_key;
use crate::cli::args::GcArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{background, environment, json, render};

pub fn gc(session: &Session, args: &GcArgs) -> Outcome {
    if let Some(remote) = &args.remote {
        return collect_remote(session, remote.clone(), args);
    }
    if args.background {
        return collect_in_background(session);
    }
    let options = GcOptions { dry_run: args.dry_run, all: args.all, recompress: args.recompress };
    let outcome = ops::gc(&mut session.open()?, &options, session.host())?;
    let elapsed = session.elapsed();
    let in_words = |page: &mut _| match args.dry_run {
        true => render::gc::put_plan(page, &outcome),
        false => render::gc::put(page, &outcome, elapsed),
    };
    session.answer(|| json::gc::gc(&outcome, args.dry_run, elapsed), in_words)?;
    Ok(Exit::damage_if(!outcome.damaged.is_empty()))
}

/// Begins a collection behind a push if versions were dropped and their contents are still there. The push is done whatever comes of it.
pub fn begin_behind_push(session: &Session, workspace: &Workspace) {
    if !workspace.settings().auto_gc || !environment::begins_collections() || !ops::collection_is_wanted(workspace) {
        return;
    }
    if let Err(why) = background::begin_collection(workspace.root()) {
        session.tell_in_words([format!("no collection was begun: {why}")]);
    }
}

fn collect_in_background(session: &Session) -> Outcome {
    background::detach();
    background::step_back();
    match ops::gc(&mut session.open()?, &GcOptions::default(), session.host()) {
        Err(OpsError::CollectionAtWork) => Ok(Exit::Done),
        collected => Ok(collected.map(|_| Exit::Done)?),
    }
}

fn collect_remote(session: &Session, remote: Option<String>, args: &GcArgs) -> Outcome {
    let options = RemoteGcOptions { remote, dry_run: args.dry_run, grace_ms: i64::from(args.grace) * 3_600_000 };
    let mut workspace = session.open()?;
    let collect = |access: &RemoteAccess| ops::remote_gc(&mut workspace, &options, access, session.host());
    let outcome = remote_key::with_key(session, access(), collect)?;
    let elapsed = session.elapsed();
    session.answer(
        || json::remote::collected(&outcome, args.dry_run, elapsed),
        |page| render::remote::put_collected(page, &outcome, args.dry_run, elapsed),
    )?;
    Ok(Exit::Done)
}
