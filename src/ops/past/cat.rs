//! The content of one path of a version, as it was recorded.

use std::io;

use super::super::{OpsError, OpsResult, Purged, Workspace};
use super::{kind_name, node_at};
use crate::format::record::VersionNumber;
use crate::id::ObjectKind;
use crate::path::RelPath;
use crate::store::StoreError;
use crate::tree::OwnedNode;

/// A path in a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionPath {
    /// The version.
    pub version: VersionNumber,
    /// The path.
    pub path: RelPath,
}

/// Hands the content of a file, or the target of a link, to `sink` in pieces. Only when this succeeds were they the content.
/// An error of the sink comes back as [`StoreError::Sink`], a content that was purged as [`OpsError::Purged`].
pub fn cat(workspace: &Workspace, place: &VersionPath, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> OpsResult<()> {
    let row = workspace.usable_version(place.version)?;
    match node_at(&workspace.store, &row, &place.path)? {
        OwnedNode::File { id, .. } if Purged::of(workspace)?.has(&id) => Err(OpsError::purged(&row, &place.path)),
        OwnedNode::File { id, .. } => Ok(workspace.store.reader().stream(ObjectKind::Blob, &id, sink)?),
        OwnedNode::Symlink { target } => sink(&target).map_err(|error| StoreError::Sink(error).into()),
        node @ OwnedNode::Directory { .. } => {
            Err(OpsError::OtherKind { number: place.version, path: place.path.clone(), is: kind_name(&node) })
        }
    }
}
