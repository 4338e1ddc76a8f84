//! Cuts large contents into chunks where the content itself says so (FastCDC, 2020 variant: Xia et al., "The Design of
//! Fast Content-Defined Chunking for Data Deduplication Based Storage Systems"), so that an edit moves few borders.

use std::io::Read;

use fastcdc::v2020::FastCDC;

use super::{StoreError, StoreResult};
use crate::limits::{CHUNK_BYTES_AVERAGE, CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, READ_BUFFER_BYTES};

/// Reads a content and gives its chunks one after the other. Holds one buffer, however long the content is.
pub struct Chunker<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
}

impl<R: Read> Chunker<R> {
    pub fn new(source: R) -> Self {
        Self { source, buffer: vec![0; READ_BUFFER_BYTES], start: 0, end: 0, at_end: false }
    }

    /// The next chunk; `None` at the end.
    pub fn next_chunk(&mut self) -> StoreResult<Option<&[u8]>> {
        // A border depends on at most the largest chunk's bytes, so with that many at hand it is where it always is.
        if self.end - self.start < CHUNK_BYTES_MAX && !self.at_end {
            self.refill()?;
        }
        if self.start == self.end {
            return Ok(None);
        }
        let chunker = FastCDC::new(&self.buffer[self.start..self.end], CHUNK_BYTES_MIN, CHUNK_BYTES_AVERAGE, CHUNK_BYTES_MAX);
        let (_, cut) = chunker.cut(0, self.end - self.start);
        let chunk = self.start..self.start + cut;
        self.start = chunk.end;
        Ok(Some(&self.buffer[chunk]))
    }

    fn refill(&mut self) -> StoreResult<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < self.buffer.len() && !self.at_end {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::Source(error)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(bytes: usize) -> Vec<u8> {
        let mut noise = vec![0; bytes];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        noise
    }

    fn lengths(content: &[u8]) -> Vec<usize> {
        let mut chunker = Chunker::new(content);
        let mut lengths = Vec::new();
        while let Some(chunk) = chunker.next_chunk().unwrap() {
            lengths.push(chunk.len());
        }
        lengths
    }

    /// Borders are part of the format: a store whose borders moved would keep every large file a second time.
    #[test]
    fn borders_stay_where_they_are() {
        assert_eq!(lengths(&noise(3 << 20)), GOLDEN_LENGTHS);
        assert_eq!(lengths(&vec![0; (2 << 20) + 5]), [1 << 20, 1 << 20, 5]);
    }

    const GOLDEN_LENGTHS: [usize; 9] = [531_215, 93_777, 506_155, 463_976, 351_611, 67_744, 440_903, 378_761, 311_586];

    #[test]
    fn an_insertion_moves_few_borders() {
        let before = noise(12 << 20);
        let mut after = before.clone();
        after.insert(5 << 20, 7);
        let (before, after) = (lengths(&before), lengths(&after));
        let same_at_start = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        let same_at_end = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
        assert!(same_at_start + same_at_end + 2 >= before.len());
        assert_eq!(after.iter().sum::<usize>(), (12 << 20) + 1);
    }

    #[test]
    fn small_reads_give_the_same_chunks() {
        struct Trickle<'a>(&'a [u8]);
        impl Read for Trickle<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let count = buffer.len().min(self.0.len()).min(60_001);
                let (now, later) = self.0.split_at(count);
                buffer[..count].copy_from_slice(now);
                self.0 = later;
                Ok(count)
            }
        }
        let content = noise(9 << 20);
        let mut chunker = Chunker::new(Trickle(&content));
        let mut found = Vec::new();
        while let Some(chunk) = chunker.next_chunk().unwrap() {
            found.push(chunk.len());
        }
        assert_eq!(found, lengths(&content));
    }
}
