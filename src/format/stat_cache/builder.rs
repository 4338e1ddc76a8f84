//! Writing a block.

use std::collections::HashMap;

use super::block::{
    IGNORE_PRESENT, IGNORE_TRUSTED, LIST_TRUSTED, ROW_DIRECTORY, ROW_FILE, ROW_IS_DIRECTORY, ROW_LEFT_OUT, ROW_SKIPPED, ROW_SYMLINK,
    ROW_TRUSTED,
};
use super::row::{BlockHead, RowNode, Witness};
use crate::limits::{LINK_TARGET_BYTES_MAX, NAME_BYTES_MAX};

/// Longest text that a block keeps, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// The part of a text that a block keeps: all of it, unless it is very long.
pub fn kept_text(text: &str) -> &str {
    let mut bytes = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(bytes) {
        bytes -= 1;
    }
    &text[..bytes]
}

/// Puts a block together from rows in the order of their names.
#[derive(Default)]
pub struct BlockBuilder {
    rows: Vec<u8>,
    row_count: u32,
    devices: Vec<u64>,
    texts: Texts,
}

impl BlockBuilder {
    /// A block without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next row.
    ///
    /// # Panics
    /// When the name is longer than any file system has it: a caller's mistake that would make a block no reader accepts.
    pub fn push(&mut self, name: &[u8], node: RowNode<'_>) {
        assert!(name.len() <= NAME_BYTES_MAX, "a name in a stat cache must fit its field");
        let is_directory = if node.is_directory() { ROW_IS_DIRECTORY } else { 0 };
        match node {
            RowNode::File { witness, id } => {
                self.put_witnessed(ROW_FILE, name, &witness);
                self.rows.extend_from_slice(id.as_bytes());
            }
            RowNode::Directory { mode, block } => {
                self.put_name(ROW_DIRECTORY, name);
                self.rows.extend_from_slice(&mode.to_le_bytes());
                block.put(&mut self.rows);
            }
            RowNode::Symlink { witness, target } => {
                self.put_witnessed(ROW_SYMLINK, name, &witness);
                let target = &target[..target.len().min(LINK_TARGET_BYTES_MAX)];
                self.rows.extend_from_slice(&(target.len() as u16).to_le_bytes());
                self.rows.extend_from_slice(target);
            }
            RowNode::LeftOut { rule, .. } => {
                self.put_name(ROW_LEFT_OUT | is_directory, name);
                self.put_text(rule);
            }
            RowNode::Skipped { kind, why, .. } => {
                self.put_name(ROW_SKIPPED | is_directory, name);
                self.rows.push(kind);
                self.put_text(why);
            }
        }
    }

    /// The block's bytes.
    pub fn finish(self, head: &BlockHead) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.texts.bytes.len() + self.rows.len());
        put_head(head, &mut out);
        out.push(self.devices.len() as u8);
        self.devices.iter().for_each(|device| out.extend_from_slice(&device.to_le_bytes()));
        out.extend_from_slice(&self.texts.count().to_le_bytes());
        out.extend_from_slice(&self.texts.bytes);
        out.extend_from_slice(&self.row_count.to_le_bytes());
        out.extend_from_slice(&self.rows);
        out
    }

    fn put_name(&mut self, tag: u8, name: &[u8]) {
        self.rows.push(tag);
        self.rows.push(name.len() as u8);
        self.rows.extend_from_slice(name);
        self.rows.push(0);
        self.row_count += 1;
    }

    fn put_witnessed(&mut self, kind: u8, name: &[u8], witness: &Witness) {
        let device = self.device_number(witness.key.device);
        // A row whose device has no place in the list cannot be compared.
        let trusted = witness.trusted && device.is_some();
        self.put_name(if trusted { kind | ROW_TRUSTED } else { kind }, name);
        witness.key.put_without_device(&mut self.rows);
        self.rows.push(device.unwrap_or_default());
    }

    fn device_number(&mut self, device: u64) -> Option<u8> {
        let number = self.devices.iter().position(|&known| known == device).unwrap_or(self.devices.len());
        if number == self.devices.len() && number < usize::from(u8::MAX) {
            self.devices.push(device);
        }
        u8::try_from(number).ok().filter(|&number| number < u8::MAX)
    }

    fn put_text(&mut self, text: &str) {
        let number = self.texts.number_of(kept_text(text));
        self.rows.extend_from_slice(&number.to_le_bytes());
    }
}

#[derive(Default)]
struct Texts {
    numbers: HashMap<Box<str>, u16>,
    bytes: Vec<u8>,
}

impl Texts {
    fn count(&self) -> u16 {
        self.numbers.len() as u16
    }

    /// The number of a text. When there are more texts than numbers, the rest share one: they are only shown.
    fn number_of(&mut self, text: &str) -> u16 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.count();
        if number == u16::MAX {
            return 0;
        }
        self.bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.numbers.insert(text.into(), number);
        number
    }
}

fn put_head(head: &BlockHead, out: &mut Vec<u8>) {
    let mut flags = if head.directory.trusted { LIST_TRUSTED } else { 0 };
    for (at, file) in head.ignore_files.iter().enumerate() {
        if let Some(witness) = file {
            flags |= IGNORE_PRESENT[at] | if witness.trusted { IGNORE_TRUSTED[at] } else { 0 };
        }
    }
    out.push(flags);
    out.extend_from_slice(head.tree.as_bytes());
    out.extend_from_slice(&head.files.to_le_bytes());
    out.extend_from_slice(&head.bytes.to_le_bytes());
    out.extend_from_slice(&head.rules_above.0);
    out.extend_from_slice(&head.rules.0);
    head.directory.key.put(out);
    head.ignore_files.iter().flatten().for_each(|witness| witness.key.put(out));
}
