//! Finds the few patterns of an ignore file that can match a name, without trying all of them.
//!
//! Every pattern decides something about the last name of the paths that it matches: often all of it (`Thumbs.db`, `/build/`,
//! `a/b`), else its last byte (`*.o`), else its first (`.*`, `cscope.*`). A pattern stands in one list, by the strongest of
//! these; each list is sorted, so that a look-up is a binary search. Within a list of equals, later patterns come first.

use std::cmp::Reverse;

use super::glob::{Glob, Op, Program};
use super::pattern::{Pattern, Scope};

/// A pattern that is met only by one name.
#[derive(Debug)]
struct Named {
    /// The name: a range of [`Program::literals`].
    start: u32,
    len: u32,
    pattern: u32,
}

/// A pattern that is met only by names with a certain byte in a certain place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ByByte {
    byte: u8,
    pattern: Reverse<u32>,
}

/// The patterns of one file by what they ask of a name. Patterns are known by their number.
#[derive(Debug, Default)]
pub(super) struct Index {
    whole: Vec<Named>,
    last: Vec<ByByte>,
    first: Vec<ByByte>,
    others: Vec<u32>,
}

impl Index {
    /// The index of these patterns.
    pub(super) fn new<'a>(program: &Program, patterns: impl Iterator<Item = &'a Pattern>) -> Self {
        let mut index = Self::default();
        for (number, pattern) in (0..).zip(patterns) {
            index.add(program.glob(pattern.ops.clone()), pattern.scope, number);
        }
        index.whole.sort_unstable_by(|a, b| (a.rank(program), Reverse(a.pattern)).cmp(&(b.rank(program), Reverse(b.pattern))));
        index.last.sort_unstable();
        index.first.sort_unstable();
        index.others.reverse();
        index
    }

    fn add(&mut self, glob: Glob<'_>, scope: Scope, pattern: u32) {
        let by_byte = |byte: u8| ByByte { byte, pattern: Reverse(pattern) };
        if let Some((start, len)) = whole_name(glob) {
            self.whole.push(Named { start, len, pattern });
        } else if let Some(&byte) = glob.literal_tail().last() {
            self.last.push(by_byte(byte));
        } else if let (Some(&byte), Scope::AnyName | Scope::OwnName) = (glob.literal_head().first(), scope) {
            self.first.push(by_byte(byte));
        } else {
            self.others.push(pattern);
        }
    }

    /// The pattern with the highest number among those that `matches` accepts, and that can match this name at all.
    pub(super) fn newest(&self, program: &Program, name: &[u8], matches: impl Fn(u32) -> bool) -> Option<u32> {
        let (&first, &last) = (name.first()?, name.last()?);
        let rank = (name.len(), name);
        let whole = self.whole[self.whole.partition_point(|named| named.rank(program) < rank)..].iter();
        let newest = newer(None, whole.take_while(|named| named.rank(program) == rank).map(|named| named.pattern), &matches);
        let newest = newer(newest, with_byte(&self.last, last), &matches);
        let newest = newer(newest, with_byte(&self.first, first), &matches);
        newer(newest, self.others.iter().copied(), &matches)
    }
}

/// The first of these candidates that is newer than the one there is and that `matches` accepts; else the one there is. The
/// candidates go from newer to older.
fn newer(newest: Option<u32>, candidates: impl Iterator<Item = u32>, matches: impl Fn(u32) -> bool) -> Option<u32> {
    candidates.take_while(|&candidate| Some(candidate) > newest).find(|&candidate| matches(candidate)).or(newest)
}

impl Named {
    /// The name, with its length in front: most comparisons end there.
    fn rank<'a>(&self, program: &'a Program) -> (usize, &'a [u8]) {
        (self.len as usize, program.literal(self.start, self.len))
    }
}

fn with_byte(list: &[ByByte], byte: u8) -> impl Iterator<Item = u32> {
    list[list.partition_point(|entry| entry.byte < byte)..].iter().take_while(move |entry| entry.byte == byte).map(|entry| entry.pattern.0)
}

/// The one name that the last component of every matched path has, as a range of [`Program::literals`].
fn whole_name(glob: Glob<'_>) -> Option<(u32, u32)> {
    let (&Op::Literal { start, len }, before) = glob.ops.split_last()? else { return None };
    let slash = glob.program.literal(start, len).iter().rposition(|&byte| byte == b'/');
    match (slash, before.last()) {
        (Some(slash), _) => Some((start + slash as u32 + 1, len - slash as u32 - 1)),
        (None, None | Some(Op::DeepFolders)) => Some((start, len)),
        (None, Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Compiler;
    use super::*;

    /// How many patterns are tried for a name.
    fn tried(lines: &[&str], name: &str) -> usize {
        let mut compiler = Compiler::default();
        let patterns: Vec<Pattern> = lines.iter().map(|line| compiler.compile(line.as_bytes()).expect(line)).collect();
        let program = compiler.finish();
        let tried = std::cell::Cell::new(0);
        Index::new(&program, patterns.iter()).newest(&program, name.as_bytes(), |_| {
            tried.set(tried.get() + 1);
            false
        });
        tried.get()
    }

    #[test]
    fn only_patterns_that_can_match_are_tried() {
        let lines = ["Thumbs.db", "/a/build/", "**/x/build", "*.o", "*.ko", "a/*.c", ".*", "cscope.*", "a/b*", "*[12]"];
        for (name, expected) in [("Thumbs.db", 3), ("build", 4), ("main.o", 4), ("main.c", 3), (".x", 3), ("z", 2)] {
            assert_eq!(tried(&lines, name), expected, "{name}");
        }
    }

    #[test]
    fn the_newest_match_of_all_lists_wins() {
        let lines = ["a", "*a", "a*", "[a]", "a"];
        let mut compiler = Compiler::default();
        let patterns: Vec<Pattern> = lines.iter().map(|line| compiler.compile(line.as_bytes()).expect(line)).collect();
        let program = compiler.finish();
        let index = Index::new(&program, patterns.iter());
        for newest in 0..lines.len() as u32 {
            assert_eq!(index.newest(&program, b"a", |pattern| pattern <= newest), Some(newest));
        }
        assert_eq!(index.newest(&program, b"b", |_| true), Some(3));
    }
}
