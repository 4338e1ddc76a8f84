//! What opens encrypted remotes: given on the command line, by the environment, or asked for; and `remote key`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use lua_store::limits::KEY_FILE_BYTES_MAX;
use lua_store::ops::{self, OpsError, OpsResult, RemoteAccess, RemoteSecret};
use lua_store::remote::RemoteError;

use super::access::access;
use crate::cli::args::{KeyArgs, RemoteKeyChangeArgs, RemoteKeyShowArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{environment, json, prompt, render};

/// What was given: a key file, a recovery code, or a passphrase in the environment.
pub fn given(args: &KeyArgs) -> Result<Option<RemoteSecret>, Failure> {
    if let Some(path) = &args.key_file {
        return Ok(Some(RemoteSecret::passphrase(read(path)?)));
    }
    if args.recovery_code {
        let code = prompt::secret("Recovery code: ")?;
        return Ok(Some(RemoteSecret::recovery_code(&String::from_utf8_lossy(&code))?));
    }
    Ok(environment::remote_passphrase().map(RemoteSecret::passphrase))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(KEY_FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    let refuse = |why: String| Err(Failure::Usage(format!("the key file {} cannot be used: {why}", render::escape::os_path(path))));
    match read {
        Err(error) => refuse(error.to_string()),
        Ok(0) => refuse("it is empty".to_owned()),
        Ok(length) if length as u64 > KEY_FILE_BYTES_MAX => refuse("it is too large".to_owned()),
        Ok(_) => Ok(bytes),
    }
}

/// What was given, else a new passphrase, asked for twice if there is somebody to ask.
pub fn or_new(session: &Session, given: Option<RemoteSecret>) -> Result<Option<RemoteSecret>, Failure> {
    if given.is_some() || !prompt::can_ask(session) { Ok(given) } else { new_passphrase().map(Some) }
}

fn new_passphrase() -> Result<RemoteSecret, Failure> {
    let (once, twice) = (prompt::secret("New passphrase: ")?, prompt::secret("The same again: ")?);
    if once != twice || once.is_empty() {
        return Err(Failure::Usage("the passphrases differ, or are empty; nothing was done".to_owned()));
    }
    Ok(RemoteSecret::passphrase(once))
}

/// Does something with a remote; asks for its passphrase if that is needed and there is somebody to ask. What is not sealed with the key
/// that is kept looks damaged: then the passphrase that was given is tried.
pub fn with_key<T>(session: &Session, access: RemoteAccess, mut does: impl FnMut(&RemoteAccess) -> OpsResult<T>) -> Result<T, Failure> {
    match does(&access) {
        Err(OpsError::Remote(RemoteError::KeyNeeded { url })) if prompt::can_ask(session) => {
            let passphrase = prompt::secret(&format!("Passphrase of {}: ", render::escape::text(&url)))?;
            let secret = Some(RemoteSecret::passphrase(passphrase));
            Ok(does(&RemoteAccess { secret, keeps_key: true, ..access })?)
        }
        Err(damaged @ OpsError::Remote(RemoteError::Damaged { .. })) if access.secret.is_some() && !access.keeps_key => {
            Ok(does(&RemoteAccess { keeps_key: true, ..access }).map_err(|_| damaged)?)
        }
        other => Ok(other?),
    }
}

pub fn change(session: &Session, args: &RemoteKeyChangeArgs) -> Outcome {
    let workspace = session.open()?;
    let given = match &args.key_file {
        Some(path) => Some(read(path)?),
        None => environment::remote_new_passphrase(),
    };
    let Some(new) = or_new(session, given.map(RemoteSecret::passphrase))?.filter(|new| !new.is_empty()) else {
        return Err(Failure::Usage("no new passphrase: set LUA_REMOTE_NEW_PASSPHRASE, or name a --key-file that is not empty".to_owned()));
    };
    let change = |access: &RemoteAccess| ops::remote_key_change(&workspace, args.name.as_deref(), access, &new, session.host());
    let change = with_key(session, RemoteAccess { keeps_key: true, ..access() }, change)?;
    session.answer(|| json::sync::key_change(&change), |page| render::sync::put_key_change(page, &change))?;
    Ok(Exit::Done)
}

pub fn show(session: &Session, args: &RemoteKeyShowArgs) -> Outcome {
    let workspace = session.open()?;
    let code = |access: &RemoteAccess| ops::remote_recovery_code(&workspace, args.name.as_deref(), access, session.host());
    let (remote, code) = with_key(session, access(), code)?;
    session.answer(|| json::sync::recovery_code(&remote, &code), |page| render::sync::put_recovery_code(page, &code))?;
    Ok(Exit::Done)
}
