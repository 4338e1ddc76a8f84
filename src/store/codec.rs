//! Compression of frames with zstd (RFC 8878), with another content as prefix where there is one.
//!
//! The four bytes of zstd's magic number, its content size and its checksum are left out: the frame's header and the ids
//! say all that. Small deltas are a few dozen bytes, so a dozen bytes of overhead matter.
//!
//! What was compressed is decompressed at once and compared: processors and memory that fail now and then are found by the push,
//! while the content is still there, and not by whoever needs it back years later.

use zstd_safe::{CCtx, CParameter, DCtx, DParameter, FrameFormat, InBuffer, OutBuffer, ResetDirective};

use super::{StoreError, StoreResult};
use crate::limits::{FRAME_RAW_BYTES_MAX, SAMPLE_BYTES, SAMPLE_FROM_BYTES, ZSTD_LEVEL, ZSTD_WINDOW_LOG_MAX};

/// A delta this many times smaller than its content is taken without trying the content alone.
const DELTA_CLEAR_GAIN: usize = 4;
/// Compressing must save at least one byte in this many, else the content is stored as it is.
const GAIN_MIN_SHARE: usize = 32;

/// How a dictionary of zstd begins (RFC 8878, section 5).
const DICTIONARY_MAGIC: [u8; 4] = 0xec30_a437_u32.to_le_bytes();

/// How a content was encoded.
pub enum Encoded {
    /// Not at all: it does not shrink.
    Raw,
    /// Alone.
    Zstd(Vec<u8>),
    /// Against the prefix.
    Delta(Vec<u8>),
}

/// Compresses contents; one for each thread.
pub struct Encoder {
    context: CCtx<'static>,
    level: i32,
    decoder: Decoder,
    /// What was decompressed last to be compared: its memory is used again.
    read_back: Vec<u8>,
    /// In how many payloads from now on a fault turns a bit over, and which one from the payload's end.
    #[cfg(test)]
    pub fault: Option<(usize, usize)>,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}

impl Encoder {
    /// A compressor; fails when there is no memory for its tables.
    pub fn new() -> StoreResult<Self> {
        Self::with_level(ZSTD_LEVEL)
    }

    /// A compressor of another level of zstd.
    pub fn with_level(level: i32) -> StoreResult<Self> {
        Ok(Self {
            context: new_context(level)?,
            level,
            decoder: Decoder::new()?,
            read_back: Vec::new(),
            #[cfg(test)]
            fault: None,
        })
    }

    /// Encodes a content in the way that takes the fewest bytes, and reads it back.
    ///
    /// # Errors
    /// [`StoreError::Unproven`] when what was compressed is not the content.
    pub fn encode(&mut self, content: &[u8], prefix: Option<&[u8]>) -> StoreResult<Encoded> {
        #[cfg_attr(not(test), expect(unused_mut, reason = "only tests bring faults about"))]
        let mut encoded = self.choose(content, prefix)?;
        #[cfg(test)]
        self.fail(&mut encoded);
        let is_proven = match &encoded {
            Encoded::Raw => true,
            Encoded::Zstd(payload) => self.comes_back(payload, None, content),
            Encoded::Delta(payload) => self.comes_back(payload, prefix, content),
        };
        if is_proven { Ok(encoded) } else { Err(StoreError::Unproven) }
    }

    fn comes_back(&mut self, payload: &[u8], prefix: Option<&[u8]>, content: &[u8]) -> bool {
        self.decoder.decode_into(payload, prefix, content.len(), &mut self.read_back).is_ok() && self.read_back == content
    }

    fn choose(&mut self, content: &[u8], prefix: Option<&[u8]>) -> StoreResult<Encoded> {
        if let Some(prefix) = prefix {
            let delta = compress_delta(content, prefix, self.level)?;
            if delta.len() < content.len() / DELTA_CLEAR_GAIN {
                return Ok(Encoded::Delta(delta));
            }
            // A delta that gains little is not worth the chain it lengthens.
            return Ok(match self.encode_alone(content)? {
                Encoded::Zstd(alone) if alone.len() <= delta.len() + delta.len() / 8 => Encoded::Zstd(alone),
                Encoded::Raw if content.len() <= delta.len() => Encoded::Raw,
                _ => Encoded::Delta(delta),
            });
        }
        self.encode_alone(content)
    }

