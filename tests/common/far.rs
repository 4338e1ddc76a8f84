//! A remote in a directory, and machines that share it.

use std::path::PathBuf;

use super::contract::exit;
use super::sandbox::Sandbox;
use super::tree_state::TreeState;

/// What a store holds, but for locks and what is made anew.
pub fn picture(sandbox: &Sandbox) -> TreeState {
    let is_locked = |path: &[u8]| path.ends_with(b"lock") || path.starts_with(b"cache") || path.starts_with(b"index.db-");
    TreeState::capture(&sandbox.store()).without(is_locked)
}

/// The variables that lead to an S3 server.
pub fn s3_variables(endpoint: &str) -> [(&'static str, String); 5] {
    [
        ("AWS_ENDPOINT", endpoint.to_owned()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ]
}

/// A place that machines share.
pub struct Far(tempfile::TempDir);

impl Far {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("remote")
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    /// A machine with this remote and no version.
    pub fn machine(&self) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.lua(&["init"]).expect(exit::OK);
        sandbox.lua(&["remote", "add", &self.url()]).expect(exit::OK);
        sandbox
    }

    /// A new machine with all that is there.
    pub fn clone(&self) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.lua(&["init", "--restore-sources", "--remote", &self.url()]).expect(exit::OK);
        sandbox
    }

    pub fn objects(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = walkdir::WalkDir::new(self.path())
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.into_path())
            .collect();
        found.sort();
        found
    }
}
