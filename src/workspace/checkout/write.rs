//! Writing one new file or link, in full, with its permission bits.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::access::{mode_bits, mode_of};
use super::contents::{ContentReader, PlaceError, ReadError, Watch, WriteError};
use super::look::{FileStat, is_zero};
use crate::limits::{HOLE_BLOCK_BYTES, HOLE_BYTES_MIN};
use crate::path::RelPath;
use crate::tree::OwnedNode;

/// Writes files with contents from one reader.
pub(super) struct Writer<'a, R> {
    reader: R,
    watch: Watch<'a>,
}

impl<'a, R: ContentReader> Writer<'a, R> {
    pub(super) fn new(reader: R, watch: Watch<'a>) -> Self {
        Self { reader, watch }
    }

    /// Makes the file or link with a name that nothing has. `path` says where it belongs, for messages. What is returned of a
    /// link says nothing. After an error a part of the file may be there.
    ///
    /// # Durability
    /// None before a sync of the file system.
    pub(super) fn write_leaf(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &[u8],
        node: &OwnedNode,
        path: &dyn Fn() -> RelPath,
    ) -> Result<Option<FileStat>, WriteError<R::Error>> {
        if self.watch.is_cancelled() {
            return Err(WriteError::Cancelled);
        }
        let written = match node {
            OwnedNode::File { mode, bytes, id } => self.write_file(folder, name, *mode, *bytes, id, path).map(Some),
            OwnedNode::Symlink { target } => rustix::fs::symlinkat(&target[..], folder, name)
                .map(|()| None)
                .map_err(|error| PlaceError::new("make the link", &path(), error).into()),
            // Directories are made by those who know what is below them.
            OwnedNode::Directory { .. } => Ok(None),
        }?;
        (self.watch.progress)(1, 0);
        Ok(written)
    }

    fn write_file(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &[u8],
        mode: u16,
        bytes: u64,
        id: &crate::id::ObjectId,
        path: &dyn Fn() -> RelPath,
    ) -> Result<FileStat, WriteError<R::Error>> {
        let failed = |error: std::io::Error| WriteError::from(PlaceError::new("write", &path(), error));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, name, flags, mode_bits(mode)).map_err(|error| failed(error.into()))?;
        let written = self.fill(Output::new(file, bytes), mode, bytes, id, path);
        if written.is_err() {
            // No part of a file may pass for the file. Where even that fails, the first error is the one to tell.
            let _ = rustix::fs::unlinkat(folder, name, AtFlags::empty());
        }
        written
    }

    fn fill(
        &mut self,
        mut output: Output,
        mode: u16,
        bytes: u64,
        id: &crate::id::ObjectId,
        path: &dyn Fn() -> RelPath,
    ) -> Result<FileStat, WriteError<R::Error>> {
        let failed = |error: std::io::Error| WriteError::from(PlaceError::new("write", &path(), error));
        let watch = self.watch;
        let read = self.reader.read(id, &mut |piece| {
            if watch.is_cancelled() {
                return Err(Errno::CANCELED.into());
            }
            output.write(piece)?;
            (watch.progress)(0, piece.len() as u64);
            Ok(())
        });
        match read {
            Ok(()) => {}
            Err(ReadError::Content(source)) => return Err(WriteError::Content { path: path(), source }),
            Err(ReadError::Out(_)) if watch.is_cancelled() => return Err(WriteError::Cancelled),
            Err(ReadError::Out(_)) if output.is_too_long() => {}
            Err(ReadError::Out(error)) => return Err(failed(error)),
        }
        if output.taken_bytes != bytes {
            return Err(WriteError::Length { path: path(), expected_bytes: bytes, found_bytes: output.taken_bytes });
        }
        output.finish(mode).map_err(failed)
    }
}

/// A file that is being written, with long runs of zero bytes left out as holes.
struct Output {
    file: OwnedFd,
    expected_bytes: u64,
    /// Bytes that were handed over so far: the place of the next one in the file.
    taken_bytes: u64,
    /// How many of the last of them are zeros that have not been written.
    held_zero_bytes: u64,
    /// Bytes written so far, or left out for good.
    is_long_enough: bool,
}