    fn encode_alone(&mut self, content: &[u8]) -> StoreResult<Encoded> {
        if content.len() >= SAMPLE_FROM_BYTES && !self.sample_shrinks(content)? {
            return Ok(Encoded::Raw);
        }
        let compressed = self.compress(content)?;
        Ok(if shrinks(compressed.len(), content.len()) { Encoded::Zstd(compressed) } else { Encoded::Raw })
    }

    #[cfg(test)]
    fn fail(&mut self, encoded: &mut Encoded) {
        let (Some((payloads, bit)), Encoded::Zstd(payload) | Encoded::Delta(payload)) = (self.fault.take(), encoded) else { return };
        let place = payload.len() - 1 - bit / 8 % payload.len();
        match payloads.checked_sub(1) {
            Some(payloads) => self.fault = Some((payloads, bit)),
            None => payload[place] ^= 1 << (bit % 8),
        }
    }

    /// Whether a piece from the middle shrinks: media and archives are found out at the cost of one small piece.
    fn sample_shrinks(&mut self, content: &[u8]) -> StoreResult<bool> {
        let start = (content.len() - SAMPLE_BYTES) / 2;
        let sample = &content[start..start + SAMPLE_BYTES];
        // Text at the beginning (headers, tables of contents) says little; a first piece that shrinks as well decides a tie.
        Ok(shrinks(self.compress(sample)?.len(), SAMPLE_BYTES) || shrinks(self.compress(&content[..SAMPLE_BYTES])?.len(), SAMPLE_BYTES))
    }

    fn compress(&mut self, content: &[u8]) -> StoreResult<Vec<u8>> {
        self.context.reset(ResetDirective::SessionOnly).map_err(codec_error)?;
        compress_in(&mut self.context, content)
    }
}

/// Compresses against a prefix. The library ties a prefix to the life of its context, so each delta has a context of its own;
/// the allocator hands back the same memory, and setting up the tables costs the same either way.
fn compress_delta(content: &[u8], prefix: &[u8], level: i32) -> StoreResult<Vec<u8>> {
    let mut context = new_context(level)?;
    // The window is to reach over both; zstd itself takes a smaller one that does.
    context.set_parameter(CParameter::WindowLog(ZSTD_WINDOW_LOG_MAX)).map_err(codec_error)?;
    context.ref_prefix(prefix).map_err(codec_error)?;
    compress_in(&mut context, content)
}

fn new_context<'a>(level: i32) -> StoreResult<CCtx<'a>> {
    let mut context = CCtx::try_create().ok_or(StoreError::Codec("no memory for a compression context"))?;
    for parameter in [
        CParameter::CompressionLevel(level),
        CParameter::Format(FrameFormat::Magicless),
        CParameter::ContentSizeFlag(false),
        CParameter::ChecksumFlag(false),
        CParameter::DictIdFlag(false),
    ] {
        context.set_parameter(parameter).map_err(codec_error)?;
    }
    Ok(context)
}

fn compress_in(context: &mut CCtx<'_>, content: &[u8]) -> StoreResult<Vec<u8>> {
    let mut compressed = Vec::with_capacity(zstd_safe::compress_bound(content.len()));
    context.compress2(&mut compressed, content).map_err(codec_error)?;
    compressed.shrink_to_fit();
    Ok(compressed)
}

/// Decompresses whole payloads; one for each thread. Setting a context up costs more than most deltas do.
pub struct Decoder {
    context: DCtx<'static>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoder")
    }
}

impl Decoder {
    /// A decompressor; fails when there is no memory for its tables.
    pub fn new() -> StoreResult<Self> {
        Ok(Self { context: new_decompressor()? })
    }

    /// Decompresses a payload to exactly `raw_bytes` bytes, which the frame's header bounds.
    pub fn decode(&mut self, payload: &[u8], prefix: Option<&[u8]>, raw_bytes: usize) -> StoreResult<Vec<u8>> {
        let mut content = Vec::new();
        self.decode_into(payload, prefix, raw_bytes, &mut content)?;
        Ok(content)
    }

