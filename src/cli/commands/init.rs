//! `init`: makes a folder a workspace.

use std::path::Path;

use lua_store::ops::{self, InitOptions, RemoteAccess};

use super::access::access;
use super::remote_key;
use crate::cli::args::{InitArgs, KeyArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{environment, json, render};

pub fn init(session: &Session, args: InitArgs) -> Outcome {
    let root = session.folder().join(args.dir.unwrap_or_default());
    let store = args.store.map(|store| session.folder().join(store));
    let options = InitOptions { agent_id: args.agent_id, store, yes_this_root: args.yes_this_root, home: environment::home() };
    if let Some(url) = args.remote {
        return restore_sources(session, &root, &options, (&url, &args.key));
    }
    let outcome = ops::init(&root, &options, session.host())?;
    session.answer(|| json::workspace::init(&outcome), |page| render::init::put(page, &outcome))?;
    session.tell_in_words(render::init::lines(&outcome));
    Ok(Exit::Done)
}

/// Makes a folder a workspace with the history of a remote.
fn restore_sources(session: &Session, root: &Path, options: &InitOptions, (url, key): (&str, &KeyArgs)) -> Outcome {
    // Whoever types an address agrees to it.
    let access = RemoteAccess { agrees: true, keeps_key: true, secret: remote_key::given(key)?, ..access() };
    let url = if url.contains("://") { url.to_owned() } else { session.folder().join(url).to_string_lossy().into_owned() };
    let by = environment::author(None);
    let (made, outcome, brought) =
        remote_key::with_key(session, access, |access| ops::restore_sources(root, options, &url, (&by, access), session.host()))?;
    let elapsed = session.elapsed();
    session.answer(
        || json::sync::restored(&made, &outcome, brought.as_ref(), elapsed),
        |page| {
            render::init::put(page, &made);
            render::sync::put(page, &outcome, brought.as_ref(), elapsed);
        },
    )?;
    session.tell_in_words(render::sync::lines(&outcome, brought.as_ref()));
    Ok(Exit::Done)
}