impl Output {
    fn new(file: OwnedFd, expected_bytes: u64) -> Self {
        Self { file, expected_bytes, taken_bytes: 0, held_zero_bytes: 0, is_long_enough: expected_bytes >= HOLE_BYTES_MIN as u64 }
    }

    fn is_too_long(&self) -> bool {
        self.taken_bytes > self.expected_bytes
    }

    fn write(&mut self, piece: &[u8]) -> std::io::Result<()> {
        if self.taken_bytes + piece.len() as u64 > self.expected_bytes {
            self.taken_bytes += piece.len() as u64;
            return Err(Errno::FBIG.into());
        }
        if !self.is_long_enough {
            return self.write_through(piece);
        }
        let mut rest = piece;
        while !rest.is_empty() {
            let zeros = leading_zero_blocks(rest, self.taken_bytes);
            self.held_zero_bytes += zeros as u64;
            self.taken_bytes += zeros as u64;
            rest = &rest[zeros..];
            let data = leading_data_blocks(rest, self.taken_bytes);
            if data > 0 {
                self.write_held_zeros()?;
                self.write_through(&rest[..data])?;
                rest = &rest[data..];
            }
        }
        Ok(())
    }

    fn write_through(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        write_all_at(self.file.as_fd(), bytes, self.taken_bytes)?;
        self.taken_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Short runs of zeros are written like everything else.
    fn write_held_zeros(&mut self) -> std::io::Result<()> {
        const ZEROS: [u8; HOLE_BLOCK_BYTES] = [0; HOLE_BLOCK_BYTES];
        let held = std::mem::take(&mut self.held_zero_bytes);
        if held >= HOLE_BYTES_MIN as u64 {
            return Ok(());
        }
        let mut at = self.taken_bytes - held;
        while at < self.taken_bytes {
            let count = (self.taken_bytes - at).min(ZEROS.len() as u64);
            write_all_at(self.file.as_fd(), &ZEROS[..count as usize], at)?;
            at += count;
        }
        Ok(())
    }

    /// Gives the file its length and its permission bits: last, because writing takes away set-user-id.
    fn finish(mut self, mode: u16) -> std::io::Result<FileStat> {
        if self.held_zero_bytes >= HOLE_BYTES_MIN as u64 {
            rustix::fs::ftruncate(&self.file, self.taken_bytes)?;
        } else {
            self.write_held_zeros()?;
        }
        let mut stat = rustix::fs::fstat(&self.file)?;
        if mode_of(&stat) != mode {
            rustix::fs::fchmod(&self.file, mode_bits(mode))?;
            stat = rustix::fs::fstat(&self.file)?;
        }
        Ok(FileStat::of(&stat))
    }
}

fn write_all_at(file: BorrowedFd<'_>, bytes: &[u8], at: u64) -> std::io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        match rustix::io::pwrite(file, &bytes[written..], at + written as u64) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Length of the zero bytes at the front that fill whole blocks of the file (or reach the end of the piece).
fn leading_zero_blocks(bytes: &[u8], at: u64) -> usize {
    leading_blocks(bytes, at, true)
}

/// Length of the front up to the next block of zeros.
fn leading_data_blocks(bytes: &[u8], at: u64) -> usize {
    leading_blocks(bytes, at, false)
}

fn leading_blocks(bytes: &[u8], at: u64, zero: bool) -> usize {
    let mut end = 0;
    while end < bytes.len() {
        let into_block = ((at + end as u64) % HOLE_BLOCK_BYTES as u64) as usize;
        let block = &bytes[end..bytes.len().min(end + HOLE_BLOCK_BYTES - into_block)];
        if is_zero(block) != zero {
            break;
        }
        end += block.len();
    }
    end
}

/// Makes a directory that its owner may work in; [`finish_directory`] gives it its bits.
pub(super) fn make_directory(folder: BorrowedFd<'_>, name: &[u8], mode: u16) -> rustix::io::Result<()> {
    rustix::fs::mkdirat(folder, name, mode_bits(mode) | Mode::RWXU)
}

/// Gives a directory its permission bits when nothing more is made in it.
pub(super) fn finish_directory(directory: BorrowedFd<'_>, mode: u16) -> rustix::io::Result<()> {
    if mode_of(&rustix::fs::fstat(directory)?) == mode {
        return Ok(());
    }
    rustix::fs::fchmod(directory, mode_bits(mode))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{MemoryContents, memory_file};
    use super::*;
    use crate::workspace::checkout::Contents;
    use proptest::prelude::*;
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;

    fn write(content: &[u8], piece_bytes: usize, mode: u16) -> (Vec<u8>, std::fs::Metadata) {
        let temp = tempfile::tempdir().unwrap();
        let folder = std::fs::File::open(temp.path()).unwrap();
        let mut contents = MemoryContents { piece_bytes, ..MemoryContents::default() };
        let node = memory_file(&mut contents, content, mode);
        let mut writer = Writer::new(contents.reader(), Watch::none());
        let stat = writer.write_leaf(folder.as_fd(), b"f", &node, &RelPath::root).unwrap().unwrap();
        let path = temp.path().join("f");
        let metadata = path.metadata().unwrap();
        assert_eq!((stat.inode, stat.bytes, stat.mode), (metadata.ino(), content.len() as u64, mode));
        assert_eq!(stat.ctime_ns % 1_000_000_000, i128::from(metadata.ctime_nsec()));
        let readable = super::super::access::open_for_reading(folder.as_fd(), b"f").unwrap();
        let mut read = Vec::new();
        std::fs::File::from(readable).read_to_end(&mut read).unwrap();
        (read, metadata)
    }

    #[test]
    fn every_bit_is_set() {
        for mode in [0, 0o400, 0o644, 0o7777, 0o4755, 0o2711] {
            let (read, metadata) = write(b"#!/bin/sh", 3, mode);
            assert_eq!((read.as_slice(), metadata.mode() & 0o7777), (&b"#!/bin/sh"[..], u32::from(mode)));
        }
    }

    #[test]
    fn long_runs_of_zeros_are_holes() {
        let mut content = vec![0; 4 << 20];
        content[1 << 20] = 1;
        for end in [content.len(), content.len() - 100] {
            let (read, metadata) = write(&content[..end], 100_000, 0o644);
            assert!(read == content[..end]);
            assert!(metadata.blocks() * 512 < 256 << 10, "{} blocks", metadata.blocks());
        }
        let (_, metadata) = write(&[0; HOLE_BYTES_MIN], 1 << 20, 0o644);
        assert_eq!((metadata.len(), metadata.blocks()), (HOLE_BYTES_MIN as u64, 0));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        let folder = std::fs::File::open(temp.path()).unwrap();
        let mut contents = MemoryContents::default();
        let OwnedNode::File { mode, id, .. } = memory_file(&mut contents, b"1234", 0o644) else { unreachable!() };
        for (name, bytes) in [(b"a", 3), (b"b", 5), (b"c", u64::MAX)] {
            let node = OwnedNode::File { mode, bytes, id };
            let mut writer = Writer::new(contents.reader(), Watch::none());
            let error = writer.write_leaf(folder.as_fd(), name, &node, &RelPath::root).unwrap_err();
            assert!(matches!(error, WriteError::Length { found_bytes: 4, .. }), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn content_with_zeros_is_written_exactly(
            runs in prop::collection::vec((any::<bool>(), 0usize..150_000), 0..6),
            piece_bytes in prop::sample::select(vec![1000, 4096, 65_536, 1 << 20]),
        ) {
            let content: Vec<u8> = runs.iter().flat_map(|&(zero, length)| vec![if zero { 0 } else { 7 }; length]).collect();
            prop_assert!(write(&content, piece_bytes, 0o600).0 == content);
        }
    }
}
