//! `label` and `pin`: what users mark versions with.

use lua_store::ops;

use crate::cli::args::{LabelArgs, PinArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{json, render};

pub fn label(session: &Session, args: LabelArgs) -> Outcome {
    let mut workspace = session.open()?;
    if let Some(name) = args.remove {
        let version = ops::unlabel(&mut workspace, &name, session.host())?;
        session.answer(|| json::marks::unlabelled(&name, version), |page| render::marks::put_unlabelled(page, &name, version))?;
    } else if let (Some(version), Some(name)) = (args.version, args.name) {
        let version = workspace.resolve(&version)?;
        let outcome = ops::label(&mut workspace, version, &name, args.may_move, session.host())?;
        session.answer(|| json::marks::labelled(&name, &outcome), |page| render::marks::put_labelled(page, &name, &outcome))?;
    } else {
        let labels = workspace.log().marks().map_err(ops::OpsError::from)?.labels;
        session.answer(|| json::marks::labels(&labels), |page| render::marks::put_labels(page, &labels))?;
    }
    Ok(Exit::Done)
}

pub fn pin(session: &Session, args: &PinArgs) -> Outcome {
    let mut workspace = session.open()?;
    let Some(version) = args.version.as_ref().or(args.remove.as_ref()) else {
        let pinned: Vec<_> = workspace.log().marks().map_err(ops::OpsError::from)?.pinned().collect();
        session.answer(|| json::marks::pins(&pinned), |page| render::marks::put_pins(page, &pinned))?;
        return Ok(Exit::Done);
    };
    let (version, pinned) = (workspace.resolve(version)?, args.remove.is_none());
    let changed = ops::set_pin(&mut workspace, version, pinned, session.host())?;
    session.answer(|| json::marks::pinned(version, pinned, changed), |page| render::marks::put_pinned(page, version, pinned, changed))?;
    Ok(Exit::Done)
}
