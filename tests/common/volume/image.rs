//! The contents of a disk as a value: sparse, cheap to copy, and changed by writes that are remembered.

use std::collections::HashMap;
use std::sync::Arc;

const BLOCK_BYTES: usize = 4096;

type Block = [u8; BLOCK_BYTES];

/// The contents of a disk. Copies share the blocks that neither has written to.
#[derive(Clone, Default)]
pub struct Image {
    blocks: HashMap<u64, Arc<Block>>,
}

/// A write that a disk was told to do.
#[derive(Clone)]
pub struct Write {
    /// Where, in bytes.
    pub offset: u64,
    /// What.
    pub bytes: Arc<Vec<u8>>,
}

impl Write {
    /// Its first bytes only.
    pub fn torn(&self, bytes: usize) -> Self {
        Self { offset: self.offset, bytes: Arc::new(self.bytes[..bytes].to_vec()) }
    }
}

/// What a disk was told to do.
#[derive(Clone)]
pub enum Event {
    /// To write, sooner or later.
    Write(Write),
    /// To make durable whatever it was told to write before.
    Flush,
}

impl Image {
    /// Carries out a write.
    pub fn apply(&mut self, write: &Write) {
        self.write(write.offset, &write.bytes);
    }

    /// Writes bytes at an offset.
    pub fn write(&mut self, mut offset: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let within = (offset % BLOCK_BYTES as u64) as usize;
            let (part, rest) = bytes.split_at(bytes.len().min(BLOCK_BYTES - within));
            let block = self.blocks.entry(offset / BLOCK_BYTES as u64).or_insert_with(|| Arc::new([0; BLOCK_BYTES]));
            Arc::make_mut(block)[within..within + part.len()].copy_from_slice(part);
            offset += part.len() as u64;
            bytes = rest;
        }
    }

    /// Reads bytes at an offset; what was never written is zero.
    pub fn read(&self, mut offset: u64, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let within = (offset % BLOCK_BYTES as u64) as usize;
            let length = bytes.len().min(BLOCK_BYTES - within);
            let (part, rest) = bytes.split_at_mut(length);
            match self.blocks.get(&(offset / BLOCK_BYTES as u64)) {
                Some(block) => part.copy_from_slice(&block[within..within + length]),
                None => part.fill(0),
            }
            offset += length as u64;
            bytes = rest;
        }
    }
}
