//! The workspace itself: which of its paths are recorded, what they hold now, what they held when they were last read, and
//! bringing them to what they should hold. Knows no store and no versions: ids come in and go out as values.

pub mod checkout;
pub mod rules;
pub mod scan;
pub mod stat_cache;
#[cfg(test)]
mod testing;
