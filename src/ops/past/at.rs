//! Running a command in versions of the past, each in a checkout of its own that is thrown away.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{Host, OpsResult, Phase, RevisionRange, Workspace};
use super::scratch::{CommandLine, Lab, Output, VersionRun};
use crate::limits::thread_count;
use crate::version_log::VersionRow;

/// What to run, and where.
#[derive(Clone, Debug)]
pub struct AtOptions {
    /// In which versions. Deleted ones are passed over.
    pub versions: RevisionRange,
    /// What.
    pub command: CommandLine,
    /// How many at the same time; `None` for as many as there are processors. A single version has the terminal to itself.
    pub jobs: Option<usize>,
    /// Whether the output is kept off that of this process also for a single version; for a range it always is.
    pub quiet: bool,
    /// The folder for temporary files; outside of the workspace.
    pub scratch: PathBuf,
}

/// Runs a command. The workspace is not looked at; the checkouts are gone on return, also after an error.
pub fn at(workspace: &Workspace, options: &AtOptions, host: &dyn Host) -> OpsResult<Vec<VersionRun>> {
    let rows = workspace.versions_of(&options.versions)?;
    let lab = Lab::new(workspace, &options.scratch, host)?;
    if let (RevisionRange::Single(_), [row], false) = (&options.versions, &rows[..], options.quiet) {
        return Ok(vec![lab.run(row, &options.command, Output::Inherited)?]);
    }
    let processors = thread_count();
    let threads = options.jobs.unwrap_or(processors).clamp(1, rows.len());
    run_all(&lab, &rows, &options.command, threads, host)
}

/// Runs the command in all versions; the results are in their order.
fn run_all(lab: &Lab<'_>, rows: &[VersionRow], command: &CommandLine, threads: usize, host: &dyn Host) -> OpsResult<Vec<VersionRun>> {
    let next = AtomicUsize::new(0);
    let work = || -> OpsResult<Vec<VersionRun>> {
        let mut runs = Vec::new();
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            host.progress(Phase::Running, next.load(Ordering::Relaxed).min(rows.len()) as u64, Some(rows.len() as u64));
            // After an error no other thread need begin anything.
            runs.push(lab.run(row, command, Output::Kept).inspect_err(|_| next.store(rows.len(), Ordering::Relaxed))?);
        }
        Ok(runs)
    };
    let results: Vec<OpsResult<Vec<VersionRun>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut runs = Vec::with_capacity(rows.len());
    for result in results {
        runs.extend(result?);
    }
    runs.sort_unstable_by_key(|run| run.version);
    Ok(runs)
}
