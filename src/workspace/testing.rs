//! What the tests of this folder share.

use proptest::prelude::ProptestConfig;

/// The configuration of a property that is tried so many times, or as often as `PROPTEST_CASES` says.
pub(super) fn cases(usual: u32) -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").map_or(usual, |cases| cases.parse().expect("PROPTEST_CASES is a number"));
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(wanted) }
}
