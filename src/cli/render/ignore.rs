//! The answer of `check-ignore`.

use lua_store::ops::Explanation;

use super::escape;
use super::page::{CHANGED, FAINT, Page};

/// Shows the paths that are left out; `verbose`: all paths, each with the rule that decides.
pub fn put(page: &mut Page, explanations: &[Explanation], verbose: bool) {
    for explanation in explanations {
        let path = escape::path(&explanation.path);
        if verbose {
            put_explained(page, &path, explanation);
        } else if !explanation.recorded {
            page.line(path);
        }
    }
}

fn put_explained(page: &mut Page, path: &str, explanation: &Explanation) {
    let verdict = if explanation.recorded { page.paint(FAINT, "recorded") } else { page.paint(CHANGED, "left out") };
    match &explanation.rule {
        Some(rule) if explanation.decided == explanation.path => page.line(format_args!("{verdict}  {path}  by {}", escape::text(rule))),
        Some(rule) => page.line(format_args!("{verdict}  {path}  by {} for {}", escape::text(rule), escape::path(&explanation.decided))),
        None => page.line(format_args!("{verdict}  {path}  no rule matches")),
    }
}
