//! `drill`: brings versions back into a scratch folder and compares.

use lua_store::ops::{self, DrillOptions, DrillVersions};

use crate::cli::args::DrillArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{json, render};

pub fn drill(session: &Session, args: DrillArgs) -> Outcome {
    let workspace = session.open()?;
    let versions = match (args.version, args.random) {
        (Some(version), _) => DrillVersions::One(workspace.resolve(&version)?),
        (None, Some(count)) => DrillVersions::Random(count),
        (None, None) => DrillVersions::Newest,
    };
    let options = DrillOptions { versions, scratch: args.to.map(|to| session.folder().join(to)) };
    let drilled = ops::drill(&workspace, &options, session.host())?;
    session.answer(|| json::drill::drilled(&drilled), |page| render::drill::put(page, &drilled))?;
    if drilled.iter().any(|version| !version.differences.is_empty()) {
        return Ok(Exit::Damage);
    }
    Ok(Exit::left_out_if(drilled.iter().any(|version| !version.purged.is_empty())))
}
