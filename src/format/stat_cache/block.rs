//! A block of the stat cache: one directory.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | flags: 1 the list of names is trusted, 2 there is a `.gitignore`, 4 it is trusted, 8 and 16 the same for `.luaignore` |
//! | 1 | 32 | id of the directory's tree |
//! | 33 | 8 | files and links in the directory and below |
//! | 41 | 8 | bytes of these files |
//! | 49 | 8 | digest of the ignore rules that come from above |
//! | 57 | 8 | digest of the ignore rules that hold in the directory |
//! | 65 | 42 | [`StatKey`] of the directory: mode 2, bytes 8, mtime 8, ctime 8, inode 8, device 8 |
//! | 107 | 42 each | [`StatKey`]s of the ignore files that the flags name |
//! | | 1, 8 each | number of devices, and the devices |
//! | | 2, 2 + length each | number of texts, and the texts |
//! | | 4 | number of rows |
//! | | | the rows, sorted by name |
//!
//! A row: kind and flags (1 byte: kind 1 to 5 in this order, 0x40 what is left out or skipped is a directory, 0x80 trusted), length of the name (1), the name and a zero byte, and then
//! - a file: mode 2, bytes 8, mtime 8, ctime 8, inode 8, number of its device in the list above 1, id of its content 32;
//! - a directory: mode 2 and the [`BlockRef`] of its block;
//! - a link: as a file, but instead of the id the length of the target (2) and the target;
//! - what an ignore rule leaves out: number of the text that says by what rule (2);
//! - what was skipped: the kind of reason (1; its meaning is `workspace::scan`'s), number of the text that says why (2).

use std::ffi::CStr;

use super::row::{BlockHead, Row, RowNode, RulesDigest, StatKey, Witness};
use super::{BlockRef, WHAT};
use crate::format::bytes::{ByteReader, FormatError};
use crate::id::ObjectId;
use crate::limits::LINK_TARGET_BYTES_MAX;
use crate::path::check_name;

pub(super) const LIST_TRUSTED: u8 = 1;
pub(super) const IGNORE_PRESENT: [u8; 2] = [2, 8];
pub(super) const IGNORE_TRUSTED: [u8; 2] = [4, 16];

pub(super) const ROW_FILE: u8 = 1;
pub(super) const ROW_DIRECTORY: u8 = 2;
pub(super) const ROW_SYMLINK: u8 = 3;
pub(super) const ROW_LEFT_OUT: u8 = 4;
pub(super) const ROW_SKIPPED: u8 = 5;
pub(super) const ROW_KIND_MASK: u8 = 0x0f;
/// What is left out or skipped is a directory.
pub(super) const ROW_IS_DIRECTORY: u8 = 0x40;
/// The content behind the row cannot have changed while the [`StatKey`] stays the same.
pub(super) const ROW_TRUSTED: u8 = 0x80;

/// Length of a [`Witness`] in a row in bytes: a [`StatKey`] with the number of its device, which comes last.
const WITNESS_BYTES: usize = 35;

/// A block that has been checked, so that going through it cannot fail.
///
/// Always true: names are sorted, none stands twice, none has a slash or is `.` or `..`; a name of a directory passes
/// [`check_name`].
#[derive(Debug)]
pub struct Block<'a> {
    head: BlockHead,
    tables: Tables<'a>,
    rows: &'a [u8],
    row_count: usize,
}

#[derive(Debug)]
struct Tables<'a> {
    devices: &'a [[u8; 8]],
    texts: Vec<&'a str>,
}

impl<'a> Block<'a> {
    /// Checks the bytes of a block.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut reader = ByteReader::new(bytes, WHAT);
        let head = read_head(&mut reader)?;
        let tables = Tables::take(&mut reader)?;
        let row_count = reader.u32()? as usize;
        let rows = reader.take(reader.remaining())?;
        let block = Self { head, tables, rows, row_count };
        block.check()?;
        Ok(block)
    }

    /// What it says about the directory itself.
    pub fn head(&self) -> &BlockHead {
        &self.head
    }

    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.row_count
    }

    /// The rows in the order of their names.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> + use<'_, 'a> {
        let mut reader = ByteReader::new(self.rows, WHAT);
        // The bytes were checked when the block was decoded: a row that cannot be read means that all have been.
        std::iter::from_fn(move || self.tables.read(&RawRow::take(&mut reader).ok()?).ok())
    }

    fn check(&self) -> Result<(), FormatError> {
        let mut reader = ByteReader::new(self.rows, WHAT);
        let mut last: &[u8] = b"";
        for _ in 0..self.row_count {
            let row = RawRow::take(&mut reader)?;
            if last >= row.name {
                return Err(reader.malformed("its names are not sorted"));
            }
            self.tables.check(&row)?;
            last = row.name;
        }
        reader.finish()
    }
}

fn read_head(reader: &mut ByteReader<'_>) -> Result<BlockHead, FormatError> {
    let flags = reader.u8()?;
    let tree = ObjectId::from_bytes(reader.array()?);
    let (files, bytes) = (reader.u64()?, reader.u64()?);
    let (rules_above, rules) = (RulesDigest(reader.array()?), RulesDigest(reader.array()?));
    let directory = Witness { key: StatKey::read(reader)?, trusted: flags & LIST_TRUSTED != 0 };
    let mut ignore_files = [None; 2];
    for (at, file) in ignore_files.iter_mut().enumerate() {
        if flags & IGNORE_PRESENT[at] != 0 {
            *file = Some(Witness { key: StatKey::read(reader)?, trusted: flags & IGNORE_TRUSTED[at] != 0 });
        }
    }
    Ok(BlockHead { tree, files, bytes, rules_above, rules, directory, ignore_files })
}

