//! The patch of one change, with the headers of git.

use super::change::{FileChange, PlaceRef};
use super::compare::{Comparison, compare};
use super::{CONTEXT_LINES_DEFAULT, Contents, TextPair, note, quote};
use crate::path::RelPath;
use crate::tree::OwnedNode;

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchOptions {
    /// Unchanged lines around each change.
    pub context_lines: u32,
}

impl Default for PatchOptions {
    fn default() -> Self {
        Self { context_lines: CONTEXT_LINES_DEFAULT }
    }
}

/// Appends the patch of one change. The patches of all changes one after the other, in the order of
/// [`file_changes`](super::file_changes), are a patch that `git apply` takes (with `--unidiff-zero` when there are no
/// context lines). There are no `index` lines, since they would hold git's own ids. Directories give nothing.
///
/// # Notes
///
/// What git's patches cannot say stands as one line for people before or between the patches:
///
/// ```text
/// Binary file logo.png changed (12 kB → 13 kB)
/// File dump.sql added (40 MB; too large to compare line by line)
/// Binary file a.bin renamed to b.bin and changed, 87% similar (12 kB → 13 kB)
/// Binary file current became a symbolic link (12 kB)
/// Mode of notes.txt changed (0644 → 0600)
/// ```
///
/// # Limits
///
/// `git apply` leaves out what is in a note. So it refuses a patch in which a *binary* file gives way to a directory with
/// text files, or the other way round: the place of the new file is still taken. It also refuses paths in `.git`.
pub fn render<C: Contents>(change: &FileChange, contents: &C, options: &PatchOptions, out: &mut Vec<u8>) -> Result<(), C::Error> {
    if change.is_of_directory() {
        return Ok(());
    }
    match change {
        FileChange::Retyped { .. } => render_retyped(change, contents, options, out),
        FileChange::Renamed { similarity_percent, .. } => render_one(change, Some(*similarity_percent), contents, options, out),
        _ => render_one(change, None, contents, options, out),
    }
}

/// Renders a change that one patch can say.
fn render_one<C: Contents>(
    change: &FileChange,
    similarity_percent: Option<u8>,
    contents: &C,
    options: &PatchOptions,
    out: &mut Vec<u8>,
) -> Result<(), C::Error> {
    let (old, new) = (change.before(), change.after());
    let text = match compare(contents, old, new)? {
        Comparison::Equal => None,
        Comparison::Lines(text) => Some(text),
        Comparison::Sizes { why, old_bytes, new_bytes } => {
            note::put_sizes(out, change, why, old_bytes, new_bytes);
            put_mode_note(out, change, false);
            return Ok(());
        }
    };
    put_mode_note(out, change, true);
    put_patch(out, &Patch { old, new, similarity_percent, text }, options);
    Ok(())
}

/// Renders a file that became a link, or the other way round, as git does: one goes, then the other comes. When one of the
/// two cannot be said in a patch, neither is.
fn render_retyped<C: Contents>(change: &FileChange, contents: &C, options: &PatchOptions, out: &mut Vec<u8>) -> Result<(), C::Error> {
    let (old, new) = (change.before(), change.after());
    let (going, coming) = (compare(contents, old, None)?, compare(contents, None, new)?);
    for comparison in [&going, &coming] {
        if let Comparison::Sizes { why, old_bytes, new_bytes } = comparison {
            note::put_sizes(out, change, *why, *old_bytes, *new_bytes);
            return Ok(());
        }
    }
    put_patch(out, &Patch { old, new: None, similarity_percent: None, text: lines_of(going) }, options);
    put_patch(out, &Patch { old: None, new, similarity_percent: None, text: lines_of(coming) }, options);
    Ok(())
}

