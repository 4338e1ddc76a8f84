//! Two contents compared line by line.
//!
//! A line ends with its newline byte; a carriage return before it belongs to the line, so a change of line ends is a change
//! of every line. Lines are bytes of no encoding. The hunks are those of the histogram algorithm (Shawn Pearce's, from
//! JGit), moved where they can be read best, as git does with its indent heuristic.

use std::borrow::Cow;
use std::ops::Range;

use imara_diff::sources::byte_lines;
use imara_diff::{Algorithm, Diff, Hunk, InternedInput};

use super::{BINARY_TEST_BYTES, DIFF_FILE_LINES_MAX};
use crate::limits::DIFF_FILE_BYTES_MAX;

/// Why contents are not compared line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotText {
    /// A zero byte stands among the first [`BINARY_TEST_BYTES`] of one of them.
    #[error("a binary file")]
    Binary,
    /// One of them has more than [`DIFF_FILE_BYTES_MAX`] bytes or [`DIFF_FILE_LINES_MAX`] lines.
    #[error("too large to compare line by line")]
    TooLarge,
    /// The content of one of them was purged.
    #[error("purged")]
    Purged,
}

/// How many lines came and went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LineCounts {
    /// Lines that only the new content has.
    pub insertions: u64,
    /// Lines that only the old content has.
    pub deletions: u64,
}

/// Two contents that can be compared line by line.
///
/// Always true: neither is binary, and neither has more than [`DIFF_FILE_BYTES_MAX`] bytes or [`DIFF_FILE_LINES_MAX`] lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPair<'a> {
    old: Cow<'a, [u8]>,
    new: Cow<'a, [u8]>,
}

impl<'a> TextPair<'a> {
    /// Checks that the two can be compared. A file that is not there counts as empty.
    pub fn new(old: impl Into<Cow<'a, [u8]>>, new: impl Into<Cow<'a, [u8]>>) -> Result<Self, NotText> {
        let (old, new) = (old.into(), new.into());
        if old.len().max(new.len()) as u64 > DIFF_FILE_BYTES_MAX {
            return Err(NotText::TooLarge);
        }
        if is_binary(&old) || is_binary(&new) {
            return Err(NotText::Binary);
        }
        if byte_lines(&old).count().max(byte_lines(&new).count()) > DIFF_FILE_LINES_MAX {
            return Err(NotText::TooLarge);
        }
        Ok(Self { old, new })
    }

    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.old == self.new
    }

    /// How many lines the hunks of the [patch](Self::write_hunks) insert and delete.
    pub fn counts(&self) -> LineCounts {
        let diff = Diff::compute(Algorithm::Histogram, &self.lines());
        LineCounts { insertions: u64::from(diff.count_additions()), deletions: u64::from(diff.count_removals()) }
    }

    /// Appends the hunks of a unified patch, each with up to `context_lines` unchanged lines around it; nothing when
    /// nothing differs. The lines that name the files are the caller's.
    pub fn write_hunks(&self, context_lines: u32, out: &mut Vec<u8>) {
        let input = self.lines();
        let mut diff = Diff::compute(Algorithm::Histogram, &input);
        diff.postprocess_lines(&input);
        let mut group: Vec<Hunk> = Vec::new();
        for hunk in diff.hunks() {
            // Two changes are shown together when the unchanged lines around them touch.
            let is_apart = group.last().is_some_and(|last| hunk.before.start - last.before.end > context_lines.saturating_mul(2));
            if is_apart {
                write_group(&input, &group, context_lines, out);
                group.clear();
            }
            group.push(hunk);
        }
        write_group(&input, &group, context_lines, out);
    }

    /// Which lines of the old content gave way to which of the new one, in order, as ranges counted from 0.
    pub fn hunks(&self) -> Vec<(Range<u32>, Range<u32>)> {
        let input = self.lines();
        let mut diff = Diff::compute(Algorithm::Histogram, &input);
        diff.postprocess_lines(&input);
        diff.hunks().map(|hunk| (hunk.before, hunk.after)).collect()
    }

    fn lines(&self) -> InternedInput<&[u8]> {
        // The library's own constructor reserves memory by the length of the first 20 lines; a file that begins with
        // empty lines would reserve many times its size.
        let mut input = InternedInput::default();
        input.update_before(byte_lines(&self.old));
        input.update_after(byte_lines(&self.new));
        input
    }
}

/// The lines of a content, each with its newline if it has one.
pub fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    byte_lines(content)
}

/// Whether git, and so we, take this content for binary.
pub(crate) fn is_binary(content: &[u8]) -> bool {
    content[..content.len().min(BINARY_TEST_BYTES)].contains(&0)
}

