//! Checks for the fuzzer: contents that may hold a secret, settings.

use super::Settings;
use super::snapshot::suspected_in_both_ways;
pub(crate) use super::sync::remote_state;

/// A content: the quick search finds what trying every place finds.
pub(crate) fn secrets(bytes: &[u8]) {
    let (quick, plain) = suspected_in_both_ways(bytes);
    assert_eq!(quick, plain);
}

/// A settings file: what is taken is written and read again.
pub(crate) fn settings(bytes: &[u8]) {
    let Ok(settings) = Settings::parse(bytes) else { return };
    let text = settings.to_toml().expect("what was read can be written");
    assert_eq!(Settings::parse(text.as_bytes()).as_ref(), Ok(&settings));
}
