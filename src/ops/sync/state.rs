//! What is known of each remote: `remotes/NAME.toml` in the folder of the store.
//!
//! A file is written whole, by rename. It may fall behind the log, when a process dies between the two; then records that were taken in
//! or sent are met again, and recognized by what they say.

use serde::{Deserialize, Serialize};

use super::attempt::Attempt;
use crate::disk::{Dir, Lock, LockMode};
use crate::format::FORMAT_VERSION;
use crate::format::catalog::Catalog;
use crate::id::ObjectId;
use crate::limits::REMOTE_STATE_BYTES_MAX;
use crate::ops::{Host, Notice, OpsError, OpsResult, Workspace};
use crate::remote::Seen;

/// The folder in that of the store.
pub const FOLDER: &str = "remotes";
const LOCK: &str = "lock";
const SUFFIX: &str = ".toml";
const ABSENT_SUFFIX: &str = ".absent";
const NAME_BYTES_MAX: usize = 64;

/// What is known of a remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteState {
    format: u16,
    /// Where it is.
    pub url: String,
    /// Id of the repository there.
    pub repository: String,
    /// The user has said that only one machine writes to it, because its storage does not keep two apart.
    #[serde(default)]
    pub single_writer: bool,
    /// What lies there is encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// Pushes are followed by a sync with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub syncs_after_push: bool,
    /// Number of the last entry of its log that was seen.
    pub entry: u64,
    entry_id: String,
    /// Number of the last record of the shared log that was seen.
    pub record: u64,
    record_id: String,
    /// Up to which record this machine's log is shared with it.
    pub local: u64,
    /// What is being sent, until an entry names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<Attempt>,
}

impl RemoteState {
    /// A remote of which nothing was seen yet.
    pub fn new(url: &str, repository: String, single_writer: bool, encrypted: bool) -> Self {
        let none = ObjectId::ZERO.to_string();
        let (url, format) = (url.to_owned(), FORMAT_VERSION);
        Self {
            format,
            url,
            repository,
            single_writer,
            syncs_after_push: false,
            encrypted,
            entry: 0,
            entry_id: none.clone(),
            record: 0,
            record_id: none,
            local: 0,
            attempt: None,
        }
    }

    /// Reads the bytes of a file, or says what is wrong with them.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let state: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if state.format > FORMAT_VERSION {
            return Err(format!("it has format {}; this program knows formats up to {FORMAT_VERSION}", state.format));
        }
        state.seen().map(|_| state)
    }

    /// The last entry that was seen.
    pub fn seen(&self) -> Result<Seen, String> {
        let id = |text: &str| text.parse().map_err(|_| "an id in it is malformed".to_owned());
        Ok(Seen { number: self.entry, id: id(&self.entry_id)?, record_sequence: self.record, record_id: id(&self.record_id)? })
    }

    /// Forgets what was seen, so that all is looked at again.
    pub fn forget_seen(&mut self) {
        self.note(&Seen::NOTHING, 0);
    }

    /// The attempt to send that was interrupted lately, else a new one.
    pub fn begin_attempt(&mut self, now_ms: i64) -> Attempt {
        let attempt = self.attempt.and_then(|attempt| attempt.resumed(now_ms)).unwrap_or_else(|| Attempt::new(now_ms));
        *self.attempt.insert(attempt)
    }

    /// What was sent is named.
    pub fn end_attempt(&mut self) {
        self.attempt = None;
    }

    /// Notes an entry, and up to where this machine's log is shared with it.
    pub fn note(&mut self, seen: &Seen, local: u64) {
        (self.entry, self.entry_id) = (seen.number, seen.id.to_string());
        (self.record, self.record_id) = (seen.record_sequence, seen.record_id.to_string());
        self.local = local;
    }
}

/// The remotes of a store. Whoever has this is alone with them.
#[derive(Debug)]
pub struct Remotes {
    pub(super) dir: Dir,
    tmp: Dir,
    _lock: Lock,
}

impl Remotes {
    /// Waits until nobody else is at work with the remotes of the store.
    pub fn lock(workspace: &Workspace, host: &dyn Host) -> OpsResult<Self> {
        let dir = workspace.store_dir.make_dir(FOLDER)?;
        let lock = Lock::acquire(&dir, LOCK, LockMode::Exclusive, &|| host.notice(Notice::WaitingForSync))?;
        Ok(Self { dir, tmp: workspace.store.tmp().clone(), _lock: lock })
    }

