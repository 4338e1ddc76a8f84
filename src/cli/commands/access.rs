//! What commands that reach remotes bring along: the surroundings of the user, and how fast they may be.

use lua_store::ops::{RemoteAccess, RemoteSecret};
use lua_store::remote::Pace;

use crate::cli::{environment, signals};

/// What is needed to reach remotes.
pub fn access() -> RemoteAccess {
    let (environment, state_folder) = (environment::of_providers(), environment::state_folder());
    let secret = environment::remote_passphrase().map(RemoteSecret::passphrase);
    RemoteAccess { environment, state_folder, secret, ..RemoteAccess::default() }
}

/// As [`access`], and not faster than this.
pub fn access_at(limit: Option<u64>) -> RemoteAccess {
    let pace = limit.map(|bytes_per_second| Pace { bytes_per_second, hurry: &signals::CANCEL });
    RemoteAccess { pace, ..access() }
}
