//! Matching in the plainest way, for the fuzzer: every rule is tried, and of a pattern every way to match. Slow, and short enough to be
//! seen to be right.

use super::super::glob::{Glob, Op};
use super::{RuleFile, Scope, Subject};

impl RuleFile {
    /// What [`RuleFile::last_match`] gives.
    pub(in super::super) fn last_match_by_trying_all(&self, folder: &[u8], name: &[u8], is_directory: bool) -> Option<u32> {
        let subject = Subject { folder, name, is_directory };
        let matches = |rule: &u32| {
            let pattern = &self.rules[*rule as usize].pattern;
            let glob = self.program.glob(pattern.ops.clone());
            let is_kind = subject.is_directory || !pattern.only_directories;
            is_kind
                && match pattern.scope {
                    Scope::AnyName => reaches_end(glob, name),
                    Scope::OwnName => folder.is_empty() && reaches_end(glob, name),
                    Scope::Path => reaches_end(glob, &subject.path()),
                }
        };
        (0..self.rules.len() as u32).rev().find(matches)
    }
}

/// Whether the whole text is matched: after each step all places are known that it can have come to.
fn reaches_end(glob: Glob<'_>, text: &[u8]) -> bool {
    let mut places = vec![false; text.len() + 1];
    places[0] = true;
    for &op in glob.ops {
        let mut next = vec![false; text.len() + 1];
        for at in (0..=text.len()).filter(|&at| places[at]) {
            step(glob, op, text, at, &mut next);
        }
        places = next;
    }
    places[text.len()]
}

/// Marks where a step can lead from a place.
fn step(glob: Glob<'_>, op: Op, text: &[u8], at: usize, next: &mut [bool]) {
    let rest = &text[at..];
    let name_bytes = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    match op {
        Op::Literal { start, len } if rest.starts_with(glob.program.literal(start, len)) => next[at + len as usize] = true,
        Op::Any if name_bytes > 0 => next[at + 1] = true,
        Op::Class(class) if rest.first().is_some_and(|&byte| glob.program.classes[class as usize].contains(byte)) => next[at + 1] = true,
        Op::Star => next[at..=at + name_bytes].fill(true),
        Op::Deep => next[at..].fill(true),
        Op::DeepFolders => {
            next[at] = true;
            (at..text.len()).filter(|&slash| text[slash] == b'/').for_each(|slash| next[slash + 1] = true);
        }
        Op::Literal { .. } | Op::Any | Op::Class(_) => {}
    }
}
