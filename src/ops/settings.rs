//! The settings file `.lua/config.toml`.
//!
//! Nothing in it names a program to run: a `.lua` folder may have come with somebody else's workspace.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{OpsError, OpsResult};
use crate::disk::Dir;
use crate::format::FORMAT_VERSION;
use crate::limits::CONFIG_BYTES_MAX;

const NAME: &str = "config.toml";

/// The settings of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Version of the store's format.
    pub format: u16,
    /// Features without which the store must not be read. None are known yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_features: Vec<String>,
    /// Features without which the store must not be written. None are known yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write_features: Vec<String>,
    /// Id of the agent that the workspace belongs to, as the vendor's tool knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Whether folders named `.git` are recorded like any other.
    #[serde(default)]
    pub include_git: bool,
    /// The folder that holds the store when it is not this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<PathBuf>,
    /// Whether pushes name new contents that look like they hold a secret.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub secret_scan: bool,
    /// Whether a push after versions were dropped has their contents collected behind it.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub auto_gc: bool,
    /// The bound of the history in bytes: a push that leaves it larger drops versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_bytes: Option<u64>,
}

fn yes() -> bool {
    true
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            format: FORMAT_VERSION,
            read_features: Vec::new(),
            write_features: Vec::new(),
            agent_id: None,
            include_git: false,
            store: None,
            secret_scan: true,
            auto_gc: true,
            budget_bytes: None,
        }
    }
}

impl Settings {
    /// Reads the settings in a `.lua` folder; `None` when there is no settings file.
    pub fn read(dir: &Dir) -> OpsResult<Option<Self>> {
        let bytes = match dir.read(NAME, CONFIG_BYTES_MAX) {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        Self::parse(&bytes).map(Some).map_err(|why| OpsError::Settings { path: dir.path_of(NAME), why })
    }

    /// Reads the bytes of a settings file, or says what is wrong with them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let settings: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        settings.check()?;
        Ok(settings)
    }

    /// Writes the settings.
    ///
    /// # Durability
    /// Durable on return; after a crash before that the old settings are in force.
    pub fn write(&self, dir: &Dir, tmp: &Dir) -> OpsResult<()> {
        let text = self.to_toml().map_err(|why| OpsError::Settings { path: dir.path_of(NAME), why })?;
        Ok(dir.publish(tmp, NAME, text.as_bytes())?)
    }

    /// The text of a settings file.
    pub(super) fn to_toml(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }

    fn check(&self) -> Result<(), String> {
        if self.format > FORMAT_VERSION {
            return Err(format!("it has format {}; this program knows formats up to {FORMAT_VERSION}", self.format));
        }
        match self.read_features.iter().chain(&self.write_features).next() {
            Some(feature) => Err(format!("it needs the feature {feature:?}, which this program does not have")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RootOf;

    fn read(text: &str) -> OpsResult<Option<Settings>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAME), text).unwrap();
        Settings::read(&Dir::open(folder.path(), RootOf::UserPath).unwrap())
    }

    #[test]
    fn settings_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path(), RootOf::UserPath).unwrap();
        assert_eq!(Settings::read(&dir).unwrap(), None);
        let settings = Settings { agent_id: Some("agent \"7\"".into()), store: Some("/a/b".into()), ..Settings::default() };
        settings.write(&dir, &dir).unwrap();
        assert_eq!(Settings::read(&dir).unwrap(), Some(settings));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(read("format = 1").is_ok());
        for text in ["format = 2", "format = 1\nread_features = ['x']", "format = 1\ncommand = 'rm'", "format = 'x'", "\u{0}", ""] {
            assert!(matches!(read(text), Err(OpsError::Settings { .. })), "{text:?}");
        }
    }
}