/// Writes changes that are shown together, under one header.
fn write_group(input: &InternedInput<&[u8]>, group: &[Hunk], context_lines: u32, out: &mut Vec<u8>) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let lead = first.before.start.min(context_lines);
    let trail = (input.before.len() as u32 - last.before.end).min(context_lines);
    let old = first.before.start - lead..last.before.end + trail;
    let new = first.after.start - lead..last.after.end + trail;
    put_header(out, &old, &new);
    let mut unchanged_from = old.start;
    for hunk in group {
        put_lines(out, b' ', old_lines(input, unchanged_from..hunk.before.start));
        put_lines(out, b'-', old_lines(input, hunk.before.clone()));
        put_lines(out, b'+', new_lines(input, hunk.after.clone()));
        unchanged_from = hunk.before.end;
    }
    put_lines(out, b' ', old_lines(input, unchanged_from..old.end));
}

fn put_header(out: &mut Vec<u8>, old: &Range<u32>, new: &Range<u32>) {
    out.extend_from_slice(format!("@@ -{} +{} @@\n", header_range(old), header_range(new)).as_bytes());
}

/// Lines are counted from 1; a range without lines is named by the line before it; a count of 1 is left out.
fn header_range(range: &Range<u32>) -> String {
    match range.end - range.start {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        count => format!("{},{count}", range.start + 1),
    }
}

fn old_lines<'i>(input: &'i InternedInput<&[u8]>, range: Range<u32>) -> impl Iterator<Item = &'i [u8]> {
    range.map(|index| input.interner[input.before[index as usize]])
}

fn new_lines<'i>(input: &'i InternedInput<&[u8]>, range: Range<u32>) -> impl Iterator<Item = &'i [u8]> {
    range.map(|index| input.interner[input.after[index as usize]])
}

fn put_lines<'i>(out: &mut Vec<u8>, sign: u8, lines: impl Iterator<Item = &'i [u8]>) {
    for line in lines {
        out.push(sign);
        out.extend_from_slice(line);
        if line.last() != Some(&b'\n') {
            out.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunks(old: &[u8], new: &[u8], context_lines: u32) -> String {
        let mut out = Vec::new();
        TextPair::new(old, new).unwrap().write_hunks(context_lines, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_empty_side_is_named_by_line_zero() {
        assert_eq!(hunks(b"", b"a\nb\n", 3), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(hunks(b"a\n", b"", 3), "@@ -1 +0,0 @@\n-a\n");
        assert_eq!(hunks(b"", b"", 3), "");
        assert_eq!(hunks(b"a", b"a", 3), "");
    }

    #[test]
    fn a_missing_newline_is_said_on_each_side() {
        let no_newline = "\\ No newline at end of file\n";
        assert_eq!(hunks(b"a", b"b", 3), format!("@@ -1 +1 @@\n-a\n{no_newline}+b\n{no_newline}"));
        assert_eq!(hunks(b"a", b"a\n", 3), format!("@@ -1 +1 @@\n-a\n{no_newline}+a\n"));
        assert_eq!(hunks(b"x\na", b"y\na", 3), format!("@@ -1,2 +1,2 @@\n-x\n+y\n a\n{no_newline}"));
    }

    #[test]
    fn near_changes_share_a_hunk() {
        let old = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = b"1\nB\n3\n4\n5\n6\n7\nH\n9\n";
        assert_eq!(hunks(old, new, 3).matches("@@ -").count(), 1);
        assert_eq!(hunks(old, new, 2), "@@ -1,4 +1,4 @@\n 1\n-2\n+B\n 3\n 4\n@@ -6,4 +6,4 @@\n 6\n 7\n-8\n+H\n 9\n");
        assert_eq!(hunks(b"1\n2\n", b"1\nx\n2\n", 0), "@@ -1,0 +2 @@\n+x\n");
        assert_eq!(hunks(old, new, u32::MAX).lines().count(), 1 + 9 + 2);
    }

    #[test]
    fn line_ends_and_odd_bytes_are_kept() {
        let mut out = Vec::new();
        TextPair::new(&b"a\r\n\xff\n"[..], &b"a\n\xff\n"[..]).unwrap().write_hunks(3, &mut out);
        assert_eq!(out, b"@@ -1,2 +1,2 @@\n-a\r\n+a\n \xff\n");
    }

    #[test]
    fn counts_are_those_of_the_hunks() {
        let pair = TextPair::new(&b"1\n2\n3\n"[..], &b"1\nx\ny\n3\n"[..]).unwrap();
        assert_eq!(pair.counts(), LineCounts { insertions: 2, deletions: 1 });
    }

    #[test]
    fn binary_and_large_contents_are_refused() {
        let mut late = vec![b'x'; BINARY_TEST_BYTES];
        late.push(0);
        assert!(TextPair::new(&late[..], &b""[..]).is_ok());
        assert_eq!(TextPair::new(&b""[..], &late[1..]), Err(NotText::Binary));
        let large = vec![b'x'; DIFF_FILE_BYTES_MAX as usize + 1];
        assert_eq!(TextPair::new(&large[..], &b""[..]), Err(NotText::TooLarge));
        let many_lines = vec![b'\n'; DIFF_FILE_LINES_MAX + 1];
        assert_eq!(TextPair::new(&b""[..], &many_lines[..]), Err(NotText::TooLarge));
    }
}
