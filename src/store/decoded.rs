//! Frames that were decoded: lately read ones are kept, up to [`FRAME_CACHE_BYTES`], because neighbours share a group and versions of a
//! file share a chain. Of a group only what stands before the end of the wanted object is decoded, and more when more is asked for: who
//! wants one small file out of half a megabyte should not pay for all of it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::codec::{Decoder, Inflater};
use super::{Location, StoreResult};
use crate::format::frame::{Coding, Content, Frame, FrameHeader};
use crate::limits::FRAME_CACHE_BYTES;

/// Where a frame is: its location as member 0.
type FramePlace = Location;

/// A decoded frame.
#[derive(Clone, Debug)]
pub(super) struct Decoded {
    pub header: Arc<FrameHeader>,
    /// Of a group perhaps only the beginning, though it holds what was asked for.
    pub content: Arc<Vec<u8>>,
}

impl Decoded {
    fn covers(&self, extent: Extent) -> bool {
        self.content.len() >= extent.bytes_of(&self.header)
    }
}

/// How much of a frame is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extent {
    /// Everything up to the end of this object.
    Member(u16),
    Whole,
    /// All of it, or of a damaged group what stands before the damage.
    Readable,
}

impl Extent {
    /// How many bytes of the frame's content that is. An object that is not in the frame is looked for in all of it.
    fn bytes_of(self, header: &FrameHeader) -> usize {
        let range = match self {
            Self::Member(member) => header.member_range(member),
            Self::Whole | Self::Readable => None,
        };
        range.map_or(header.raw_bytes as usize, |range| range.end)
    }

    /// With fewer bytes than these it is not had at all.
    fn bytes_min(self, header: &FrameHeader) -> usize {
        match self {
            Self::Readable => 0,
            Self::Member(_) | Self::Whole => self.bytes_of(header),
        }
    }
}

/// What a reader keeps between reads.
#[derive(Debug, Default)]
pub(super) struct ReaderState {
    frames: HashMap<FramePlace, Decoded>,
    order: VecDeque<FramePlace>,
    /// Room that the kept frames take when they are decoded in full, in bytes.
    cached_bytes: usize,
    /// Goes on in the group that was begun last.
    inflater: Option<(FramePlace, Inflater)>,
    decoder: Option<Decoder>,
    /// The collections that were known when the frames were decoded.
    collections: u64,
}

impl ReaderState {
    /// Forgets everything that was decoded before the last of so many collections: contents were moved.
    pub fn forget_before(&mut self, collections: u64) {
        if self.collections != collections {
            *self = Self { collections, ..Self::default() };
        }
    }

    /// A frame that is kept, if so much of it is.
    pub fn kept(&self, place: FramePlace, extent: Extent) -> Option<Decoded> {
        self.frames.get(&place).filter(|decoded| decoded.covers(extent)).cloned()
    }

    /// Decodes a frame, against its base if it is a delta, and keeps it.
    pub fn decode(&mut self, place: FramePlace, frame: Frame<'_>, extent: Extent, base: Option<&[u8]>) -> StoreResult<Decoded> {
        let raw_bytes = frame.header.raw_bytes as usize;
        let content = match (&frame.header.coding, &frame.header.content) {
            (Coding::Raw, _) => frame.payload.to_vec(),
            (Coding::Zstd, Content::Group(_)) => self.inflate(place, &frame.header, frame.payload, extent)?,
            (Coding::Zstd, _) => self.decoder()?.decode(frame.payload, None, raw_bytes)?,
            (Coding::Delta { .. }, _) => self.decoder()?.decode(frame.payload, base, raw_bytes)?,
        };
        let decoded = Decoded { header: Arc::new(frame.header), content: Arc::new(content) };
        self.keep(place, &decoded);
        Ok(decoded)
    }

    fn keep(&mut self, place: FramePlace, decoded: &Decoded) {
        let frame_bytes = |decoded: &Decoded| decoded.header.raw_bytes as usize;
        if frame_bytes(decoded) > FRAME_CACHE_BYTES / 2 {
            return;
        }
        if self.frames.insert(place, decoded.clone()).is_some() {
            return;
        }
        self.cached_bytes += frame_bytes(decoded);
        self.order.push_back(place);
        while self.cached_bytes > FRAME_CACHE_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            self.cached_bytes -= self.frames.remove(&oldest).map_or(0, |decoded| frame_bytes(&decoded));
        }
    }

    fn decoder(&mut self) -> StoreResult<&mut Decoder> {
        match &mut self.decoder {
            Some(decoder) => Ok(decoder),
            none => Ok(none.insert(Decoder::new()?)),
        }
    }

    /// The content of a group as far as it is wanted. What is kept of it is continued if it was the last one begun; else the group
    /// is decoded anew, and in full if it was met before: then more of it will be wanted. Damage behind what is wanted does no harm.
    fn inflate(&mut self, place: FramePlace, header: &FrameHeader, payload: &[u8], extent: Extent) -> StoreResult<Vec<u8>> {
        let raw_bytes = header.raw_bytes as usize;
        let kept = self.frames.get_mut(&place).map(|decoded| std::mem::take(&mut decoded.content));
        let is_met_again = kept.is_some();
        let (mut content, mut inflater) = match (kept, self.inflater.take()) {
            (Some(kept), Some((last, inflater))) if last == place => (Arc::unwrap_or_clone(kept), inflater),
            (_, Some((_, mut inflater))) => {
                inflater.begin()?;
                (Vec::new(), inflater)
            }
            (_, None) => (Vec::new(), Inflater::new()?),
        };
        let wanted_bytes = if is_met_again && content.is_empty() { raw_bytes } else { extent.bytes_of(header) };
        content.reserve_exact(raw_bytes - content.len());
        match inflater.inflate(payload, &mut content, wanted_bytes) {
            Ok(()) => self.inflater = Some((place, inflater)),
            Err(_) if content.len() >= extent.bytes_min(header) => {}
            Err(error) => return Err(error),
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ObjectKind;

    #[test]
    fn frames_are_kept_up_to_a_bound_and_the_oldest_go_first() {
        let mut state = ReaderState::default();
        let mut keep = |number: u32, raw_bytes: usize| {
            let header = FrameHeader {
                kind: ObjectKind::Blob,
                content: Content::Single,
                coding: Coding::Raw,
                raw_bytes: raw_bytes as u32,
                stored_bytes: 0,
            };
            state.keep(Location::new(1, number, 0), &Decoded { header: Arc::new(header), content: Arc::default() });
            assert!(state.frames.len() == state.order.len() && state.order.iter().all(|place| state.frames.contains_key(place)));
            let kept: usize = state.frames.values().map(|decoded| decoded.header.raw_bytes as usize).sum();
            assert_eq!(state.cached_bytes, kept);
            state.order.iter().map(|place| place.offset()).collect::<Vec<u32>>()
        };
        let half = FRAME_CACHE_BYTES / 2;
        assert_eq!(keep(1, half + 1), [0; 0], "too large to be kept");
        assert_eq!(keep(2, half), [2]);
        assert_eq!(keep(2, half), [2], "kept already");
        assert_eq!(keep(3, half - 1), [2, 3]);
        assert_eq!(keep(4, 1), [2, 3, 4], "full");
        assert_eq!(keep(5, 1), [3, 4, 5]);
        assert_eq!(keep(6, half), [4, 5, 6]);
    }
}
