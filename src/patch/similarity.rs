//! How much of their content files share, for many files at once.
//!
//! A content is cut into lines, a long line into pieces, and each of these spans is known by a hash; how often it stands
//! there is counted in bytes. Two contents share, of each span, the smaller of their two counts. Order plays no part.
//! This is git's measure (its `diffcore-delta.c`); instead of comparing every pair of lists, the spans of all removed
//! files are kept in one sorted list in which each added file looks up its own, so pairs without a common line cost nothing.

use std::collections::HashMap;

use super::SPAN_BYTES_MAX;

/// How many bytes of a content (of at most `DIFF_FILE_BYTES_MAX`) the spans with one hash make up. A wrong match of two
/// hashes makes a file look a little more similar than it is, no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    hash: u32,
    bytes: u32,
}

/// The spans of a content, each hash once.
pub(super) fn spans(content: &[u8]) -> Vec<Span> {
    let mut bytes_of: HashMap<u32, u32> = HashMap::new();
    for span in content.split_inclusive(|&byte| byte == b'\n').flat_map(|line| line.chunks(SPAN_BYTES_MAX)) {
        *bytes_of.entry(hash(span)).or_default() += span.len() as u32;
    }
    bytes_of.into_iter().map(|(hash, bytes)| Span { hash, bytes }).collect()
}

/// FNV-1a (Fowler, Noll, Vo), 32 bits. A carriage return at the end of a line does not count, so that a file stays similar
/// when its line ends change.
fn hash(span: &[u8]) -> u32 {
    let (text, line_end): (&[u8], &[u8]) = match span {
        [text @ .., b'\r', b'\n'] => (text, b"\n"),
        _ => (span, b""),
    };
    text.iter().chain(line_end).fold(0x811c_9dc5, |hash: u32, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The spans of many files.
pub(super) struct SpanIndex {
    /// Sorted by hash.
    postings: Vec<Posting>,
    /// Where the postings begin whose hashes begin with these 16 bits, and one end more. A search in all postings would
    /// wait for memory at each of its steps.
    starts: Vec<usize>,
}

struct Posting {
    hash: u32,
    bytes: u32,
    file: u32,
}

impl SpanIndex {
    /// An index of files, given one after the other by their spans; they are numbered in this order.
    pub(super) fn build<E>(files: impl Iterator<Item = Result<Vec<Span>, E>>) -> Result<Self, E> {
        let mut postings = Vec::new();
        for (file, spans) in files.enumerate() {
            postings.extend(spans?.into_iter().map(|Span { hash, bytes }| Posting { hash, bytes, file: file as u32 }));
        }
        postings.sort_unstable_by_key(|posting| posting.hash);
        let mut starts = vec![0; (1 << 16) + 1];
        postings.iter().for_each(|posting| starts[bucket(posting.hash) + 1] += 1);
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        Ok(Self { postings, starts })
    }

    /// How many bytes a content shares with each file of the index, into `shared_bytes`, which has a place for each.
    pub(super) fn share(&self, spans: &[Span], shared_bytes: &mut [u64]) {
        shared_bytes.fill(0);
        for span in spans {
            for posting in self.postings_of(span.hash) {
                shared_bytes[posting.file as usize] += u64::from(posting.bytes.min(span.bytes));
            }
        }
    }

    fn postings_of(&self, hash: u32) -> impl Iterator<Item = &Posting> {
        let near = &self.postings[self.starts[bucket(hash)]..self.starts[bucket(hash) + 1]];
        let first = near.partition_point(|posting| posting.hash < hash);
        near[first..].iter().take_while(move |posting| posting.hash == hash)
    }
}

/// The first 16 bits of a hash.
fn bucket(hash: u32) -> usize {
    (hash >> 16) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(old: &[u8], new: &[u8]) -> u64 {
        let index = SpanIndex::build([Ok::<_, ()>(spans(b"other\n")), Ok(spans(old))].into_iter()).unwrap();
        let mut bytes = [9, 9];
        index.share(&spans(new), &mut bytes);
        bytes[1]
    }

    #[test]
    fn shared_lines_count_by_their_bytes() {
        assert_eq!(shared(b"one\ntwo\nthree\n", b"three\none\nx\n"), 10);
        assert_eq!(shared(b"a\na\na\n", b"a\na\n"), 4);
        assert_eq!(shared(b"", b"a\n"), 0);
        assert_eq!(shared(b"a\r\nb\r\n", b"a\nb\n"), 4);
    }

    #[test]
    fn long_lines_are_compared_in_pieces() {
        let old = [&[b'x'; SPAN_BYTES_MAX][..], &[b'y'; SPAN_BYTES_MAX]].concat();
        let new = [&[b'z'; SPAN_BYTES_MAX][..], &[b'y'; SPAN_BYTES_MAX]].concat();
        assert_eq!(shared(&old, &new), SPAN_BYTES_MAX as u64);
    }
}