fn lines_of(comparison: Comparison<'_>) -> Option<TextPair<'_>> {
    match comparison {
        Comparison::Lines(text) => Some(text),
        Comparison::Equal | Comparison::Sizes { .. } => None,
    }
}

/// Notes a change of permission bits unless a patch says it, which it does when only execute bits differ and the owner's
/// is one of them.
fn put_mode_note(out: &mut Vec<u8>, change: &FileChange, has_patch: bool) {
    let (Some((_, old)), Some((_, new))) = (change.before(), change.after()) else { return };
    let (OwnedNode::File { mode: old_mode, .. }, OwnedNode::File { mode: new_mode, .. }) = (old, new) else { return };
    let is_said = has_patch && git_mode(old) != git_mode(new) && (old_mode ^ new_mode) & !0o111 == 0;
    if old_mode != new_mode && !is_said {
        note::put_modes(out, change, *old_mode, *new_mode);
    }
}

/// One `diff --git` section.
struct Patch<'a> {
    old: Option<PlaceRef<'a>>,
    new: Option<PlaceRef<'a>>,
    similarity_percent: Option<u8>,
    text: Option<TextPair<'a>>,
}

fn put_patch(out: &mut Vec<u8>, patch: &Patch<'_>, options: &PatchOptions) {
    let mut headers = Vec::new();
    put_mode_headers(&mut headers, patch);
    put_rename_headers(&mut headers, patch);
    if headers.is_empty() && patch.text.is_none() {
        // Only permission bits that git does not know differ. A section without anything in it would be refused.
        return;
    }
    let Some((old_path, new_path)) = paths_of(patch) else { return };
    put_line(out, &[b"diff --git ", &quote("a/", old_path), b" ", &quote("b/", new_path)]);
    out.extend_from_slice(&headers);
    if let Some(text) = &patch.text {
        put_file_line(out, b"--- ", patch.old.map(|(path, _)| quote("a/", path)));
        put_file_line(out, b"+++ ", patch.new.map(|(path, _)| quote("b/", path)));
        text.write_hunks(options.context_lines, out);
    }
}

/// The two paths of a section's first line: where there is only one side, its path twice.
fn paths_of<'a>(patch: &Patch<'a>) -> Option<(&'a RelPath, &'a RelPath)> {
    let (old, new) = (patch.old.map(|(path, _)| path), patch.new.map(|(path, _)| path));
    Some((old.or(new)?, new.or(old)?))
}

fn put_mode_headers(out: &mut Vec<u8>, patch: &Patch<'_>) {
    match (patch.old.map(|(_, node)| node), patch.new.map(|(_, node)| node)) {
        (None, Some(new)) => put_line(out, &[b"new file mode ", git_mode(new)]),
        (Some(old), None) => put_line(out, &[b"deleted file mode ", git_mode(old)]),
        (Some(old), Some(new)) => {
            // git names the mode of a link in the `index` line, which we do not have. Without it a new target reads like a
            // new text of a file, and `git apply` does not see that a renamed link no longer stands where it was.
            let is_link = matches!((old, new), (OwnedNode::Symlink { .. }, OwnedNode::Symlink { .. }));
            if is_link || git_mode(old) != git_mode(new) {
                put_line(out, &[b"old mode ", git_mode(old)]);
                put_line(out, &[b"new mode ", git_mode(new)]);
            }
        }
        (None, None) => {}
    }
}

fn put_rename_headers(out: &mut Vec<u8>, patch: &Patch<'_>) {
    let (Some(percent), Some((old_path, _)), Some((new_path, _))) = (patch.similarity_percent, patch.old, patch.new) else { return };
    put_line(out, &[b"similarity index ", format!("{percent}%").as_bytes()]);
    put_line(out, &[b"rename from ", &quote("", old_path)]);
    put_line(out, &[b"rename to ", &quote("", new_path)]);
}

/// A name with a space is closed by a tab, as git does, so that no tool takes what follows the space for a time stamp.
fn put_file_line(out: &mut Vec<u8>, sign: &[u8], name: Option<Vec<u8>>) {
    match name {
        None => put_line(out, &[sign, b"/dev/null"]),
        Some(name) if name.contains(&b' ') => put_line(out, &[sign, &name, b"\t"]),
        Some(name) => put_line(out, &[sign, &name]),
    }
}

/// The mode that git has for this: executable when its owner may execute it.
fn git_mode(node: &OwnedNode) -> &'static [u8] {
    match node {
        OwnedNode::Symlink { .. } => b"120000",
        OwnedNode::File { mode, .. } if mode & 0o100 != 0 => b"100755",
        OwnedNode::File { .. } => b"100644",
        OwnedNode::Directory { .. } => b"040000",
    }
}

fn put_line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.push(b'\n');
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
