//! The answer of `diff` in JSON.

use lua_store::format::record::VersionNumber;
use lua_store::ops::{DiffForm, DiffOutcome, DiffSide};
use lua_store::patch::{Extent, LineCounts};
use serde::Serialize;

use super::Answer;
use super::change::JsonChange;
use super::path::{JsonPath, all, hexadecimal_unless_text, lossy};

/// What differs between two sides.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// The older side; `null` when it is the newest version because none was named.
    from: Option<u64>,
    /// The newer side; `null` for the workspace.
    to: Option<u64>,
    #[serde(flatten)]
    differences: Differences,
}

/// Which files differ, and the patch if one is wanted.
#[derive(Debug, Serialize)]
pub struct Differences {
    files: Vec<DiffFile>,
    #[serde(flatten)]
    patch: Option<Patch>,
    /// Paths whose contents were purged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purged: Vec<JsonPath>,
}

impl Differences {
    /// Those of an outcome in this form.
    pub fn new(outcome: &DiffOutcome, form: DiffForm) -> Self {
        let mut extents = outcome.extents.iter().map(JsonExtent::from);
        let files = outcome.files.iter().map(|change| DiffFile { change: change.into(), extent: extents.next() }).collect();
        let patch = || Patch { patch: lossy(&outcome.patch), patch_bytes: hexadecimal_unless_text(&outcome.patch) };
        Self { files, patch: (form == DiffForm::Patch).then(patch), purged: all(&outcome.purged) }
    }
}

#[derive(Debug, Serialize)]
struct DiffFile {
    #[serde(flatten)]
    change: JsonChange,
    #[serde(flatten)]
    extent: Option<JsonExtent>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum JsonExtent {
    Lines { insertions: u64, deletions: u64 },
    Sizes { old_bytes: u64, new_bytes: u64 },
}

impl From<&Extent> for JsonExtent {
    fn from(extent: &Extent) -> Self {
        match *extent {
            Extent::Lines(LineCounts { insertions, deletions }) => Self::Lines { insertions, deletions },
            Extent::Sizes { old_bytes, new_bytes, .. } => Self::Sizes { old_bytes, new_bytes },
        }
    }
}

/// A patch, and its bytes where it is no UTF-8.
#[derive(Debug, Serialize)]
struct Patch {
    patch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_bytes: Option<String>,
}

/// The answer of `diff`.
pub fn diff(outcome: &DiffOutcome, from: Option<VersionNumber>, to: DiffSide, form: DiffForm) -> Answer<Diff> {
    let to = match to {
        DiffSide::Version(version) => Some(version.0),
        DiffSide::Workspace => None,
    };
    Answer::new(Diff { from: from.map(|from| from.0), to, differences: Differences::new(outcome, form) })
}

#[cfg(test)]
mod tests {
    use lua_store::id::ObjectId;
    use lua_store::patch::{FileChange, Place};
    use lua_store::path::RelPath;
    use lua_store::tree::OwnedNode;

    use super::super::text;
    use super::*;

    #[test]
    fn files_carry_their_numbers() {
        let place = |path: &str| Place {
            path: RelPath::new(path.as_bytes()).unwrap(),
            node: OwnedNode::File { mode: 0o644, bytes: 1, id: ObjectId::ZERO },
        };
        let files = vec![FileChange::Renamed { from: place("a"), to: place("b"), similarity_percent: 90 }];
        let extents = vec![Extent::Lines(LineCounts { insertions: 1, deletions: 2 })];
        let outcome = DiffOutcome { files, extents, patch: b"x\n".to_vec(), ..DiffOutcome::default() };
        let shown = |form| text(&diff(&outcome, Some(VersionNumber(3)), DiffSide::Workspace, form));
        let file = r#"{"path":"b","status":"renamed","from":{"path":"a"},"insertions":1,"deletions":2}"#;
        assert_eq!(shown(DiffForm::Stat), format!(r#"{{"format":1,"from":3,"to":null,"files":[{file}]}}"#));
        assert_eq!(shown(DiffForm::Patch), format!(r#"{{"format":1,"from":3,"to":null,"files":[{file}],"patch":"x\n"}}"#));
    }
}