    /// As [`Decoder::decode`], in the place of what `content` held.
    fn decode_into(&mut self, payload: &[u8], prefix: Option<&[u8]>, raw_bytes: usize, content: &mut Vec<u8>) -> StoreResult<()> {
        if raw_bytes > FRAME_RAW_BYTES_MAX {
            return Err(StoreError::TooLarge { bytes: raw_bytes as u64, bytes_max: FRAME_RAW_BYTES_MAX as u64 });
        }
        content.clear();
        content.reserve_exact(raw_bytes);
        let written = match prefix {
            // What begins as a dictionary does would be taken for one.
            Some(prefix) if prefix.starts_with(&DICTIONARY_MAGIC) => {
                let mut context = new_decompressor()?;
                context.ref_prefix(prefix).map_err(codec_error)?;
                context.decompress(content, payload)
            }
            Some(prefix) => self.context.decompress_using_dict(content, payload, prefix),
            None => self.context.decompress_using_dict(content, payload, &[]),
        };
        if written.map_err(codec_error)? != raw_bytes {
            return Err(StoreError::Codec("a frame's content is not as long as its header says"));
        }
        Ok(())
    }
}

/// Decompresses a payload from its beginning as far as is asked for, and goes on from there when more is: one object of a group
/// needs nothing of what stands behind it.
pub struct Inflater {
    context: DCtx<'static>,
    consumed_bytes: usize,
    /// What zstd wants to see next, in bytes: a whole block, so that it need not keep a part of one.
    next_bytes: usize,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inflater")
    }
}

impl Inflater {
    /// A decompressor; fails when there is no memory for its tables.
    pub fn new() -> StoreResult<Self> {
        Ok(Self { context: new_decompressor()?, consumed_bytes: 0, next_bytes: 1 })
    }

    /// Goes back to the beginning, of this payload or of another one.
    pub fn begin(&mut self) -> StoreResult<()> {
        self.context.reset(ResetDirective::SessionOnly).map_err(codec_error)?;
        (self.consumed_bytes, self.next_bytes) = (0, 1);
        Ok(())
    }

    /// Goes on until `content` has at least `wanted_bytes` bytes. `content` has what was decompressed since the beginning, and room
    /// for all: no more than its capacity is ever written.
    pub fn inflate(&mut self, payload: &[u8], content: &mut Vec<u8>, wanted_bytes: usize) -> StoreResult<()> {
        while content.len() < wanted_bytes {
            let rest = payload.get(self.consumed_bytes..).unwrap_or_default();
            let mut input = InBuffer::around(&rest[..self.next_bytes.min(rest.len())]);
            let written = content.len();
            let mut output = OutBuffer::around_pos(content, written);
            let hint_bytes = self.context.decompress_stream(&mut output, &mut input).map_err(codec_error)?;
            let (consumed, written_more) = (input.pos(), output.pos() - written);
            self.consumed_bytes += consumed;
            self.next_bytes = hint_bytes.max(1);
            let has_ended = hint_bytes == 0 || (consumed == 0 && written_more == 0);
            if has_ended && content.len() < wanted_bytes {
                return Err(StoreError::Codec("a frame's content is shorter than its header says"));
            }
        }
        Ok(())
    }
}

fn new_decompressor<'a>() -> StoreResult<DCtx<'a>> {
    let mut context = DCtx::try_create().ok_or(StoreError::Codec("no memory for a decompression context"))?;
    context.set_parameter(DParameter::Format(FrameFormat::Magicless)).map_err(codec_error)?;
    context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX)).map_err(codec_error)?;
    Ok(context)
}

fn shrinks(compressed_bytes: usize, raw_bytes: usize) -> bool {
    compressed_bytes + raw_bytes / GAIN_MIN_SHARE < raw_bytes
}

