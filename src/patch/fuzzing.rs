//! Checks for the fuzzer: contents of anybody, compared line by line.

use super::{TextPair, lines};
use crate::format::fuzzing::halves;

/// Two contents: what their comparison says turns the old one into the new one, and so does the patch, applied as its format says.
pub(crate) fn patch(bytes: &[u8]) {
    let (old, rest) = halves(bytes);
    let Some((&context_lines, new)) = rest.split_first() else { return };
    let Ok(pair) = TextPair::new(old, new) else { return };
    let (old_lines, new_lines): (Vec<&[u8]>, Vec<&[u8]>) = (lines(old).collect(), lines(new).collect());
    assert_eq!((old_lines.concat(), new_lines.concat()), (old.to_vec(), new.to_vec()));

    let (mut out, mut at, mut counted) = (Vec::new(), 0, (0, 0));
    for (before, after) in pair.hunks() {
        counted = (counted.0 + u64::from(after.end - after.start), counted.1 + u64::from(before.end - before.start));
        out.extend_from_slice(&old_lines[at..before.start as usize]);
        out.extend_from_slice(&new_lines[after.start as usize..after.end as usize]);
        at = before.end as usize;
    }
    out.extend_from_slice(&old_lines[at..]);
    assert_eq!(out.concat(), new);
    let counts = pair.counts();
    assert_eq!((counts.insertions, counts.deletions), counted);

    let mut patch = Vec::new();
    pair.write_hunks(u32::from(context_lines % 5), &mut patch);
    assert_eq!(patch.is_empty(), pair.is_equal());
    assert_eq!(applied(&old_lines, &patch), new);
}

/// Applies the hunks of a unified patch. Context and removed lines must be there where the header says.
fn applied(old: &[&[u8]], patch: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    let mut patch: Vec<&[u8]> = lines(patch).collect();
    // A line without a newline at its end is followed by one that says so.
    for place in (1..patch.len()).rev().filter(|&place| patch[place].starts_with(b"\\")).collect::<Vec<_>>() {
        patch[place - 1] = patch[place - 1].strip_suffix(b"\n").expect("a line of a patch");
        patch.remove(place);
    }
    for line in patch {
        let (mark, text) = line.split_first().expect("no line of a patch is empty");
        match mark {
            b'@' => {
                let start = start_of(text);
                out.extend(old[at..start].concat());
                at = start;
            }
            b' ' | b'-' => {
                assert_eq!(old[at], text);
                at += 1;
                out.extend_from_slice(if *mark == b' ' { text } else { b"" });
            }
            b'+' => out.extend_from_slice(text),
            other => panic!("a line that begins with {other}"),
        }
    }
    out.extend(old[at..].concat());
    out
}

/// The first old line that a hunk is about, from 0: `@ -5,3 +6,4 @@`. With no line the number is that of the line before it.
fn start_of(header: &[u8]) -> usize {
    let text = std::str::from_utf8(header).expect("a header is ASCII");
    let range = text.split([' ', '+']).find_map(|word| word.strip_prefix('-')).expect("the old range");
    let (start, count) = range.split_once(',').unwrap_or((range, "1"));
    let start: usize = start.parse().expect("a number");
    if count == "0" { start } else { start - 1 }
}