/// A row in its bytes: going through a block twice, once to check it, must not take twice the time.
struct RawRow<'a> {
    tag: u8,
    /// With the zero byte: that sorts before all others, so the order is that of the names.
    name: &'a [u8],
    body: &'a [u8],
}

impl<'a> RawRow<'a> {
    #[inline]
    fn take(reader: &mut ByteReader<'a>) -> Result<Self, FormatError> {
        let [tag, name_bytes] = reader.array()?;
        let name = reader.take(usize::from(name_bytes) + 1)?;
        let body_bytes = match tag & ROW_KIND_MASK {
            ROW_FILE => WITNESS_BYTES + ObjectId::BYTES,
            ROW_DIRECTORY => 2 + BlockRef::BYTES,
            ROW_SYMLINK => {
                let mut ahead = reader.clone();
                ahead.take(WITNESS_BYTES)?;
                WITNESS_BYTES + 2 + usize::from(ahead.u16()?)
            }
            ROW_LEFT_OUT => 2,
            ROW_SKIPPED => 3,
            _ => return Err(reader.malformed("unknown kind of row")),
        };
        Ok(Self { tag, name, body: reader.take(body_bytes)? })
    }
}

impl<'a> Tables<'a> {
    fn take(reader: &mut ByteReader<'a>) -> Result<Self, FormatError> {
        let device_count = usize::from(reader.u8()?);
        let devices = reader.take(device_count * 8)?.as_chunks::<8>().0;
        let text_count = reader.u16()?;
        let mut texts = Vec::new();
        for _ in 0..text_count {
            let length = usize::from(reader.u16()?);
            let text = std::str::from_utf8(reader.take(length)?).map_err(|_| reader.malformed("a text is not UTF-8"))?;
            texts.push(text);
        }
        Ok(Self { devices, texts })
    }

    /// Checks that [`Tables::read`] will succeed, and what [`Block`] promises about names.
    fn check(&self, row: &RawRow<'a>) -> Result<(), FormatError> {
        let malformed = |why| Err(FormatError::Malformed { what: WHAT, why });
        let Some((0, name)) = row.name.split_last() else { return malformed("a name without an end") };
        if matches!(name, b"" | b"." | b"..") || name.iter().any(|&byte| byte == b'/' || byte == 0) {
            return malformed("a name that no directory has");
        }
        match row.tag & ROW_KIND_MASK {
            // The number of the device is the only part of a file's row that can be wrong.
            ROW_FILE if usize::from(row.body[WITNESS_BYTES - 1]) < self.devices.len() => Ok(()),
            ROW_DIRECTORY if check_name(name).is_err() => malformed("a name that may not stand in a tree"),
            _ => self.read(row).map(|_| ()),
        }
    }

    #[inline]
    fn read(&self, row: &RawRow<'a>) -> Result<Row<'a>, FormatError> {
        let mut reader = ByteReader::new(row.body, WHAT);
        let name = CStr::from_bytes_with_nul(row.name).map_err(|_| reader.malformed("a zero byte in a name"))?;
        let is_directory = row.tag & ROW_IS_DIRECTORY != 0;
        let node = match row.tag & ROW_KIND_MASK {
            ROW_FILE => RowNode::File { witness: self.read_witness(row.tag, &mut reader)?, id: ObjectId::from_bytes(reader.array()?) },
            ROW_DIRECTORY => RowNode::Directory { mode: reader.u16()?, block: BlockRef::read(&mut reader)? },
            ROW_SYMLINK => {
                let witness = self.read_witness(row.tag, &mut reader)?;
                let target_bytes = usize::from(reader.u16()?);
                let target = reader.take(target_bytes)?;
                if target.is_empty() || target.len() > LINK_TARGET_BYTES_MAX || target.contains(&0) {
                    return Err(reader.malformed("a link without a target"));
                }
                RowNode::Symlink { witness, target }
            }
            ROW_LEFT_OUT => RowNode::LeftOut { is_directory, rule: self.read_text(&mut reader)? },
            ROW_SKIPPED => RowNode::Skipped { is_directory, kind: reader.u8()?, why: self.read_text(&mut reader)? },
            _ => return Err(reader.malformed("unknown kind of row")),
        };
        Ok(Row { name, node })
    }

    #[inline]
    fn read_witness(&self, tag: u8, reader: &mut ByteReader<'a>) -> Result<Witness, FormatError> {
        let key = StatKey::read_without_device(reader)?;
        let device = self.devices.get(usize::from(reader.u8()?)).ok_or_else(|| reader.malformed("a device it does not list"))?;
        Ok(Witness { key: StatKey { device: u64::from_le_bytes(*device), ..key }, trusted: tag & ROW_TRUSTED != 0 })
    }

    fn read_text(&self, reader: &mut ByteReader<'a>) -> Result<&'a str, FormatError> {
        let at = usize::from(reader.u16()?);
        self.texts.get(at).copied().ok_or_else(|| reader.malformed("a text it does not list"))
    }
}
