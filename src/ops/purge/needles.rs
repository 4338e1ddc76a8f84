//! What to look for in files to be sure that contents are gone: pieces of them that hardly stand anywhere by chance.

use std::collections::HashSet;

use aho_corasick::AhoCorasick;

use super::PurgePlan;
use crate::id::ObjectKind;
use crate::limits::{PURGE_NEEDLE_BYTES, PURGE_NEEDLE_BYTES_MIN, PURGE_NEEDLE_DISTINCT_MIN, PURGE_NEEDLES_EACH, PURGE_NEEDLES_MAX};
use crate::ops::{OpsError, OpsResult, Workspace};

/// Pieces of contents.
pub struct Needles {
    /// Finds any of them; `None` when there are none.
    pub search: Option<AhoCorasick>,
    /// Contents of which none can be looked for: too short, or too much of the same.
    pub unsearchable: u64,
}

impl Needles {
    /// Reads the contents of a plan, and takes pieces of each.
    pub fn of(workspace: &Workspace, plan: &PurgePlan) -> OpsResult<Self> {
        let mut pieces: HashSet<Vec<u8>> = HashSet::new();
        let each = (PURGE_NEEDLES_MAX / plan.contents.len().max(1)).clamp(1, PURGE_NEEDLES_EACH);
        let mut unsearchable = 0;
        let mut reader = workspace.store.reader();
        for content in &plan.contents {
            let mut taken = Pieces::new(content.bytes, each);
            // Of what was never here there is nothing to look for.
            if workspace.store.seems_to_contain(&content.id)? {
                reader.stream(ObjectKind::Blob, &content.id, &mut |bytes| {
                    taken.take(bytes);
                    Ok(())
                })?;
            }
            let found = taken.finish();
            unsearchable += u64::from(found.is_empty());
            if pieces.len() < PURGE_NEEDLES_MAX {
                pieces.extend(found);
            }
        }
        let search = match pieces.is_empty() {
            true => None,
            false => Some(AhoCorasick::new(&pieces).map_err(|error| OpsError::Output(std::io::Error::other(error)))?),
        };
        Ok(Self { search, unsearchable })
    }
}

/// Takes pieces of one content that are spread over it, while it is read.
struct Pieces {
    /// How far the pieces begin from each other.
    step: u64,
    read_bytes: u64,
    /// Where the next piece may begin.
    next: u64,
    /// What was read last, as far as it may still become a piece.
    rest: Vec<u8>,
    pieces: Vec<Vec<u8>>,
}

impl Pieces {
    fn new(bytes: u64, count: usize) -> Self {
        Self { step: (bytes / count as u64).max(PURGE_NEEDLE_BYTES as u64), read_bytes: 0, next: 0, rest: Vec::new(), pieces: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        self.read_bytes += bytes.len() as u64;
        self.cut(PURGE_NEEDLE_BYTES);
    }

    fn finish(mut self) -> Vec<Vec<u8>> {
        if self.pieces.is_empty() && self.read_bytes <= PURGE_NEEDLE_BYTES as u64 {
            self.cut(PURGE_NEEDLE_BYTES_MIN);
        }
        self.pieces
    }

    /// Cuts pieces out of what is at hand, of so many bytes at least.
    fn cut(&mut self, bytes_min: usize) {
        let first = self.read_bytes - self.rest.len() as u64;
        let mut at = self.next.saturating_sub(first) as usize;
        while at + bytes_min <= self.rest.len() {
            let piece = &self.rest[at..self.rest.len().min(at + PURGE_NEEDLE_BYTES)];
            if piece.iter().collect::<HashSet<_>>().len() >= PURGE_NEEDLE_DISTINCT_MIN {
                self.pieces.push(piece.to_vec());
                self.next = first + at as u64 + self.step;
            } else {
                self.next = first + at as u64 + (PURGE_NEEDLE_BYTES / 2) as u64;
            }
            at = (self.next - first) as usize;
        }
        let done = at.min(self.rest.len());
        self.rest.drain(..done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(content: &[u8], count: usize, read_bytes: usize) -> Vec<Vec<u8>> {
        let mut pieces = Pieces::new(content.len() as u64, count);
        content.chunks(read_bytes).for_each(|bytes| pieces.take(bytes));
        pieces.finish()
    }

    #[test]
    fn pieces_are_spread_over_a_content_however_it_is_read() {
        let content: Vec<u8> = (0..10_000u32).flat_map(|number| number.to_string().into_bytes()).collect();
        let taken = pieces(&content, 4, content.len());
        assert_eq!(taken.len(), 4);
        assert_eq!(taken[0], content[..PURGE_NEEDLE_BYTES]);
        assert!(taken.iter().all(|piece| content.windows(piece.len()).any(|window| window == &piece[..])));
        assert_eq!(pieces(&content, 4, 7), taken);
    }

    #[test]
    fn what_may_stand_anywhere_is_not_looked_for() {
        assert_eq!(pieces(b"AKIAIOSFODNN7EXAMPLE", 8, 3), [b"AKIAIOSFODNN7EXAMPLE"]);
        assert!(pieces(b"short", 8, 3).is_empty());
        assert!(pieces(&[0; 5000], 8, 100).is_empty());
        let padded = [&[0; 5000][..], b"a secret that stands behind many zeros"].concat();
        assert!(!pieces(&padded, 8, 999).is_empty());
    }
}
