//! Compresses a stream with zstd (RFC 8878) while it is written.

use std::io::{self, Write};

use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

/// A stream that compresses what is written to it.
pub struct Compressed<W> {
    out: W,
    context: CCtx<'static>,
    buffer: Vec<u8>,
    /// Bytes that came out.
    bytes: u64,
}

impl<W: Write> Compressed<W> {
    /// A stream that compresses at a level of zstd. It carries a checksum.
    pub fn new(out: W, level: i32) -> io::Result<Self> {
        let mut context = CCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        context.set_parameter(CParameter::CompressionLevel(level)).map_err(failed)?;
        context.set_parameter(CParameter::ChecksumFlag(true)).map_err(failed)?;
        Ok(Self { out, context, buffer: Vec::with_capacity(CCtx::out_size()), bytes: 0 })
    }

    /// Ends the stream; gives the number of bytes that came out.
    pub fn finish(mut self) -> io::Result<u64> {
        loop {
            self.buffer.clear();
            let left = self.context.end_stream(&mut OutBuffer::around(&mut self.buffer)).map_err(failed)?;
            self.pass_on()?;
            if left == 0 {
                self.out.flush()?;
                return Ok(self.bytes);
            }
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.bytes += self.buffer.len() as u64;
        self.out.write_all(&self.buffer)
    }
}

impl<W: Write> Write for Compressed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut input = InBuffer::around(bytes);
        while input.pos() < bytes.len() {
            self.buffer.clear();
            self.context.compress_stream(&mut OutBuffer::around(&mut self.buffer), &mut input).map_err(failed)?;
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    /// Passes on what has come out; the rest comes with [`Compressed::finish`].
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn failed(code: zstd_safe::ErrorCode) -> io::Error {
    io::Error::other(zstd_safe::get_error_name(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back() {
        let content: Vec<u8> = (0..300_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for content in [&content[..], b""] {
            let mut out = Vec::new();
            let mut stream = Compressed::new(&mut out, 3).unwrap();
            content.chunks(70_001).for_each(|piece| stream.write_all(piece).unwrap());
            let bytes = stream.finish().unwrap();
            assert_eq!(bytes, out.len() as u64);
            let mut back = Vec::with_capacity(content.len() + 1);
            zstd_safe::decompress(&mut back, &out).unwrap();
            assert_eq!(back, content);
        }
    }
}
