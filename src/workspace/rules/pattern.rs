//! One line of an ignore file: from its text to the steps that match it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::class::{self, ByteSet};
use super::glob::{Op, Program};

/// What a pattern is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The name of an entry, in the folder of the ignore file and everywhere below.
    AnyName,
    /// The name of an entry in the folder of the ignore file itself.
    OwnName,
    /// The path of an entry, relative to the folder of the ignore file.
    Path,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Its steps: a range of [`Program::ops`].
    pub(super) ops: Range<u32>,
    /// What it is held against.
    pub(super) scope: Scope,
    /// Began with `!`: what it matches is recorded.
    pub(super) whitelists: bool,
    /// Ended with a slash: it matches directories only.
    pub(super) only_directories: bool,
}

/// Removes the spaces at the end of a line, save those behind a backslash.
pub(super) fn trim_spaces(line: &[u8]) -> &[u8] {
    let spaces = line.iter().rev().take_while(|&&byte| byte == b' ').count();
    let trimmed = &line[..line.len() - spaces];
    let backslashes = trimmed.iter().rev().take_while(|&&byte| byte == b'\\').count();
    let kept = usize::from(spaces > 0 && backslashes % 2 == 1);
    &line[..trimmed.len() + kept]
}

/// Compiles patterns into a common [`Program`].
#[derive(Default)]
pub(super) struct Compiler {
    program: Program,
    classes: BTreeMap<ByteSet, u32>,
}

impl Compiler {
    /// The steps of everything compiled.
    pub(super) fn finish(self) -> Program {
        self.program
    }

    /// Compiles a line without its line end and trailing spaces; `None` for one that can match nothing.
    pub(super) fn compile(&mut self, line: &[u8]) -> Option<Pattern> {
        let (line, whitelists) = strip(line.strip_prefix(b"!"), line);
        let (body, only_directories) = strip(line.strip_suffix(b"/"), line);
        let is_path = body.contains(&b'/');
        let (body, _) = strip(body.strip_prefix(b"/"), body);
        let (ops_before, literals_before) = (self.program.ops.len(), self.program.literals.len());
        let Some((ops, scope)) = self.steps(body, is_path).and_then(|()| self.scope(ops_before, is_path)) else {
            self.program.ops.truncate(ops_before);
            self.program.literals.truncate(literals_before);
            return None;
        };
        Some(Pattern { ops, scope, whitelists, only_directories })
    }

    /// Appends the steps of a pattern.
    fn steps(&mut self, body: &[u8], is_path: bool) -> Option<()> {
        let first_op = self.program.ops.len();
        let mut at = 0;
        while let Some(&byte) = body.get(at) {
            let rest = &body[at + 1..];
            at += match byte {
                b'*' => {
                    let at_border = is_path && (at == 0 || body[at - 1] == b'/');
                    let (op, len) = stars(&body[at..], at_border);
                    self.program.ops.push(op);
                    len
                }
                b'?' => {
                    self.program.ops.push(Op::Any);
                    1
                }
                b'[' => {
                    let bracket = class::parse(rest)?;
                    let class = self.class(bracket.set);
                    self.program.ops.push(Op::Class(class));
                    1 + bracket.len
                }
                b'\\' => {
                    self.literal(first_op, *rest.first()?);
                    2
                }
                _ => {
                    self.literal(first_op, byte);
                    1
                }
            };
        }
        Some(())
    }

    /// Appends a literal byte to the literal before it in the same pattern, or begins one.
    fn literal(&mut self, first_op: usize, byte: u8) {
        let start = self.program.literals.len() as u32;
        self.program.literals.push(byte);
        match self.program.ops[first_op..].last_mut() {
            Some(Op::Literal { len, .. }) => *len += 1,
            _ => self.program.ops.push(Op::Literal { start, len: 1 }),
        }
    }

    fn class(&mut self, set: ByteSet) -> u32 {
        let classes = &mut self.program.classes;
        *self.classes.entry(set).or_insert_with(|| {
            classes.push(set);
            classes.len() as u32 - 1
        })
    }

    /// What the newest pattern is held against. Most patterns with a slash turn out to be about a name all the same
    /// (`/build`, `**/*.log`), and names are matched without putting a path together.
    fn scope(&self, first_op: usize, is_path: bool) -> Option<(Range<u32>, Scope)> {
        let ops = &self.program.ops[first_op..];
        let deep_folders = ops.iter().take_while(|&&op| op == Op::DeepFolders).count();
        let all = first_op as u32..self.program.ops.len() as u32;
        let behind = all.start + deep_folders as u32..all.end;
        if behind.is_empty() {
            return None;
        }
        Some(match (is_path, self.program.glob(behind.clone()).is_one_name(), deep_folders) {
            (false, ..) => (all, Scope::AnyName),
            (true, true, 0) => (all, Scope::OwnName),
            (true, true, _) => (behind, Scope::AnyName),
            (true, false, _) => (all, Scope::Path),
        })
    }
}