fn codec_error(code: zstd_safe::ErrorCode) -> StoreError {
    StoreError::Codec(zstd_safe::get_error_name(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decompress(payload: &[u8], prefix: Option<&[u8]>, raw_bytes: usize) -> StoreResult<Vec<u8>> {
        Decoder::new().unwrap().decode(payload, prefix, raw_bytes)
    }

    #[test]
    fn a_decoder_forgets_the_former_prefix() {
        let before = text();
        let mut after = before.clone();
        after[5] ^= 1;
        let mut encoder = Encoder::new().unwrap();
        let Encoded::Delta(delta) = encoder.encode(&after, Some(&before)).unwrap() else { panic!("no delta") };
        let Encoded::Zstd(alone) = encoder.encode(&before, None).unwrap() else { panic!("not compressed") };
        let mut decoder = Decoder::new().unwrap();
        for _ in 0..2 {
            assert_eq!(decoder.decode(&delta, Some(&before), after.len()).unwrap(), after);
            assert_eq!(decoder.decode(&alone, None, before.len()).unwrap(), before);
            assert!(decoder.decode(&delta, None, after.len()).is_err());
        }
    }

    #[test]
    fn a_prefix_that_looks_like_a_dictionary_is_a_prefix() {
        let before = [&DICTIONARY_MAGIC[..], &text()[..]].concat();
        let mut after = before.clone();
        after[5000] ^= 1;
        let encoded = Encoder::new().unwrap().encode(&after, Some(&before)).unwrap();
        assert!(matches!(encoded, Encoded::Delta(_)));
        assert_eq!(decode(&encoded, &after, &before), after);
    }

    fn decode(encoded: &Encoded, content: &[u8], prefix: &[u8]) -> Vec<u8> {
        match encoded {
            Encoded::Raw => content.to_vec(),
            Encoded::Zstd(payload) => decompress(payload, None, content.len()).unwrap(),
            Encoded::Delta(payload) => decompress(payload, Some(prefix), content.len()).unwrap(),
        }
    }

    #[test]
    fn an_edit_becomes_a_small_delta() {
        let before: Vec<u8> = (0..20_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut after = before.clone();
        after[40_000] ^= 1;
        let encoded = Encoder::new().unwrap().encode(&after, Some(&before)).unwrap();
        let Encoded::Delta(delta) = &encoded else { panic!("no delta") };
        assert!(delta.len() < 60, "{}", delta.len());
        assert_eq!(decode(&encoded, &after, &before), after);
    }

    #[test]
    fn what_does_not_shrink_is_stored_as_it_is() {
        let mut noise = vec![0; 200_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        assert!(matches!(Encoder::new().unwrap().encode(&noise, None).unwrap(), Encoded::Raw));
        assert!(matches!(Encoder::new().unwrap().encode(b"", None).unwrap(), Encoded::Raw));
    }

    #[test]
    fn a_lying_length_is_an_error() {
        let Encoded::Zstd(payload) = Encoder::new().unwrap().encode(&[b'x'; 1000], None).unwrap() else { panic!("not compressed") };
        assert!(decompress(&payload, None, 999).is_err());
        assert!(decompress(&payload, None, 1001).is_err());
        assert!(matches!(decompress(&payload, None, usize::MAX), Err(StoreError::TooLarge { .. })));
        assert!(matches!(decompress(&payload, None, FRAME_RAW_BYTES_MAX + 1), Err(StoreError::TooLarge { .. })));
        assert!(matches!(decompress(&payload, None, FRAME_RAW_BYTES_MAX), Err(StoreError::Codec(_))));
    }

    fn noise(seed: u8, bytes: usize) -> Vec<u8> {
        let mut noise = vec![0; bytes];
        blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut noise);
        noise
    }

    /// Which way is taken: r(aw), z(std) or d(elta), and how many bytes the content takes alone and as a delta.
    fn way(content: &[u8], prefix: &[u8]) -> (char, usize, usize) {
        let way = match Encoder::new().unwrap().encode(content, Some(prefix)).unwrap() {
            Encoded::Raw => 'r',
            Encoded::Zstd(_) => 'z',
            Encoded::Delta(_) => 'd',
        };
        (way, Encoder::new().unwrap().compress(content).unwrap().len(), compress_delta(content, prefix, ZSTD_LEVEL).unwrap().len())
    }

    #[test]
    fn the_way_that_takes_the_fewest_bytes_is_taken() {
        // Half of it says nothing, so that it shrinks alone too.
        let hex: Vec<u8> = noise(1, 4000).iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
        let of_prefix = |shared: usize| way(&hex, &[&hex[..shared], &noise(2, 4000)].concat());
        assert_eq!(of_prefix(0).0, 'z');
        let (way_taken, alone, delta) = of_prefix(600);
        assert!(way_taken == 'z' && alone > delta + 8 && alone <= delta + delta / 8, "a chain for {delta} in place of {alone} bytes");
        let (way_taken, alone, delta) = of_prefix(3000);
        assert!(way_taken == 'd' && delta >= hex.len() / 4 && alone > delta + delta / 8, "{alone} in place of {delta} bytes");

        let content = noise(3, 4000);
        let of_prefix = |shared: usize| way(&content, &[&content[..shared], &noise(4, 4000)].concat());
        assert_eq!(of_prefix(0).0, 'r');
        let (way_taken, _, delta) = of_prefix(2000);
        assert!(way_taken == 'd' && delta >= content.len() / 4);
    }

    #[test]
    fn a_delta_of_less_than_a_quarter_is_taken_without_a_look_at_the_content_alone() {
        let content = |zeros: usize| [noise(1, 100), vec![0; zeros]].concat();
        let delta = compress_delta(&content(400), &noise(2, 1000), ZSTD_LEVEL).unwrap().len();
        let (more, exactly) = (way(&content(4 * delta + 4 - 100), &noise(2, 1000)), way(&content(4 * delta - 100), &noise(2, 1000)));
        assert!(more.1 <= delta && exactly.1 <= delta, "alone it is no longer");
        assert_eq!([(more.0, more.2), (exactly.0, exactly.2)], [('d', delta), ('z', delta)]);
    }

    #[test]
    fn a_window_reaches_over_content_and_prefix_and_no_farther() {
        // In the byte behind the descriptor of the frame, above three bits of a mantissa; less 10.
        let window = |delta: &[u8]| 10 + (delta[1] >> 3);
        let compressed = |bytes: usize, prefix_bytes| compress_delta(&noise(1, bytes), &noise(2, prefix_bytes), ZSTD_LEVEL).unwrap();
        assert_eq!([window(&compressed(20_000, 20_000)), window(&compressed(20_000, 60_000))], [16, 17]);
        let (before, mut after) = (noise(1, 3 << 20), noise(1, 3 << 20));
        after[1000] ^= 1;
        let delta = compress_delta(&after, &before, ZSTD_LEVEL).unwrap();
        // Of a long prefix zstd searches the last MiB alone, which is as far away as the content is long.
        assert!(delta.len() < (2 << 20) + 2000 && window(&delta) == 23, "{} bytes", delta.len());
    }

    #[test]
    fn a_piece_from_the_middle_or_the_beginning_says_whether_to_compress() {
        let places = [(SAMPLE_FROM_BYTES - SAMPLE_BYTES) / 2, 0, SAMPLE_FROM_BYTES - SAMPLE_BYTES];
        let is_compressed = places.map(|place| {
            let mut content = noise(1, SAMPLE_FROM_BYTES);
            content[place..place + SAMPLE_BYTES].fill(b'x');
            matches!(Encoder::new().unwrap().encode(&content, None).unwrap(), Encoded::Zstd(_))
        });
        assert_eq!(is_compressed, [true, true, false]);
    }

    #[test]
    fn less_than_a_byte_in_32_is_no_gain() {
        assert!(shrinks(968, 1000) && !shrinks(969, 1000) && !shrinks(1, 1));
    }

    /// Many blocks, so that there is something to stop behind.
    fn text() -> Vec<u8> {
        (0..60_000u32).flat_map(|n| format!("{:x} ", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
    }

    #[test]
    fn a_part_is_had_without_the_rest() {
        let content = text();
        let Encoded::Zstd(payload) = Encoder::new().unwrap().encode(&content, None).unwrap() else { panic!("not compressed") };
        let mut inflater = Inflater::new().unwrap();
        let mut part = Vec::with_capacity(content.len());
        inflater.inflate(&payload[..payload.len() / 2], &mut part, 1000).unwrap();
        assert!(part.len() >= 1000 && part.len() <= 1 << 17, "{}", part.len());
        for wanted in [1000, 200_000, content.len()] {
            inflater.inflate(&payload, &mut part, wanted).unwrap();
            assert!(content.starts_with(&part) && part.len() >= wanted);
        }
        assert!(matches!(inflater.inflate(&payload, &mut part, content.len() + 1), Err(StoreError::Codec(_))));
        inflater.begin().unwrap();
        let mut again = Vec::with_capacity(content.len());
        inflater.inflate(&payload, &mut again, 1).unwrap();
        assert!(content.starts_with(&again));
    }

    proptest! {
        #[test]
        fn any_payload_is_inflated_without_panic(payload: Vec<u8>, wanted in 0usize..100_000) {
            let mut content = Vec::with_capacity(wanted);
            let _ = Inflater::new().unwrap().inflate(&payload, &mut content, wanted);
            prop_assert!(content.len() <= content.capacity());
        }

        #[test]
        fn contents_come_back(content: Vec<u8>, prefix: Vec<u8>) {
            let encoded = Encoder::new().unwrap().encode(&content, Some(&prefix)).unwrap();
            prop_assert_eq!(decode(&encoded, &content, &prefix), content);
        }

        #[test]
        fn any_payload_is_decoded_without_panic(payload: Vec<u8>, raw_bytes in 0usize..100_000) {
            let _ = decompress(&payload, None, raw_bytes);
            let _ = decompress(&payload, Some(&payload), raw_bytes);
        }
    }
}
