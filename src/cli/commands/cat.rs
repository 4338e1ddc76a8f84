//! `cat`: contents of a version, byte by byte.

use std::io::ErrorKind;

use lua_store::limits::DIFF_FILE_BYTES_MAX;
use lua_store::ops::{self, OpsError, VersionPath, Workspace};
use lua_store::store::StoreError;

use super::ls::place_of;
use super::sync::bring_here;
use crate::cli::args::CatArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{json, output};

pub fn cat(session: &Session, args: &CatArgs) -> Outcome {
    let mut workspace = session.open()?;
    let places = args.places.iter().map(|place| place_of(session, &workspace, place)).collect::<Result<Vec<_>, _>>()?;
    for place in &places {
        bring_here(session, &mut workspace, &[place.version], &[place.path.as_bytes()])?;
    }
    if session.is_json() {
        let contents = places.iter().map(|place| read(&workspace, place)).collect::<Result<Vec<_>, _>>()?;
        session.answer(|| json::past::contents(&places, &contents), |_| ())?;
        return Ok(Exit::Done);
    }
    session.host().clear_progress();
    let mut out = output::RawOutput::begin();
    let written = places.iter().try_for_each(|place| ops::cat(&workspace, place, &mut |piece| out.write(piece)).map_err(of_output));
    out.finish(written, Failure::Output)?;
    Ok(Exit::Done)
}

/// A content in memory.
fn read(workspace: &Workspace, place: &VersionPath) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    let read = ops::cat(workspace, place, &mut |piece| {
        if (content.len() + piece.len()) as u64 > DIFF_FILE_BYTES_MAX {
            return Err(ErrorKind::OutOfMemory.into());
        }
        content.extend_from_slice(piece);
        Ok(())
    });
    match read {
        Err(OpsError::Store(StoreError::Sink(_))) => Err(Failure::Usage(format!(
            "{:?} has more than {DIFF_FILE_BYTES_MAX} bytes, too many for an answer in JSON; without --json there is no limit",
            place.path
        ))),
        other => other.map(|()| content).map_err(Failure::Ops),
    }
}

/// What the sink refused was standard output.
fn of_output(error: OpsError) -> Failure {
    match error {
        OpsError::Store(StoreError::Sink(error)) => Failure::Output(error),
        error => Failure::Ops(error),
    }
}
