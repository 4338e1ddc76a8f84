//! Compression of frames with zstd (RFC 8878), with another content as prefix where there is one.
//!
//! The four bytes of zstd's magic number, its content size and its checksum are left out: the frame's header and the ids
//! say all that. Small deltas are a few dozen bytes, so a dozen bytes of overhead matter.

use zstd_safe::{CCtx, CParameter, DCtx, DParameter, FrameFormat, ResetDirective};

use super::{StoreError, StoreResult};
use crate::limits::{FRAME_RAW_BYTES_MAX, SAMPLE_BYTES, SAMPLE_FROM_BYTES, ZSTD_LEVEL, ZSTD_WINDOW_LOG_MAX};

/// A delta this many times smaller than its content is taken without trying the content alone.
const DELTA_CLEAR_GAIN: usize = 4;
/// Compressing must save at least one byte in this many, else the content is stored as it is.
const GAIN_MIN_SHARE: usize = 32;

/// How a dictionary of zstd begins. A prefix that begins like one must be given as a prefix, or it is read as a dictionary.
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
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}

impl Encoder {
    /// A compressor; fails when there is no memory for its tables.
    pub fn new() -> StoreResult<Self> {
        Ok(Self { context: new_context()? })
    }

    /// Encodes a content in the way that takes the fewest bytes.
    pub fn encode(&mut self, content: &[u8], prefix: Option<&[u8]>) -> StoreResult<Encoded> {
        if let Some(prefix) = prefix {
            let delta = compress_delta(content, prefix)?;
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
fn compress_delta(content: &[u8], prefix: &[u8]) -> StoreResult<Vec<u8>> {
    let mut context = new_context()?;
    context.set_parameter(CParameter::WindowLog(window_log(prefix.len() + content.len()))).map_err(codec_error)?;
    context.ref_prefix(prefix).map_err(codec_error)?;
    compress_in(&mut context, content)
}

fn new_context<'a>() -> StoreResult<CCtx<'a>> {
    let mut context = CCtx::try_create().ok_or(StoreError::Codec("no memory for a compression context"))?;
    for parameter in [
        CParameter::CompressionLevel(ZSTD_LEVEL),
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

/// Decompresses payloads; one for each thread. Its context is made when it is first needed, and kept: making one costs more
/// than a small delta.
#[derive(Default)]
pub struct Decoder {
    context: Option<DCtx<'static>>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoder")
    }
}

impl Decoder {
    /// Decompresses a payload to exactly `raw_bytes` bytes, which the frame's header bounds.
    pub fn decompress(&mut self, payload: &[u8], prefix: Option<&[u8]>, raw_bytes: usize) -> StoreResult<Vec<u8>> {
        if raw_bytes > FRAME_RAW_BYTES_MAX {
            return Err(StoreError::TooLarge { bytes: raw_bytes as u64, bytes_max: FRAME_RAW_BYTES_MAX as u64 });
        }
        let mut content = Vec::with_capacity(raw_bytes);
        let written = match prefix {
            Some(prefix) if prefix.starts_with(&DICTIONARY_MAGIC) => {
                let mut context = new_decoding_context()?;
                context.ref_prefix(prefix).map_err(codec_error)?;
                context.decompress(&mut content, payload)
            }
            prefix => self.context()?.decompress_using_dict(&mut content, payload, prefix.unwrap_or_default()),
        };
        if written.map_err(codec_error)? != raw_bytes {
            return Err(StoreError::Codec("a frame's content is shorter than its header says"));
        }
        Ok(content)
    }

    fn context(&mut self) -> StoreResult<&mut DCtx<'static>> {
        let context = match self.context.take() {
            Some(context) => context,
            None => new_decoding_context()?,
        };
        let context = self.context.insert(context);
        context.reset(ResetDirective::SessionOnly).map_err(codec_error)?;
        Ok(context)
    }
}

fn new_decoding_context<'a>() -> StoreResult<DCtx<'a>> {
    let mut context = DCtx::try_create().ok_or(StoreError::Codec("no memory for a decompression context"))?;
    context.set_parameter(DParameter::Format(FrameFormat::Magicless)).map_err(codec_error)?;
    context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX)).map_err(codec_error)?;
    Ok(context)
}

fn shrinks(compressed_bytes: usize, raw_bytes: usize) -> bool {
    compressed_bytes + raw_bytes / GAIN_MIN_SHARE < raw_bytes
}

/// The smallest window, as a power of two, that reaches back over content and prefix.
fn window_log(bytes: usize) -> u32 {
    (usize::BITS - bytes.max(1).leading_zeros()).clamp(10, ZSTD_WINDOW_LOG_MAX)
}

fn codec_error(code: zstd_safe::ErrorCode) -> StoreError {
    StoreError::Codec(zstd_safe::get_error_name(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(encoded: &Encoded, content: &[u8], prefix: &[u8]) -> Vec<u8> {
        match encoded {
            Encoded::Raw => content.to_vec(),
            Encoded::Zstd(payload) => Decoder::default().decompress(payload, None, content.len()).unwrap(),
            Encoded::Delta(payload) => Decoder::default().decompress(payload, Some(prefix), content.len()).unwrap(),
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
    fn a_prefix_that_looks_like_a_dictionary_is_none() {
        let mut before = DICTIONARY_MAGIC.to_vec();
        before.extend((0..2_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()));
        let mut after = before.clone();
        after.extend_from_slice(b"more");
        let encoded = Encoder::new().unwrap().encode(&after, Some(&before)).unwrap();
        assert!(matches!(encoded, Encoded::Delta(_)));
        assert_eq!(decode(&encoded, &after, &before), after);
    }

    #[test]
    fn a_decoder_goes_on_after_an_error() {
        let content = b"the same words, the same words, the same words".repeat(9);
        let Encoded::Zstd(payload) = Encoder::new().unwrap().encode(&content, None).unwrap() else { panic!("not compressed") };
        let mut decoder = Decoder::default();
        for _ in 0..3 {
            assert!(decoder.decompress(&payload[..payload.len() - 3], Some(&content), content.len()).is_err());
            assert_eq!(decoder.decompress(&payload, None, content.len()).unwrap(), content);
        }
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
        assert!(Decoder::default().decompress(&payload, None, 999).is_err());
        assert!(Decoder::default().decompress(&payload, None, 1001).is_err());
        assert!(matches!(Decoder::default().decompress(&payload, None, usize::MAX), Err(StoreError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn contents_come_back(content: Vec<u8>, prefix: Vec<u8>) {
            let encoded = Encoder::new().unwrap().encode(&content, Some(&prefix)).unwrap();
            prop_assert_eq!(decode(&encoded, &content, &prefix), content);
        }

        #[test]
        fn any_payload_is_decoded_without_panic(payload: Vec<u8>, raw_bytes in 0usize..100_000) {
            let _ = Decoder::default().decompress(&payload, None, raw_bytes);
            let _ = Decoder::default().decompress(&payload, Some(&payload), raw_bytes);
        }
    }
}
