//! Where things are: an object in a segment, and a position up to which segments are known.

use crate::limits::{GROUP_MEMBERS_MAX, SEGMENTS_MAX};

/// Where an object is: 20 bits of segment number, 32 bits of the frame's offset in it, 12 bits of the place in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location(u64);

impl Location {
    /// A location from its parts, each within its width.
    pub fn new(segment: u32, offset: u32, member: u16) -> Self {
        debug_assert!(segment < SEGMENTS_MAX && usize::from(member) < GROUP_MEMBERS_MAX);
        Self(u64::from(segment) << 44 | u64::from(offset) << 12 | u64::from(member))
    }

    /// A location from its number. Every number is one; whether anything is there shows when it is read.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The location as a number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Number of the segment.
    pub fn segment(self) -> u32 {
        (self.0 >> 44) as u32
    }

    /// Offset of the frame in the segment, in bytes.
    pub fn offset(self) -> u32 {
        (self.0 >> 12) as u32
    }

    /// Where its frame is.
    pub fn frame(self) -> Self {
        self.with_member(0)
    }

    /// The location of another object in the same frame.
    pub fn with_member(self, member: u16) -> Self {
        Self::new(self.segment(), self.offset(), member)
    }

    /// Place of the object in its frame.
    pub fn member(self) -> u16 {
        (self.0 & 0xfff) as u16
    }
}

/// A position in the sequence of segments: everything before it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Number of a segment; 0 before the first one.
    pub segment: u32,
    /// Bytes of that segment.
    pub offset: u64,
}

impl Position {
    /// Whether the frame at a location begins before this position.
    pub fn is_behind(self, location: Location) -> bool {
        Self { segment: location.segment(), offset: u64::from(location.offset()) } < self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        let location = Location::new(SEGMENTS_MAX - 1, u32::MAX, GROUP_MEMBERS_MAX as u16 - 1);
        assert_eq!((location.segment(), location.offset(), location.member()), (SEGMENTS_MAX - 1, u32::MAX, 4095));
        let location = Location::new(1, 24, 0);
        assert_eq!((location.segment(), location.offset(), location.member()), (1, 24, 0));
    }
}
