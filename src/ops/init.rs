//! Makes a workspace of a folder.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::settings::Settings;
use super::workspace::FOLDER;
use super::{Host, OpsError, OpsResult, Workspace};
use crate::disk::{Dir, DiskError, RootOf};
use crate::limits::CONFIG_BYTES_MAX;
use crate::store::Store;

/// The vendor's file that names the agent of a workspace.
const VENDOR_FILE: &str = "lua.skill.yaml";
/// What git reads in each folder.
const GIT_RULES: &str = ".gitignore";

/// How a workspace is to be made.
#[derive(Clone, Debug, Default)]
pub struct InitOptions {
    /// Id of the agent that the workspace belongs to; else the one in the vendor's `lua.skill.yaml`.
    pub agent_id: Option<String>,
    /// Folder for the store; else `.lua` in the workspace.
    pub store: Option<PathBuf>,
    /// Take the folder even if it is the root of a file system or a home folder.
    pub yes_this_root: bool,
    /// The user's home folder, which is hardly meant as a workspace.
    pub home: Option<PathBuf>,
}

/// What there is now.
#[derive(Clone, Debug)]
pub struct InitOutcome {
    /// The workspace's folder.
    pub root: PathBuf,
    /// The store's folder.
    pub store: PathBuf,
    /// Whether there was a history already, which is in force now.
    pub existed: bool,
    /// Id of the agent.
    pub agent_id: Option<String>,
    /// Versions of the history.
    pub versions: u64,
    /// The workspace that this one lies in, if it was not one before.
    pub outer: Option<PathBuf>,
}

/// Makes `.lua` in a folder, or finds the history that is there. With a store elsewhere, `.lua` only points to it; one that holds
/// a history already is taken over with it.
///
/// # Durability
/// On return the workspace is durable.
pub fn init(root: &Path, options: &InitOptions, host: &dyn Host) -> OpsResult<InitOutcome> {
    let root = root.canonicalize().map_err(|error| DiskError::new("find", root, error))?;
    if !options.yes_this_root {
        refuse_unlikely_root(&root, options.home.as_deref())?;
    }
    if let Some(history) = root.ancestors().find(|folder| is_history(folder)) {
        return Err(OpsError::InAHistory { path: root.clone(), history: history.to_path_buf() });
    }
    let root_dir = Dir::open(&root, RootOf::UserPath)?;
    let local = root_dir.make_dir(FOLDER)?;
    root_dir.sync()?;
    let tmp = local.make_dir("tmp")?;
    let (settings, existed) = match Settings::read(&local)? {
        Some(settings) => (updated(settings, &root, options)?, true),
        None => (new_settings((&root_dir, &local), options)?, false),
    };
    hide_from_git(&local, &tmp)?;
    let store_dir = match &settings.store {
        Some(path) => make_store_folder(path, &settings)?,
        None => local.clone(),
    };
    Store::create(&store_dir)?;
    // The settings come last: a folder without them is no workspace yet, and making it can be begun again.
    settings.write(&local, &tmp)?;
    let workspace = Workspace::open(&root, host)?;
    let versions = workspace.log.head()?.newest.map_or(0, |newest| newest.0);
    let existed = existed || versions > 0;
    let outer = root.parent().filter(|_| !existed).and_then(Workspace::find_root);
    Ok(InitOutcome { root, store: store_dir.path().to_path_buf(), existed, agent_id: settings.agent_id, versions, outer })
}

/// Whether a folder is where a history is kept, or points to it: nobody has files of their own in there.
fn is_history(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).symlink_metadata().is_ok();
    has("config.toml") && (has("objects") || folder.file_name().is_some_and(|name| name == FOLDER))
}

/// Keeps git from adding, stashing and (without `-x`) cleaning away the history, whatever the repository's own rules are.
fn hide_from_git(local: &Dir, tmp: &Dir) -> OpsResult<()> {
    if local.contains(GIT_RULES)? {
        return Ok(());
    }
    Ok(local.publish(tmp, GIT_RULES, b"*\n")?)
}

fn new_settings((root_dir, local): (&Dir, &Dir), options: &InitOptions) -> OpsResult<Settings> {
    // A stat cache is only written where a version was recorded.
    if options.store.is_none() && local.contains(super::snapshot::CACHE_FOLDER)? && !local.contains("objects")? {
        return Err(OpsError::LostSettings { path: local.path_of("config.toml") });
    }
    let agent_id = options.agent_id.clone().or_else(|| vendor_agent_id(root_dir));
    let store = options.store.as_deref().map(absolute).transpose()?;
    Ok(Settings { agent_id, store, ..Settings::default() })
}

fn updated(mut settings: Settings, root: &Path, options: &InitOptions) -> OpsResult<Settings> {
    let store = options.store.as_deref().map(absolute).transpose()?;
    if store.is_some() && store != settings.store {
        let store = settings.store.unwrap_or_else(|| root.join(FOLDER));
        return Err(OpsError::OtherStore { root: root.to_path_buf(), store });
    }
    settings.agent_id = options.agent_id.clone().or(settings.agent_id);
    Ok(settings)
}

