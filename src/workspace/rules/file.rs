//! The rules of one ignore file.

#[cfg(any(test, feature = "fuzzing"))]
mod plain;

use std::ops::Range;

use super::glob::Program;
use super::index::Index;
use super::join;
use super::pattern::{Compiler, Pattern, Scope, trim_spaces};
use crate::limits::IGNORE_FILE_BYTES_MAX;

// Places in the text of a file are kept in 32 bits.
const _: () = assert!(IGNORE_FILE_BYTES_MAX < 1 << 32);

/// A pattern and where it stands.
#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// The text of the pattern: a range of the file's text.
    text: Range<u32>,
    line: u32,
}

/// An ignore file, compiled.
#[derive(Debug)]
pub(super) struct RuleFile {
    text: Box<[u8]>,
    rules: Vec<Rule>,
    program: Program,
    index: Index,
}

/// An entry of a directory, as the rules of one file see it.
struct Subject<'a> {
    /// The entry's folder, relative to the folder of the file.
    folder: &'a [u8],
    name: &'a [u8],
    is_directory: bool,
}

impl RuleFile {
    /// Compiles an ignore file; `None` when it holds no rule that can match anything.
    ///
    /// A file over [`IGNORE_FILE_BYTES_MAX`] holds no rules, as in git: half of one could mean the opposite of the whole.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() as u64 > IGNORE_FILE_BYTES_MAX {
            return None;
        }
        let mut compiler = Compiler::default();
        let rules: Vec<Rule> = lines(text).filter_map(|(line, range)| compile(&mut compiler, text, line, range)).collect();
        if rules.is_empty() {
            return None;
        }
        let program = compiler.finish();
        let index = Index::new(&program, rules.iter().map(|rule| &rule.pattern));
        Some(Self { text: text.into(), rules, program, index })
    }

    /// The last rule of this file that matches an entry of `folder`, whose path is relative to the folder of the file.
    pub(super) fn last_match(&self, folder: &[u8], name: &[u8], is_directory: bool) -> Option<u32> {
        let subject = Subject { folder, name, is_directory };
        self.index.newest(&self.program, name, |rule| self.matches(&self.rules[rule as usize].pattern, &subject))
    }

    fn matches(&self, pattern: &Pattern, subject: &Subject<'_>) -> bool {
        if pattern.only_directories && !subject.is_directory {
            return false;
        }
        let glob = self.program.glob(pattern.ops.clone());
        match pattern.scope {
            Scope::AnyName => glob.matches(subject.name),
            Scope::OwnName => subject.folder.is_empty() && glob.matches(subject.name),
            Scope::Path => subject.path_begins_with(glob.literal_head()) && glob.matches(&subject.path()),
        }
    }

    /// Whether a rule says that what it matches is recorded.
    pub(super) fn whitelists(&self, rule: u32) -> bool {
        self.rules[rule as usize].pattern.whitelists
    }

    /// The line of a rule, the first being 1.
    pub(super) fn line(&self, rule: u32) -> u32 {
        self.rules[rule as usize].line
    }

    /// The text of a rule, without trailing spaces.
    pub(super) fn rule_text(&self, rule: u32) -> &[u8] {
        let text = &self.rules[rule as usize].text;
        &self.text[text.start as usize..text.end as usize]
    }
}

impl Subject<'_> {
    /// Whether [`Self::path`] begins with these bytes, found out without putting it together.
    fn path_begins_with(&self, head: &[u8]) -> bool {
        let shared = head.len().min(self.folder.len());
        if head[..shared] != self.folder[..shared] {
            return false;
        }
        match &head[shared..] {
            [] => true,
            rest if self.folder.is_empty() => self.name.starts_with(rest),
            [slash, rest @ ..] => *slash == b'/' && self.name.starts_with(rest),
        }
    }

    fn path(&self) -> Vec<u8> {
        join(self.folder, self.name)
    }
}

/// The lines of an ignore file: their numbers from 1 on, and their places without line ends. A byte order mark is passed over.
fn lines(text: &[u8]) -> impl Iterator<Item = (u32, Range<usize>)> {
    let mut at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    (1..).map_while(move |line| {
        let rest = text.get(at..)?;
        let len = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let without_return = len - usize::from(rest[..len].last() == Some(&b'\r'));
        let range = at..at + without_return;
        at += len + 1;
        Some((line, range))
    })
}

/// Compiles one line, if it is a rule that can match anything.
fn compile(compiler: &mut Compiler, text: &[u8], line: u32, range: Range<usize>) -> Option<Rule> {
    let start = range.start;
    let bytes = &text[range];
    if bytes.first() == Some(&b'#') {
        return None;
    }
    // git reads a line as a C string: a zero byte ends it.
    let bytes = bytes.split(|&byte| byte == 0).next()?;
    let bytes = trim_spaces(bytes);
    let pattern = compiler.compile(bytes)?;
    Some(Rule { pattern, text: start as u32..(start + bytes.len()) as u32, line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(text: &[u8], folder: &str, name: &str) -> Option<(u32, Vec<u8>)> {
        let file = RuleFile::parse(text)?;
        let rule = file.last_match(folder.as_bytes(), name.as_bytes(), false)?;
        Some((file.line(rule), file.rule_text(rule).to_vec()))
    }

    #[test]
    fn lines_end_as_in_git() {
        let text = b"\xef\xbb\xbfbom\r\n#note\n\n \\ \r\ncr\r \ncut\0here\nlast\r";
        let expected = [("bom", 1, "bom"), ("  ", 4, " \\ "), ("cr\r", 5, "cr\r"), ("cut", 6, "cut"), ("last", 7, "last")];
        for (name, line, rule) in expected {
            assert_eq!(matching(text, "", name), Some((line, rule.into())), "{name:?}");
        }
        assert_eq!(matching(text, "", "#note"), None);
        assert_eq!(matching(b"a\n\xef\xbb\xbfb", "", "b"), None);
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        for (rule, folder, name, expected) in [
            ("a/b", "a", "b", true),
            ("a/b", "x/a", "b", false),
            ("/b", "", "b", true),
            ("/b", "a", "b", false),
            ("b", "a/a", "b", true),
            ("a/*", "a", "b", true),
            ("a/*", "a/a", "b", false),
            ("ab*/x*", "a", "b", false),
            ("a/b*/[c]", "a/bb", "c", true),
            ("a/**", "a/c", "b", true),
        ] {
            assert_eq!(matching(rule.as_bytes(), folder, name).is_some(), expected, "{rule} on {folder}/{name}");
        }
    }

    #[test]
    fn files_without_rules_vanish() {
        for text in [&b""[..], b"\n\n", b"# only\n#notes", b"[", b"\xef\xbb\xbf", b"/\n!\n"] {
            assert!(RuleFile::parse(text).is_none(), "{text:?}");
        }
        assert!(RuleFile::parse(&vec![b'a'; IGNORE_FILE_BYTES_MAX as usize + 1]).is_none());
    }
}
