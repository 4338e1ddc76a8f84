//! The content of a recorded file, piece by piece into an output.

use std::io;

use super::{OpsError, OpsResult};
use crate::id::{ObjectId, ObjectKind};
use crate::store::{Reader, StoreError};

/// Hands the content of a file that has `bytes` bytes by its tree to `write` in pieces.
///
/// # Errors
/// [`OpsError::Output`] when it cannot be written. After that, and after damage, what was written is no whole content.
pub(super) fn write_content(
    reader: &mut Reader<'_>,
    id: &ObjectId,
    bytes: u64,
    write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> OpsResult<()> {
    let mut written = 0;
    let streamed = reader.stream(ObjectKind::Blob, id, &mut |piece| {
        written += piece.len() as u64;
        write(piece)
    });
    streamed.map_err(|error| match error {
        StoreError::Sink(error) => OpsError::Output(error),
        error => error.into(),
    })?;
    if written != bytes {
        let why = format!("it has {written} bytes, and a tree says {bytes}");
        return Err(StoreError::Damaged { kind: ObjectKind::Blob, id: *id, why }.into());
    }
    Ok(())
}
