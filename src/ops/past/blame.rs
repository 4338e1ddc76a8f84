//! Which version last changed each line of a file.

use std::ops::Range;

use super::super::diff::SideContents;
use super::super::select::PathSelection;
use super::super::{Host, OpsError, OpsResult, Workspace};
use super::follow::{Follow, Step};
use super::{VersionPath, kind_name, node_at, readable_versions};
use crate::patch::{Contents, FileChange, NotText, RenameDetection, Side, TextPair, lines};
use crate::path::RelPath;
use crate::tree::OwnedNode;
use crate::version_log::VersionRow;

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlameLine {
    /// The version that last changed it, as its place in [`BlameOutcome::versions`].
    pub version: usize,
    /// The name that the file had in that version.
    pub path: RelPath,
    /// Its bytes, with the newline if it has one.
    pub text: Vec<u8>,
}

/// A file, line by line.
#[derive(Clone, Debug)]
pub struct BlameOutcome {
    /// The lines.
    pub lines: Vec<BlameLine>,
    /// The versions that changed any of them, the newest first.
    pub versions: Vec<VersionRow>,
}

/// Says of each line of a file in a version which version last changed it. Follows the file through its renames. Deleted
/// versions are passed over: what they changed counts as changed by the next one. Before a content that was purged nothing is known:
/// all that is left counts as changed by the version after it. Changes nothing.
///
/// # Errors
/// [`OpsError::NotText`] for a binary file, or one of more than [`DIFF_FILE_BYTES_MAX`](crate::limits::DIFF_FILE_BYTES_MAX) bytes.
pub fn blame(workspace: &Workspace, place: &VersionPath, host: &dyn Host) -> OpsResult<BlameOutcome> {
    let start = workspace.usable_version(place.version)?;
    let node = node_at(&workspace.store, &start, &place.path)?;
    if !matches!(node, OwnedNode::File { .. }) {
        return Err(OpsError::OtherKind { number: place.version, path: place.path.clone(), is: kind_name(&node) });
    }
    let mut rows = readable_versions(workspace)?;
    rows.retain(|row| row.record.number <= place.version);
    let selection = PathSelection::of_path(place.path.clone());
    let mut follow = Follow::new(workspace, &rows, selection, true, RenameDetection::Similar)?;
    if follow.contents().purged().has_node(&node) {
        return Err(OpsError::purged(&start, &place.path));
    }
    let refused = |why| OpsError::NotText { path: place.path.clone(), why };
    let content = text(follow.contents(), Side::New, &place.path, &node)?.map_err(refused)?;
    let mut search = Search::new(&content, place.path.clone());
    while !search.is_done()
        && let Some(step) = follow.next(host)?
    {
        search.go_back(step, follow.contents())?;
    }
    Ok(search.finish(&content))
}

/// The content of a file, if it is text.
fn text(contents: &SideContents<'_>, side: Side, path: &RelPath, node: &OwnedNode) -> OpsResult<Result<Vec<u8>, NotText>> {
    match node {
        OwnedNode::File { bytes, .. } if *bytes > crate::limits::DIFF_FILE_BYTES_MAX => Ok(Err(NotText::TooLarge)),
        OwnedNode::File { .. } if contents.is_gone(side, node) => Ok(Err(NotText::Purged)),
        OwnedNode::File { .. } => {
            let content = contents.read(side, path, node)?;
            Ok(TextPair::new(&content[..], &b""[..]).map(drop).map(|()| content))
        }
        _ => Ok(Err(NotText::Binary)),
    }
}

/// The search for who changed what, on its way back.
struct Search {
    /// For each line of the file, who changed it, once that is known: the place of the version, and the name of the file.
    found: Vec<Option<(usize, RelPath)>>,
    versions: Vec<VersionRow>,
    /// The file as it is where the search is: its name, its content, and for each line of it the line of the file it became.
    path: RelPath,
    content: Vec<u8>,
    became: Vec<Option<usize>>,
}

impl Search {
    fn new(content: &[u8], path: RelPath) -> Self {
        let count = lines(content).count();
        Self { found: vec![None; count], versions: Vec::new(), path, content: content.to_vec(), became: (0..count).map(Some).collect() }
    }

    fn is_done(&self) -> bool {
        self.became.iter().all(Option::is_none)
    }

    /// Takes in what one version changed.
    fn go_back(&mut self, step: Step<'_>, contents: &SideContents<'_>) -> OpsResult<()> {
        let is_ours = |change: &&FileChange| change.after().is_some_and(|(path, _)| *path == self.path);
        let Some(change) = step.changes.iter().find(is_ours) else { return Ok(()) };
        let older = match change.before() {
            Some((path, node)) => text(contents, Side::Old, path, node)?.ok().map(|content| (path.clone(), content)),
            None => None,
        };
        let place = self.versions.len();
        self.versions.push(step.row.clone());
        let hunks = older.as_ref().and_then(|(_, content)| Some(TextPair::new(&content[..], &self.content[..]).ok()?.hunks()));
        let (Some((path, content)), Some(hunks)) = (older, hunks) else {
            // All of it is new, or was no text before.
            (0..self.became.len() as u32).for_each(|line| self.settle(line, place));
            self.became.clear();
            return Ok(());
        };
        let became = self.settle_changed(hunks, place);
        (self.became, self.path, self.content) = (became, path, content);
        Ok(())
    }

    /// Settles the lines that differ, and says what the lines of the older content became.
    fn settle_changed(&mut self, hunks: Vec<(Range<u32>, Range<u32>)>, place: usize) -> Vec<Option<usize>> {
        let mut became = Vec::with_capacity(self.became.len());
        let mut next = 0;
        for (old, new) in hunks {
            became.extend_from_slice(&self.became[next..new.start as usize]);
            became.extend(old.map(|_| None));
            next = new.end as usize;
            new.for_each(|line| self.settle(line, place));
        }
        became.extend_from_slice(&self.became[next..]);
        became
    }

    fn settle(&mut self, line: u32, place: usize) {
        if let Some(line) = self.became[line as usize] {
            self.found[line] = Some((place, self.path.clone()));
        }
    }

    /// The lines with their versions; without those versions that changed none of them.
    fn finish(self, content: &[u8]) -> BlameOutcome {
        let Self { found, mut versions, path, .. } = self;
        let mut is_named = vec![false; versions.len()];
        found.iter().flatten().for_each(|(place, _)| is_named[*place] = true);
        let new_place = |place: usize| is_named[..place].iter().filter(|named| **named).count();
        // Every line stands in some version first, so every one is found.
        let lines = lines(content).zip(found).map(|(text, found)| {
            let (place, path) = found.unwrap_or((0, path.clone()));
            BlameLine { version: new_place(place), path, text: text.to_vec() }
        });
        let lines = lines.collect();
        let mut named = is_named.iter();
        versions.retain(|_| *named.next().unwrap_or(&false));
        BlameOutcome { lines, versions }
    }
}
