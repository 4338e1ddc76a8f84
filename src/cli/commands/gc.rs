//! `gc`: give back the room of what no version reaches.

use lua_store::ops::{self, GcOptions, RemoteAccess, RemoteGcOptions};

use super::remote_key;
use super::sync::access;
use crate::cli::args::GcArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{json, render};

pub fn gc(session: &Session, args: &GcArgs) -> Outcome {
    if let Some(remote) = &args.remote {
        return collect_remote(session, remote.clone(), args);
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
