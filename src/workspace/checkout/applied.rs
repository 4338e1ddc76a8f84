//! A plan that has been carried out.

use super::contents::CheckoutError;
use super::keep::ConflictCopy;
use super::known::Known;
use super::moves::Moves;
use super::plan::CheckoutPlan;
use super::settle::settle;
use super::stage::{StagedPlan, remove_stages, sync_stages};
use crate::disk::Dir;
use crate::path::RelPath;

/// A plan that has been carried out. What came out of the workspace is in the stage until [`Applied::discard`].
#[derive(Debug)]
pub struct Applied {
    pub(super) staged: StagedPlan,
    kept: Vec<RelPath>,
}

impl Applied {
    pub(super) fn new(staged: StagedPlan, kept: Vec<RelPath>) -> Self {
        Self { staged, kept }
    }

    /// What was carried out.
    pub fn plan(&self) -> &CheckoutPlan {
        &self.staged.survey.plan
    }

    /// Directories that no longer belong, but hold something that is excluded or was never recorded.
    pub fn kept_directories(&self) -> &[RelPath] {
        &self.kept
    }

    /// Makes the workspace durable as it is now.
    ///
    /// # Durability
    /// On return all that was written and moved is durable on every file system that was touched. Everything else that was
    /// written there by anybody is too, so this takes the time that the disk needs for it.
    pub fn sync(&self, root: &Dir) -> Result<(), CheckoutError> {
        sync_stages(&self.staged.survey.local_stages, root, &self.staged.stage)
    }

    /// Removes what came out of the workspace. What others changed between the scan and now, the last moment, also through a handle
    /// that was open before, is kept as a conflict copy beside its place and returned.
    pub fn discard(self, root: &Dir) -> Result<Vec<ConflictCopy>, CheckoutError> {
        let StagedPlan { survey, stage, .. } = &self.staged;
        let conflicts = settle(&Known::new(&survey.plan), root, stage, &survey.local_stages, &Moves::new(&|_| Ok(())))?;
        remove_stages(&survey.local_stages, root, stage)?;
        Ok(conflicts)
    }
}
