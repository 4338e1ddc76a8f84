//! How much is shown, and how often.

/// Paths of a plan that are shown unless all are asked for.
pub const PATHS_SHOWN_MAX: usize = 10;
/// Ignore rules that an answer names, those that leave out most first.
pub const RULES_SHOWN_MAX: usize = 5;
/// The progress line is drawn at most once in this time, in milliseconds.
pub const PROGRESS_INTERVAL_MS: u64 = 100;
/// Work that is done within this time shows no progress, in milliseconds.
pub const PROGRESS_DELAY_MS: u64 = 300;
/// How long the rest takes is said when something was at work for this long, in milliseconds.
pub const PROGRESS_LEFT_AFTER_MS: u64 = 2_000;
/// Columns of a terminal that does not say how wide it is.
pub const COLUMNS_DEFAULT: usize = 80;
/// Widest row of signs in `diff --stat`, in columns.
pub const STAT_GRAPH_COLUMNS_MAX: usize = 40;
/// Versions that are suggested on a command line.
pub const COMPLETED_VERSIONS_MAX: u64 = 100;
/// Characters of a message that are shown beside a suggestion.
pub const COMPLETED_MESSAGE_CHARS_MAX: usize = 60;
