//! Looks whether purged contents are really gone: every frame of every segment is decoded and its objects are named, and every byte of
//! every file of the history is searched for pieces of the contents.
//!
//! A piece that stands within a frame whose objects were all named as others belongs to those: a later version of a file shares
//! lines with the one that was purged.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use aho_corasick::AhoCorasick;

use super::needles::Needles;
use super::plan::PurgePlan;
use crate::disk::DiskError;
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{PURGE_NEEDLE_BYTES, PURGE_PATHS_NAMED_MAX, PURGE_SEARCH_BYTES};
use crate::ops::files_below::files_below;
use crate::ops::{Host, OpsError, OpsResult, Phase, Workspace};
use crate::store::FrameHolds;

/// What was looked through, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PurgeProof {
    /// Objects that were decoded and named.
    pub objects: u64,
    /// Files that were searched.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Contents that are too short, or too much of the same, to be searched for in files. Their ids were looked for.
    pub unsearchable: u64,
    /// Pieces of them that stand in other contents, which keep them: lines that a later version shares, chunks of a large file.
    pub in_others: u64,
    /// Where something of them was found, or what could not be looked at; at most the first of such places.
    pub found: Vec<String>,
}

impl PurgeProof {
    /// Whether nothing of them is left.
    pub fn is_absent(&self) -> bool {
        self.found.is_empty()
    }
}

/// Looks for the contents of a plan.
pub fn prove(workspace: &Workspace, plan: &PurgePlan, needles: &Needles, host: &dyn Host) -> OpsResult<PurgeProof> {
    let mut proof = PurgeProof { unsearchable: needles.unsearchable, ..PurgeProof::default() };
    let mut hits = Vec::new();
    let mut folders = vec![workspace.local.path().to_path_buf()];
    if workspace.store_dir.path() != workspace.local.path() {
        folders.push(workspace.store_dir.path().to_path_buf());
    }
    for folder in folders {
        search_folder(&folder, needles, &mut proof, &mut hits, host)?;
    }
    look_into_frames(workspace, plan, &mut proof, &mut hits, host)?;
    proof.found.extend(hits.iter().map(|hit| format!("{} at {}", hit.file.display(), hit.offset)));
    proof.found.truncate(PURGE_PATHS_NAMED_MAX);
    Ok(proof)
}

/// A place in a file where a piece stands.
struct Hit {
    file: PathBuf,
    offset: u64,
}

/// Names the objects of all frames. Hits within those that hold none of the contents are no hits.
fn look_into_frames(
    workspace: &Workspace,
    plan: &PurgePlan,
    proof: &mut PurgeProof,
    hits: &mut Vec<Hit>,
    host: &dyn Host,
) -> OpsResult<()> {
    let ids: HashSet<&ObjectId> = plan.contents.iter().map(|content| &content.id).collect();
    let objects_folder = workspace.store_dir.path().join("objects");
    let mut decoded_bytes = 0;
    let looked = workspace.store.each_frame(&mut |segment, range, holds| {
        match holds {
            FrameHolds::Objects(kind, found) => {
                proof.objects += found.len() as u64;
                let purged = found.iter().filter(|id| *kind == ObjectKind::Blob && ids.contains(id));
                let purged: Vec<String> =
                    purged.map(|id| format!("content {} in segment {segment} at {}", id.short(), range.start)).collect();
                if purged.is_empty() {
                    let file = objects_folder.join(segment_name(segment));
                    let before = hits.len();
                    hits.retain(|hit| hit.file != file || !range.contains(&hit.offset));
                    proof.in_others += (before - hits.len()) as u64;
                }
                proof.found.extend(purged);
            }
            FrameHolds::Record => {}
            FrameHolds::Damaged(why) => proof.found.push(format!("segment {segment} cannot be looked into at {}: {why}", range.start)),
        }
        decoded_bytes += range.end - range.start;
        host.progress(Phase::Verifying, decoded_bytes, None);
        !host.cancel_flag().load(Ordering::Relaxed)
    });
    match looked {
        Err(_) if host.cancel_flag().load(Ordering::Relaxed) => Err(OpsError::Cancelled),
        other => Ok(other?),
    }
}

fn segment_name(number: u32) -> String {
    format!("{number:06}.seg")
}

/// Searches all files in and below a folder; links are not followed.
fn search_folder(folder: &Path, needles: &Needles, proof: &mut PurgeProof, hits: &mut Vec<Hit>, host: &dyn Host) -> OpsResult<()> {
    files_below(folder, &mut |entry, kind| match kind.is_file() {
        true => search_file(entry.path(), needles.search.as_ref(), proof, hits, host),
        false => Ok(()),
    })
}

fn search_file(path: PathBuf, search: Option<&AhoCorasick>, proof: &mut PurgeProof, hits: &mut Vec<Hit>, host: &dyn Host) -> OpsResult<()> {
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DiskError::new("read", &path, error).into()),
    };
    proof.files += 1;
    let mut buffer = vec![0; PURGE_SEARCH_BYTES];
    // A piece may stand across two readings, so the end of each is looked at again.
    let (mut kept, mut offset) = (0, 0);
    loop {
        if host.cancel_flag().load(Ordering::Relaxed) {
            return Err(OpsError::Cancelled);
        }
        let count = file.read(&mut buffer[kept..]).map_err(|error| DiskError::new("read", &path, error))?;
        if count == 0 {
            return Ok(());
        }
        proof.bytes += count as u64;
        host.progress(Phase::Verifying, proof.bytes, None);
        let bytes = &buffer[..kept + count];
        let found = search.iter().flat_map(|search| search.find_iter(bytes));
        hits.extend(found.map(|found| Hit { file: path.clone(), offset: offset + found.start() as u64 }));
        let rest = bytes.len().min(PURGE_NEEDLE_BYTES - 1);
        offset += (bytes.len() - rest) as u64;
        let end = bytes.len();
        buffer.copy_within(end - rest..end, 0);
        kept = rest;
    }
}
