//! Answers in JSON. Each is one object with `"format": 1`; fields may be added under the same format, none is ever removed or given
//! another meaning.
//!
//! Times are given twice: in milliseconds since 1970-01-01 UTC, and as RFC 3339 in UTC. For paths see [`path`].

pub mod budget;
pub mod change;
pub mod diff;
pub mod drill;
pub mod du;
pub mod gc;
pub mod history;
pub mod marks;
pub mod past;
pub mod path;
pub mod prune;
pub mod purge;
pub mod push;
pub mod remote;
pub mod rollback;
pub mod run;
pub mod search;
pub mod shell;
pub mod status;
pub mod sync;
pub mod transfer;
pub mod verify;
pub mod workspace;

use std::time::Duration;

use serde::Serialize;

/// The format of all answers.
const FORMAT: u32 = 1;

/// An answer with its format before it.
#[derive(Debug, Serialize)]
pub struct Answer<T> {
    format: u32,
    #[serde(flatten)]
    answer: T,
}

impl<T> Answer<T> {
    /// Puts the format before an answer.
    pub fn new(answer: T) -> Self {
        Self { format: FORMAT, answer }
    }
}

/// Why a command failed.
#[derive(Debug, Serialize)]
pub struct ErrorAnswer<'a> {
    error: ErrorFields<'a>,
}

#[derive(Debug, Serialize)]
struct ErrorFields<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    hint: &'a str,
}

/// The answer of a command that failed.
pub fn error<'a>(code: &'a str, message: &'a str, hint: &'a str) -> Answer<ErrorAnswer<'a>> {
    Answer::new(ErrorAnswer { error: ErrorFields { code, message, hint } })
}

/// Whole milliseconds.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) fn text(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_objects_too() {
        let with_hint = text(&error("no_version", "there is \"no\" version", "push"));
        assert_eq!(with_hint, r#"{"format":1,"error":{"code":"no_version","message":"there is \"no\" version","hint":"push"}}"#);
        assert_eq!(text(&error("x", "y", "")), r#"{"format":1,"error":{"code":"x","message":"y"}}"#);
    }
}