fn absolute(path: &Path) -> OpsResult<PathBuf> {
    Ok(std::path::absolute(path).map_err(|error| DiskError::new("find", path, error))?)
}

/// The folder of a store outside the workspace, with settings of its own that say its format.
fn make_store_folder(path: &Path, settings: &Settings) -> OpsResult<Dir> {
    std::fs::create_dir_all(path).map_err(|error| DiskError::new("make the folder", path, error))?;
    let dir = Dir::open(path, RootOf::UserPath)?;
    if Settings::read(&dir)?.is_none() {
        if !dir.names()?.is_empty() && !dir.contains("objects")? {
            return Err(OpsError::NotEmpty { path: path.to_path_buf() });
        }
        let tmp = dir.make_dir("tmp")?;
        Settings { agent_id: settings.agent_id.clone(), ..Settings::default() }.write(&dir, &tmp)?;
    }
    Ok(dir)
}

fn refuse_unlikely_root(root: &Path, home: Option<&Path>) -> OpsResult<()> {
    let refuse = |why| Err(OpsError::UnlikelyRoot { path: root.to_path_buf(), why });
    if root.parent().is_none() {
        return refuse("the root of the file system");
    }
    if home.and_then(|home| home.canonicalize().ok()).is_some_and(|home| home == root) {
        return refuse("your home folder");
    }
    if is_mount_root(root) {
        return refuse("the root of a mounted file system");
    }
    Ok(())
}

/// A folder on another device than the one above it. (A bind mount of the same file system is not noticed; it is harmless.)
fn is_mount_root(root: &Path) -> bool {
    let device = |path: &Path| path.metadata().map(|metadata| metadata.dev());
    match (device(root), root.parent().map(device)) {
        (Ok(own), Some(Ok(above))) => own != above,
        _ => false,
    }
}

/// The value of `agent.agentId` in the vendor's file. Only that one line is looked for: the file is written by a program, always
/// in the same shape, and nothing else in it concerns us.
fn vendor_agent_id(root_dir: &Dir) -> Option<String> {
    let bytes = root_dir.read(VENDOR_FILE, CONFIG_BYTES_MAX).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut in_agent = false;
    for line in text.lines() {
        if !line.starts_with([' ', '\t']) {
            in_agent = line.trim_end() == "agent:";
        } else if let Some(value) = line.trim_start().strip_prefix("agentId:").filter(|_| in_agent) {
            let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
            return Some(value.to_owned()).filter(|value| !value.is_empty());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::QuietHost;
    use super::*;

    fn init_in(root: &Path, options: &InitOptions) -> OpsResult<InitOutcome> {
        init(root, options, &QuietHost::default())
    }

    #[test]
    fn a_folder_becomes_a_workspace_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = init_in(folder.path(), &InitOptions::default()).unwrap();
        assert!(!first.existed && first.versions == 0);
        assert!(init_in(folder.path(), &InitOptions::default()).unwrap().existed);
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(Workspace::find_root(&below), Some(folder.path().to_path_buf()));
    }

    #[test]
    fn the_vendor_file_names_the_agent() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(VENDOR_FILE), "other:\n  agentId: no\nagent:\n  orgId: o\n  agentId: 'baseAgent_1' # x\n")
            .unwrap();
        assert_eq!(init_in(folder.path(), &InitOptions::default()).unwrap().agent_id.as_deref(), Some("baseAgent_1"));
        let options = InitOptions { agent_id: Some("mine".into()), ..InitOptions::default() };
        assert_eq!(init_in(folder.path(), &options).unwrap().agent_id.as_deref(), Some("mine"));
    }

    #[test]
    fn unlikely_roots_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let options = InitOptions { home: Some(home.path().into()), ..InitOptions::default() };
        for root in [Path::new("/"), Path::new("/proc"), home.path()] {
            assert!(matches!(init_in(root, &options), Err(OpsError::UnlikelyRoot { .. })), "{root:?}");
        }
        assert!(!home.path().join(FOLDER).exists());
        assert!(init_in(home.path(), &InitOptions { yes_this_root: true, ..options }).is_ok());
    }

    #[test]
    fn a_store_elsewhere_is_found_again() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let options = InitOptions { store: Some(elsewhere.path().join("history")), ..InitOptions::default() };
        assert!(!init_in(folder.path(), &options).unwrap().existed);
        assert!(elsewhere.path().join("history/objects").is_dir() && !folder.path().join(".lua/objects").exists());
        let other = InitOptions { store: Some(elsewhere.path().join("other")), ..InitOptions::default() };
        assert!(matches!(init_in(folder.path(), &other), Err(OpsError::OtherStore { .. })));
        std::fs::create_dir(elsewhere.path().join("full")).unwrap();
        std::fs::write(elsewhere.path().join("full/file"), "x").unwrap();
        let full = InitOptions { store: Some(elsewhere.path().join("full")), ..InitOptions::default() };
        assert!(matches!(init_in(tempfile::tempdir().unwrap().path(), &full), Err(OpsError::NotEmpty { .. })));
    }
}
