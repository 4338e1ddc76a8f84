//! Matching a name or a path against a compiled pattern.
//!
//! Bytes are matched, not characters. The time is bounded by a polynomial, whatever the pattern: a `*` cannot cross a
//! slash, so once a later `*` is reached an earlier one need not be tried again, and the same holds for `**`. So one
//! place to go back to for each of the two is enough.

use std::ops::Range;

use super::class::ByteSet;

/// One step of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// These very bytes: a range of [`Program::literals`].
    Literal {
        /// Where the bytes begin.
        start: u32,
        /// How many there are; at least one.
        len: u32,
    },
    /// `?`: any byte but a slash.
    Any,
    /// `[…]`: a byte of this member of [`Program::classes`].
    Class(u32),
    /// `*`: any number of bytes other than a slash.
    Star,
    /// `**` at the end of a path: any number of bytes.
    Deep,
    /// `**/`: any number of whole folders, also none.
    DeepFolders,
}

/// The steps of all patterns of one ignore file, and what they refer to.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// Steps, pattern after pattern.
    pub(super) ops: Vec<Op>,
    /// Literal bytes of all patterns, freed of their escapes.
    pub(super) literals: Vec<u8>,
    /// The different bracket expressions.
    pub(super) classes: Vec<ByteSet>,
}

impl Program {
    /// The pattern made of these steps.
    pub(super) fn glob(&self, ops: Range<u32>) -> Glob<'_> {
        Glob { ops: &self.ops[ops.start as usize..ops.end as usize], program: self }
    }

    /// The bytes of a literal.
    pub(super) fn literal(&self, start: u32, len: u32) -> &[u8] {
        &self.literals[start as usize..][..len as usize]
    }
}

/// One pattern.
#[derive(Clone, Copy)]
pub(super) struct Glob<'a> {
    /// Its steps.
    pub(super) ops: &'a [Op],
    /// What the steps refer to.
    pub(super) program: &'a Program,
}

impl<'a> Glob<'a> {
    /// Whether the whole text is matched.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        match *self.ops {
            [Op::Literal { start, len }] => text == self.program.literal(start, len),
            [Op::Star, Op::Literal { start, len }] => {
                let tail = self.program.literal(start, len);
                text.ends_with(tail) && !text[..text.len() - tail.len()].contains(&b'/')
            }
            [Op::Literal { start, len }, Op::Star] => {
                text.strip_prefix(self.program.literal(start, len)).is_some_and(|rest| !rest.contains(&b'/'))
            }
            _ => Matcher { glob: *self, text, place: Place { op: 0, at: 0 }, star: None, deep: None }.run(),
        }
    }

    /// The bytes with which every text begins that this pattern matches.
    pub(super) fn literal_head(&self) -> &'a [u8] {
        match self.ops.first() {
            Some(&Op::Literal { start, len }) => self.program.literal(start, len),
            _ => b"",
        }
    }

    /// The bytes with which every text ends that this pattern matches.
    pub(super) fn literal_tail(&self) -> &'a [u8] {
        match self.ops.last() {
            Some(&Op::Literal { start, len }) => self.program.literal(start, len),
            _ => b"",
        }
    }

    /// Whether the pattern says nothing about folders: it can match a single name only.
    pub(super) fn is_one_name(&self) -> bool {
        self.ops.iter().all(|op| match *op {
            Op::Literal { start, len } => !self.program.literal(start, len).contains(&b'/'),
            Op::Any | Op::Class(_) | Op::Star => true,
            Op::Deep | Op::DeepFolders => false,
        })
    }
}

/// The next step and the next byte of the text.
#[derive(Clone, Copy)]
struct Place {
    op: usize,
    at: usize,
}

struct Matcher<'a> {
    glob: Glob<'a>,
    text: &'a [u8],
    place: Place,
    /// What follows the newest `*`, and the first place where that has not been tried.
    star: Option<Place>,
    /// What follows the newest `**`, and the last place where that has been tried.
    deep: Option<Place>,
}

impl Matcher<'_> {
    fn run(mut self) -> bool {
        loop {
            if self.place.op == self.glob.ops.len() && self.place.at == self.text.len() {
                return true;
            }
            if !self.step() && !self.widen_star() && !self.widen_deep() {
                return false;
            }
        }
    }

    /// Takes the next step if the text allows it.
    fn step(&mut self) -> bool {
        let rest = &self.text[self.place.at..];
        let Some(&op) = self.glob.ops.get(self.place.op) else { return false };
        let taken = match op {
            Op::Literal { start, len } => rest.starts_with(self.glob.program.literal(start, len)).then_some(len as usize),
            Op::Any => rest.first().filter(|&&byte| byte != b'/').map(|_| 1),
            Op::Class(class) => rest.first().filter(|&&byte| self.glob.program.classes[class as usize].contains(byte)).map(|_| 1),
            Op::Star | Op::Deep | Op::DeepFolders => Some(0),
        };
        let Some(taken) = taken else { return false };
        self.place = Place { op: self.place.op + 1, at: self.place.at + taken };
        match op {
            Op::Star => {
                self.star = Some(self.place);
                return self.widen_star();
            }
            Op::Deep | Op::DeepFolders => (self.star, self.deep) = (None, Some(self.place)),
            _ => {}
        }
        true
    }

    /// Goes back to the newest `*` and lets it take in as much more as makes what follows worth a try.
    fn widen_star(&mut self) -> bool {
        let Some(Place { op, at: from }) = self.star.take() else { return false };
        let Some(at) = self.star_end(op, from) else { return false };
        self.place = Place { op, at };
        self.star = self.text.get(at).filter(|&&byte| byte != b'/').map(|_| Place { op, at: at + 1 });
        true
    }

    /// The first place from `from` on where the step `op` can begin, if a `*` can reach so far.
    fn star_end(&self, op: usize, from: usize) -> Option<usize> {
        let rest = &self.text[from..];
        let passed = match self.glob.ops.get(op) {
            None => (!rest.contains(&b'/')).then_some(rest.len()),
            Some(&Op::Literal { start, len }) => find_in_name(rest, self.glob.program.literal(start, len)),
            Some(_) => Some(0),
        };
        passed.map(|passed| from + passed)
    }

    /// Goes back to the newest `**` and lets it take in one byte more, or one folder more.
    fn widen_deep(&mut self) -> bool {
        let Some(deep) = self.deep.take() else { return false };
        let rest = &self.text[deep.at..];
        let more = match self.glob.ops[deep.op - 1] {
            Op::DeepFolders => rest.iter().position(|&byte| byte == b'/').map(|slash| slash + 1),
            _ => (!rest.is_empty()).then_some(1),
        };
        let Some(more) = more else { return false };
        self.place = Place { op: deep.op, at: deep.at + more };
        (self.star, self.deep) = (None, Some(self.place));
        true
    }
}

/// The first place in `text` where `literal`, which is not empty, begins, unless a slash comes before it.
fn find_in_name(text: &[u8], literal: &[u8]) -> Option<usize> {
    let last_start = text.len().checked_sub(literal.len())?;
    let first_match = (0..=last_start).find(|&at| text[at] == b'/' || (text[at] == literal[0] && text[at..].starts_with(literal)))?;
    text[first_match..].starts_with(literal).then_some(first_match)
}
