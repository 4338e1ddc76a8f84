//! A patch on a terminal: painted, and such that no content drives the terminal. Elsewhere a patch is shown as it is, byte by byte.

use anstyle::Style;

use super::escape;
use super::page::{ADDED, PLACE, Page, REMOVED, STRONG, paint};

/// Shows a patch for a terminal.
pub fn put(page: &mut Page, patch: &[u8]) {
    let mut in_hunk = false;
    let lines = patch.strip_suffix(b"\n").unwrap_or(patch).split(|&byte| byte == b'\n');
    for line in lines.filter(|_| !patch.is_empty()) {
        let style = style(line, &mut in_hunk);
        let shown = escape::line(line);
        page.line(style.map_or(shown.clone(), |style| paint(page.how(), style, &shown)));
    }
}

/// The style of a line. What begins with a sign is a change only inside a hunk: headers begin with signs too.
fn style(line: &[u8], in_hunk: &mut bool) -> Option<Style> {
    if line.starts_with(b"@@ ") {
        *in_hunk = true;
        return Some(PLACE);
    }
    match line.first() {
        Some(b'+') if *in_hunk => Some(ADDED),
        Some(b'-') if *in_hunk => Some(REMOVED),
        Some(b' ' | b'\\') if *in_hunk => None,
        _ => {
            *in_hunk = false;
            Some(STRONG)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::Paint;
    use super::*;

    const PATCH: &[u8] = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n same\n--- gone\n+\x1b[2Jnew\xff\n";

    fn shown(how: Paint) -> String {
        let mut page = Page::new(how, None);
        put(&mut page, PATCH);
        page.text()
    }

    #[test]
    fn contents_do_not_drive_the_terminal() {
        assert_eq!(shown(Paint::Plain), "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n same\n--- gone\n+\\x1b[2Jnew\\xff\n");
    }

    #[test]
    fn lines_are_painted_by_what_they_are() {
        let shown = shown(Paint::Colored);
        let painted = |style, words| paint(Paint::Colored, style, words);
        for expected in
            [painted(STRONG, "--- a/x"), painted(PLACE, "@@ -1,2 +1,2 @@"), painted(REMOVED, "--- gone"), "\n same\n".to_owned()]
        {
            assert!(shown.contains(&expected), "{expected:?} in {shown:?}");
        }
    }

    #[test]
    fn an_empty_patch_shows_nothing() {
        let mut page = Page::new(Paint::Plain, None);
        put(&mut page, b"");
        assert_eq!(page.text(), "");
    }
}
