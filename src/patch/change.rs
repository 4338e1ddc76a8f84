//! One change as people see it.

use crate::path::RelPath;
use crate::tree::OwnedNode;

/// Something at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it is.
    pub path: RelPath,
    /// What it is.
    pub node: OwnedNode,
}

/// One change between two trees. A file that gives way to a directory, or the other way round, is two changes, since
/// what is below the directory is listed anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// Something new: a file, a link, or a directory that holds nothing else that is new.
    Added(Place),
    /// Something gone: a file, a link, or a directory that held nothing else that is gone.
    Removed(Place),
    /// Another content, target or mode.
    Modified {
        /// Where.
        path: RelPath,
        /// What it was.
        from: OwnedNode,
        /// What it is: of the same kind.
        to: OwnedNode,
    },
    /// The same file or link under another name, perhaps with another content or mode.
    Renamed {
        /// Where and what it was.
        from: Place,
        /// Where and what it is: of the same kind.
        to: Place,
        /// How much of the content is shared; 100 only when all of it is.
        similarity_percent: u8,
    },
    /// A file that became a symbolic link, or the other way round.
    Retyped {
        /// Where.
        path: RelPath,
        /// What it was.
        from: OwnedNode,
        /// What it is.
        to: OwnedNode,
    },
}

/// A path and what stands there, borrowed from a change.
pub(super) type PlaceRef<'a> = (&'a RelPath, &'a OwnedNode);

impl FileChange {
    /// The path that a list shows: where it is now, or where it was when it is gone.
    pub fn path(&self) -> &RelPath {
        match self {
            Self::Added(place) | Self::Removed(place) | Self::Renamed { to: place, .. } => &place.path,
            Self::Modified { path, .. } | Self::Retyped { path, .. } => path,
        }
    }

    /// Where and what it was; `None` when it is new.
    pub fn before(&self) -> Option<(&RelPath, &OwnedNode)> {
        match self {
            Self::Added(_) => None,
            Self::Removed(place) | Self::Renamed { from: place, .. } => Some((&place.path, &place.node)),
            Self::Modified { path, from, .. } | Self::Retyped { path, from, .. } => Some((path, from)),
        }
    }

    /// Where and what it is; `None` when it is gone.
    pub fn after(&self) -> Option<(&RelPath, &OwnedNode)> {
        match self {
            Self::Removed(_) => None,
            Self::Added(place) | Self::Renamed { to: place, .. } => Some((&place.path, &place.node)),
            Self::Modified { path, to, .. } | Self::Retyped { path, to, .. } => Some((path, to)),
        }
    }

    /// Whether this is about a directory itself.
    pub fn is_of_directory(&self) -> bool {
        self.before().or(self.after()).is_some_and(|(_, node)| node.is_directory())
    }

    /// The letter git uses in `--name-status`: `A`, `D`, `M`, `R` or `T`.
    pub fn letter(&self) -> char {
        match self {
            Self::Added(_) => 'A',
            Self::Removed(_) => 'D',
            Self::Modified { .. } => 'M',
            Self::Renamed { .. } => 'R',
            Self::Retyped { .. } => 'T',
        }
    }
}
