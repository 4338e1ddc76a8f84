//! Contents that look like they hold a key: a small set of forms that hardly anything else has. A hint, not a proof.
//!
//! A search for the beginnings of all forms at once runs at memory speed; only behind a beginning is anything looked at closely.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::limits::SECRET_SCAN_BYTES_MAX;
use crate::patch::is_binary;

/// A form of secrets.
struct Rule {
    /// What it is, for people.
    name: &'static str,
    /// How it begins.
    prefix: &'static str,
    /// Which bytes follow.
    is_body: fn(u8) -> bool,
    /// How many of them at least.
    bytes_min: usize,
}

const fn rule(name: &'static str, prefix: &'static str, is_body: fn(u8) -> bool, bytes_min: usize) -> Rule {
    Rule { name, prefix, is_body, bytes_min }
}

const AWS: &str = "AWS access key id";
const GITHUB: &str = "GitHub token";
const SLACK: &str = "Slack token";
const STRIPE: &str = "Stripe key";

/// All forms. Private keys are told by their first line, see [`is_private_key`].
const RULES: [Rule; 20] = [
    rule("private key", "-----BEGIN ", |byte| byte.is_ascii_uppercase() || byte == b' ' || byte.is_ascii_digit(), 11),
    rule(AWS, "AKIA", |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit(), 16),
    rule(AWS, "ASIA", |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit(), 16),
    rule(GITHUB, "ghp_", |byte| byte.is_ascii_alphanumeric(), 36),
    rule(GITHUB, "gho_", |byte| byte.is_ascii_alphanumeric(), 36),
    rule(GITHUB, "ghu_", |byte| byte.is_ascii_alphanumeric(), 36),
    rule(GITHUB, "ghs_", |byte| byte.is_ascii_alphanumeric(), 36),
    rule(GITHUB, "ghr_", |byte| byte.is_ascii_alphanumeric(), 36),
    rule(GITHUB, "github_pat_", is_word, 60),
    rule("GitLab token", "glpat-", is_word_or_dash, 20),
    rule(SLACK, "xoxb-", is_word_or_dash, 24),
    rule(SLACK, "xoxp-", is_word_or_dash, 24),
    rule(SLACK, "xoxa-", is_word_or_dash, 24),
    rule(SLACK, "xoxr-", is_word_or_dash, 24),
    rule(SLACK, "xoxs-", is_word_or_dash, 24),
    rule(STRIPE, "sk_live_", |byte| byte.is_ascii_alphanumeric(), 24),
    rule(STRIPE, "rk_live_", |byte| byte.is_ascii_alphanumeric(), 24),
    rule("Google API key", "AIza", is_word_or_dash, 35),
    rule("npm token", "npm_", |byte| byte.is_ascii_alphanumeric(), 36),
    rule("PyPI token", "pypi-AgEIcHlwaS5vcmc", is_word_or_dash, 50),
];

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_word_or_dash(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

/// What the beginning of a content looks like it holds: the form that stands first in it.
pub fn suspected(content: &[u8]) -> Option<&'static str> {
    let content = &content[..content.len().min(SECRET_SCAN_BYTES_MAX)];
    let found = search()?.find_iter(content).find(|found| holds(content, found.start(), &RULES[found.pattern().as_usize()]))?;
    (!is_binary(content)).then(|| RULES[found.pattern().as_usize()].name)
}

/// What [`suspected`] finds, and what trying every form at every place finds.
#[cfg(any(test, feature = "fuzzing"))]
pub fn suspected_in_both_ways(content: &[u8]) -> (Option<&'static str>, Option<&'static str>) {
    let seen = &content[..content.len().min(SECRET_SCAN_BYTES_MAX)];
    let found_at = |start: usize| RULES.iter().find(|rule| seen[start..].starts_with(rule.prefix.as_bytes()) && holds(seen, start, rule));
    let first = (0..seen.len()).find_map(found_at).filter(|_| !is_binary(seen));
    (suspected(content), first.map(|rule| rule.name))
}

fn search() -> Option<&'static AhoCorasick> {
    static SEARCH: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    // Only for a leftmost search does the library look for several beginnings at once with vector instructions. No beginning
    // stands in another, so all kinds of search find the same.
    let build = || AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(RULES.iter().map(|rule| rule.prefix)).ok();
    SEARCH.get_or_init(build).as_ref()
}

fn holds(content: &[u8], start: usize, rule: &Rule) -> bool {
    let is_own_word = start == 0 || !is_word(content[start - 1]);
    let body = &content[start + rule.prefix.len()..];
    let bytes = body.iter().take_while(|byte| (rule.is_body)(**byte)).count();
    let is_long = bytes >= rule.bytes_min;
    is_own_word && is_long && (rule.prefix != "-----BEGIN " || is_private_key(&body[..bytes], &body[bytes..]))
}

/// Whether a line is the first of a private key, and a key follows: documentation often has that line alone.
fn is_private_key(title: &[u8], behind: &[u8]) -> bool {
    let is_title = title.ends_with(b"PRIVATE KEY") || title.ends_with(b"PRIVATE KEY BLOCK");
    let Some(rest) = behind.strip_prefix(b"-----") else { return false };
    let is_base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/=:-, \r\n".contains(byte);
    is_title && rest.iter().take_while(is_base64).count() >= 64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that no tool takes this file for a leak.
    fn token(prefix: &str, body: &str, times: usize) -> String {
        format!("{prefix}{}", body.repeat(times))
    }

    #[test]
    fn well_known_forms_are_seen() {
        for (text, name) in [
            (format!("key = \"{}\"", token("AKIA", "IOSFODNN7EXAMPLE", 1)), AWS),
            (token("ghp_", "aB3dE6", 6), GITHUB),
            (token("glpat-", "aB3dE", 4), "GitLab token"),
            (token("xoxb-", "123456789012-", 3), SLACK),
            (token("sk_live_", "aB3dE6", 4), STRIPE),
            (token("AIza", "aB3dE", 7), "Google API key"),
            (token("//registry/:_authToken=npm_", "aB3dE6", 6), "npm token"),
            (format!("-----BEGIN RSA {}-----\n{}\n", "PRIVATE KEY", "MIIEpAIBAAKCAQEA".repeat(6)), "private key"),
        ] {
            assert_eq!(suspected(text.as_bytes()), Some(name), "{text}");
        }
    }

    #[test]
    fn what_only_looks_a_little_like_one_is_not() {
        let twice = token("AKIA", "IOSFODNN7EXAMPLE", 1);
        for text in [
            "PASSWORD=hunter2".to_owned(),
            "a line with -----BEGIN RSA PRIVATE KEY----- in it, and nothing behind".to_owned(),
            format!("-----BEGIN CERTIFICATE-----\n{}", "MIIEpAIBAAKCAQEA".repeat(6)),
            "ghp_short and npm_config_cache and AIzawa".to_owned(),
            format!("x{twice}"),
            format!("\0{twice}"),
            format!("{}{twice}", " ".repeat(SECRET_SCAN_BYTES_MAX)),
        ] {
            assert_eq!(suspected(text.as_bytes()), None, "{}", &text[..text.len().min(80)]);
        }
    }
}
