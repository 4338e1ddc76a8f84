//! Paths that differ, in JSON.

use lua_store::patch::FileChange;
use lua_store::tree::Change;
use serde::Serialize;

use super::path::JsonPath;

/// A path that differs.
#[derive(Debug, Serialize)]
pub struct JsonChange {
    #[serde(flatten)]
    path: JsonPath,
    /// `added`, `modified`, `removed`, `renamed` or `retyped`.
    status: &'static str,
    /// Where it was before it was renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<JsonPath>,
}

impl From<&FileChange> for JsonChange {
    fn from(change: &FileChange) -> Self {
        let (status, from) = match change {
            FileChange::Added(_) => ("added", None),
            FileChange::Removed(_) => ("removed", None),
            FileChange::Modified { .. } => ("modified", None),
            FileChange::Renamed { from, .. } => ("renamed", Some(JsonPath::from(&from.path))),
            FileChange::Retyped { .. } => ("retyped", None),
        };
        Self { path: change.path().into(), status, from }
    }
}

impl From<&Change> for JsonChange {
    fn from(change: &Change) -> Self {
        let status = match (&change.from, &change.to) {
            (None, _) => "added",
            (Some(_), None) => "removed",
            (Some(_), Some(_)) => "modified",
        };
        Self { path: (&change.path).into(), status, from: None }
    }
}
