//! `drill`: brings versions back into a scratch folder and compares.

use lua_store::ops::{self, DrillOptions, DrillVersions, OpsError};

use super::sync::{ALL_PATHS, bring_all_here, bring_here};
use crate::cli::args::DrillArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{json, render};

pub fn drill(session: &Session, args: DrillArgs) -> Outcome {
    let mut workspace = session.open()?;
    let versions = match (args.version, args.random) {
        (Some(version), _) => DrillVersions::One(workspace.resolve(&version)?),
        (None, Some(count)) => DrillVersions::Random(count),
        (None, None) => DrillVersions::Newest,
    };
    match &versions {
        DrillVersions::One(version) => bring_here(session, &mut workspace, &[*version], &ALL_PATHS)?,
        DrillVersions::Newest => {
            let newest = workspace.log().head().map_err(OpsError::from)?.newest;
            bring_here(session, &mut workspace, newest.as_slice(), &ALL_PATHS)?;
        }
        DrillVersions::Random(_) => bring_all_here(session, &mut workspace)?,
    }
    let options = DrillOptions { versions, scratch: args.to.map(|to| session.folder().join(to)) };
    let drilled = ops::drill(&workspace, &options, session.host())?;
    session.answer(|| json::drill::drilled(&drilled), |page| render::drill::put(page, &drilled))?;
    if drilled.iter().any(|version| !version.differences.is_empty()) {
        return Ok(Exit::Damage);
    }
    Ok(Exit::left_out_if(drilled.iter().any(|version| !version.purged.is_empty())))
}