/// The step that a run of stars stands for, and how many bytes of the pattern it takes.
fn stars(text: &[u8], at_border: bool) -> (Op, usize) {
    let run = text.iter().take_while(|&&byte| byte == b'*').count();
    if run < 2 || !at_border {
        return (Op::Star, run);
    }
    match text[run..] {
        [] => (Op::Deep, run),
        [b'/', ..] => (Op::DeepFolders, run + 1),
        // git sees the border behind an escaped slash too, but then at least one folder is needed.
        [b'\\', b'/', ..] => (Op::Deep, run),
        _ => (Op::Star, run),
    }
}

fn strip<'a>(stripped: Option<&'a [u8]>, whole: &'a [u8]) -> (&'a [u8], bool) {
    (stripped.unwrap_or(whole), stripped.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(line: &str) -> Option<Scope> {
        Compiler::default().compile(line.as_bytes()).map(|pattern| pattern.scope)
    }

    fn matches(line: &str, text: &str) -> bool {
        let mut compiler = Compiler::default();
        let pattern = compiler.compile(line.as_bytes()).expect(line);
        compiler.finish().glob(pattern.ops).matches(text.as_bytes())
    }

    #[test]
    fn spaces_at_the_end_go_unless_escaped() {
        for (line, kept) in
            [("a  ", "a"), (r"a\  ", r"a\ "), (r"a\\  ", r"a\\"), ("   ", ""), ("a\t ", "a\t"), (r"a \", r"a \"), ("", ""), (r"\ ", r"\ ")]
        {
            assert_eq!(trim_spaces(line.as_bytes()), kept.as_bytes(), "{line:?}");
        }
    }

    #[test]
    fn the_scope_follows_from_the_slashes() {
        for (line, expected) in [
            ("a", Scope::AnyName),
            ("a/", Scope::AnyName),
            ("!**/a*/", Scope::AnyName),
            ("/**/**/a", Scope::AnyName),
            ("/a", Scope::OwnName),
            ("/*/", Scope::OwnName),
            ("[a/]", Scope::OwnName),
            ("a/b", Scope::Path),
            (r"a\/b", Scope::Path),
            ("/**", Scope::Path),
            ("**/a/b", Scope::Path),
        ] {
            assert_eq!(scope(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_can_match_nothing_is_left_out() {
        let mut compiler = Compiler::default();
        for line in ["", "/", "//", "!", "!/", "a[b", r"a\", r"a\/", "a[[:what:]]", "**//"] {
            assert_eq!(compiler.compile(line.as_bytes()), None, "{line}");
        }
        let program = compiler.finish();
        assert!(program.ops.is_empty() && program.literals.is_empty());
    }

    #[test]
    fn stars_keep_to_names_and_double_stars_to_folders() {
        for (line, text, expected) in [
            ("a*b", "a-b", true),
            ("a**b", "a-b", true),
            ("x/a**b", "x/a/b", false),
            ("x/*b", "x/a/b", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "ab", false),
            ("a/**", "a", false),
            ("a/**", "a/x/y", true),
            ("a/**/*.c", "a/x/y.c", true),
            ("**/x*y/z", "b/xay/xby/z", true),
            ("a/*/**/b*c/d", "a/q/bxc/bxd/bcc/d", true),
            (r"a/**\/b", "a/b", false),
            (r"a/**\/b", "a/x/b", true),
            ("a/?", "a//", false),
            (r"\*\[", "*[", true),
        ] {
            assert_eq!(matches(line, text), expected, "{line} on {text}");
        }
    }

    #[test]
    fn many_stars_take_no_time_worth_mentioning() {
        let name = [b'a'; 255];
        let mut compiler = Compiler::default();
        for line in ["*a".repeat(127) + "b", "**/x/".repeat(40) + "b", "**/".to_owned() + &"*a/".repeat(40) + "b"] {
            let pattern = compiler.compile(line.as_bytes()).expect("it can match");
            assert!(!compiler.program.glob(pattern.ops).matches(&name));
        }
        let path = b"a/".repeat(2000);
        let pattern = compiler.compile(("**/*a".repeat(50) + "/*b").as_bytes()).expect("it can match");
        assert!(!compiler.program.glob(pattern.ops).matches(&path));
    }
}