    /// A remote by its name.
    ///
    /// # Errors
    /// [`OpsError::UnknownRemote`].
    pub fn get(&self, name: &str) -> OpsResult<RemoteState> {
        self.find(name)?.ok_or_else(|| OpsError::UnknownRemote { name: name.to_owned() })
    }

    /// A remote by its name, if there is one.
    pub fn find(&self, name: &str) -> OpsResult<Option<RemoteState>> {
        read(&self.dir, name)
    }

    /// Keeps what is known of a remote.
    ///
    /// # Durability
    /// Durable on return.
    pub fn put(&self, name: &str, state: &RemoteState) -> OpsResult<()> {
        let file = file_of(name)?;
        let text = toml::to_string(state).map_err(|error| OpsError::Settings { path: self.dir.path_of(&file), why: error.to_string() })?;
        Ok(self.dir.publish(&self.tmp, &file, text.as_bytes())?)
    }

    /// Where what is known of a remote is kept, for messages.
    pub fn path_of(&self, name: &str) -> std::path::PathBuf {
        self.dir.path_of(&format!("{name}{SUFFIX}"))
    }

    /// Keeps what was left at a remote; nothing needs no file.
    ///
    /// # Durability
    /// Durable on return.
    pub fn put_absent(&self, name: &str, catalog: &Catalog) -> OpsResult<()> {
        let file = absent_file(name);
        if !catalog.frames.is_empty() {
            return Ok(self.dir.publish(&self.tmp, &file, &catalog.encode())?);
        }
        match self.dir.remove_file(file.as_ref()) {
            Err(error) if error.is_not_found() => Ok(()),
            removed => Ok(removed.and_then(|()| self.dir.sync())?),
        }
    }

    /// Forgets a remote.
    pub fn remove(&self, name: &str) -> OpsResult<()> {
        self.put_absent(name, &Catalog::default())?;
        match self.dir.remove_file(background_file(name).as_ref()) {
            Err(error) if error.is_not_found() => {}
            removed => removed?,
        }
        self.dir.remove_file(file_of(name)?.as_ref())?;
        Ok(self.dir.sync()?)
    }

    /// All remotes, by their names.
    pub fn all(&self) -> OpsResult<Vec<(String, RemoteState)>> {
        all(&self.dir)
    }
}

/// The file that says what was left at a remote.
pub fn absent_file(name: &str) -> String {
    format!("{name}{ABSENT_SUFFIX}")
}

/// The file that says what came of the last sync behind a push.
pub fn background_file(name: &str) -> String {
    format!("{name}.background")
}

/// The remotes of a store at which something was left.
pub fn names(store_dir: &Dir) -> OpsResult<Vec<String>> {
    let names = match store_dir.open_dir(FOLDER) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        dir => dir?.names()?,
    };
    let mut names: Vec<String> = names.iter().filter_map(|name| Some(name.to_str()?.strip_suffix(ABSENT_SUFFIX)?.to_owned())).collect();
    names.sort_unstable();
    Ok(names)
}

/// All remotes of a store, without waiting for anybody.
pub fn list(workspace: &Workspace) -> OpsResult<Vec<(String, RemoteState)>> {
    match workspace.store_dir.open_dir(FOLDER) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        other => all(&other?),
    }
}

fn all(dir: &Dir) -> OpsResult<Vec<(String, RemoteState)>> {
    let mut found = Vec::new();
    for file in dir.names()? {
        let Some(name) = file.to_str().and_then(|file| file.strip_suffix(SUFFIX)) else { continue };
        if let Some(state) = read(dir, name)? {
            found.push((name.to_owned(), state));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

fn read(dir: &Dir, name: &str) -> OpsResult<Option<RemoteState>> {
    let file = file_of(name)?;
    let bytes = match dir.read(&file, REMOTE_STATE_BYTES_MAX) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    RemoteState::parse(&bytes).map(Some).map_err(|why| OpsError::Settings { path: dir.path_of(&file), why })
}

fn file_of(name: &str) -> OpsResult<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('-') || !name.bytes().all(is_plain) {
        return Err(OpsError::BadRemoteName { name: name.to_owned() });
    }
    Ok(format!("{name}{SUFFIX}"))
}

/// For the fuzzer: what is taken is written and read again.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn remote_state(bytes: &[u8]) {
    let Ok(state) = RemoteState::parse(bytes) else { return };
    let text = toml::to_string(&state).expect("what was read can be written");
    assert_eq!(RemoteState::parse(text.as_bytes()).as_ref(), Ok(&state));
}
