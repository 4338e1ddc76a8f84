//! The answers of `init` and `check-ignore` in JSON.

use lua_store::ops::{Explanation, InitOutcome};
use serde::Serialize;

use super::Answer;
use super::path::{self, JsonPath};

/// The workspace that there is now.
#[derive(Debug, Serialize)]
pub struct Init<'a> {
    root: String,
    store: String,
    /// Whether it had a history already.
    existed: bool,
    agent_id: Option<&'a str>,
    versions: u64,
    /// The workspace that this new one lies in.
    outer: Option<String>,
}

/// The answer of `init`.
pub fn init(outcome: &InitOutcome) -> Answer<Init<'_>> {
    Answer::new(of_init(outcome))
}

/// The workspace as a part of another answer.
pub(super) fn of_init(outcome: &InitOutcome) -> Init<'_> {
    Init {
        root: path::os_text(&outcome.root),
        store: path::os_text(&outcome.store),
        existed: outcome.existed,
        agent_id: outcome.agent_id.as_deref(),
        versions: outcome.versions,
        outer: outcome.outer.as_deref().map(path::os_text),
    }
}

/// What becomes of paths.
#[derive(Debug, Serialize)]
pub struct CheckIgnore<'a> {
    paths: Vec<Explained<'a>>,
}

#[derive(Debug, Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    path: JsonPath,
    recorded: bool,
    /// The rule that decides; `null` when none matches.
    rule: Option<&'a str>,
    /// What the rule is about: the path itself, or a folder above it.
    decided: JsonPath,
}

/// The answer of `check-ignore`.
pub fn check_ignore(explanations: &[Explanation]) -> Answer<CheckIgnore<'_>> {
    let explained = explanations.iter().map(|explanation| {
        let Explanation { path, recorded, rule, decided } = explanation;
        Explained { path: path[..].into(), recorded: *recorded, rule: rule.as_deref(), decided: decided[..].into() }
    });
    Answer::new(CheckIgnore { paths: explained.collect() })
}
