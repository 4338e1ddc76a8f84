//! Notes: what a patch of git cannot say, in one line for people.
//!
//! A note stands between two patches and never inside one, since `git apply` passes over lines there. It must not look
//! like anything git reads: names are quoted, so a note is one line; it begins with a word that begins no header; and it
//! ends with `)`, because a line `Binary files … differ` would make git refuse the whole patch.

use super::change::FileChange;
use super::size::{readable_size, readable_size_change};
use super::{NotText, quote};
use crate::tree::OwnedNode;

/// Appends the note for a change of contents that are not compared line by line.
pub(super) fn put_sizes(out: &mut Vec<u8>, change: &FileChange, why: NotText, old_bytes: u64, new_bytes: u64) {
    let (kind, reason) = match why {
        NotText::Binary => ("Binary file", String::new()),
        NotText::TooLarge | NotText::Purged => ("File", format!("; {why}")),
    };
    let name = quote("", change.path());
    let sizes = readable_size_change(old_bytes, new_bytes);
    match change {
        FileChange::Added(_) => put(out, &[kind, " "], &name, &[" added (", &readable_size(new_bytes), &reason, ")"]),
        FileChange::Removed(_) => put(out, &[kind, " "], &name, &[" removed (", &readable_size(old_bytes), &reason, ")"]),
        FileChange::Modified { .. } => put(out, &[kind, " "], &name, &[" changed (", &sizes, &reason, ")"]),
        FileChange::Renamed { from, similarity_percent, .. } => {
            let similar = format!(" and changed, {similarity_percent}% similar (");
            out.extend_from_slice(kind.as_bytes());
            out.push(b' ');
            out.extend_from_slice(&quote("", &from.path));
            put(out, &[" renamed to "], &name, &[&similar, &sizes, &reason, ")"]);
        }
        FileChange::Retyped { to: OwnedNode::Symlink { .. }, .. } => {
            put(out, &[kind, " "], &name, &[" became a symbolic link (", &readable_size(old_bytes), &reason, ")"]);
        }
        FileChange::Retyped { .. } => {
            let kind = if why == NotText::Binary { "binary file" } else { "file" };
            put(out, &["Symbolic link "], &name, &[" became a ", kind, " (", &readable_size(new_bytes), &reason, ")"]);
        }
    }
}

/// Appends the note for a change of permission bits.
pub(super) fn put_modes(out: &mut Vec<u8>, change: &FileChange, old_mode: u16, new_mode: u16) {
    put(out, &["Mode of "], &quote("", change.path()), &[&format!(" changed ({old_mode:04o} → {new_mode:04o})")]);
}

fn put(out: &mut Vec<u8>, before: &[&str], name: &[u8], after: &[&str]) {
    before.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
    out.extend_from_slice(name);
    after.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
    out.push(b'\n');
}
