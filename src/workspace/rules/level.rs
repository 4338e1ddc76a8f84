//! The chain of ignore files of one kind, from a directory up to the root.

use std::sync::Arc;

use super::file::RuleFile;

/// Which kind of ignore file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `.gitignore`
    Git,
    /// `.luaignore`
    Lua,
}

impl Kind {
    /// Name of the files of this kind.
    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Git => ".gitignore",
            Self::Lua => ".luaignore",
        }
    }
}

/// An ignore file, the folder it stands in, and the nearest file of its kind above it.
#[derive(Debug)]
pub(super) struct Level {
    kind: Kind,
    /// Length of the folder's path, in bytes.
    folder_len: usize,
    /// What the folder's path adds to that of the level above. Whole paths would take memory by the square of the depth.
    folder_tail: Box<[u8]>,
    file: RuleFile,
    above: Option<Arc<Level>>,
}

impl Level {
    /// Puts an ignore file below those above it; the folder is that of the level above or lies in it.
    pub(super) fn below(above: Option<Arc<Self>>, kind: Kind, folder: &[u8], file: RuleFile) -> Arc<Self> {
        let above_len = above.as_ref().map_or(0, |above| above.folder_len);
        let folder_tail = folder.get(above_len..).unwrap_or_default().into();
        Arc::new(Self { kind, folder_len: folder.len(), folder_tail, file, above })
    }

    /// The rule that decides about an entry of `folder`: the last match in the nearest file that has one.
    pub(super) fn last_match<'a>(nearest: Option<&'a Arc<Self>>, folder: &[u8], name: &[u8], is_directory: bool) -> Option<Match<'a>> {
        let mut next = nearest;
        while let Some(level) = next {
            let skipped = if level.folder_len == 0 { 0 } else { level.folder_len + 1 };
            let folder = folder.get(skipped..).unwrap_or_default();
            if let Some(rule) = level.file.last_match(folder, name, is_directory) {
                return Some(Match { level, rule });
            }
            next = level.above.as_ref();
        }
        None
    }

    /// The rules of this level's file.
    pub(super) fn file(&self) -> &RuleFile {
        &self.file
    }

    /// The path of this level's file, relative to the root of the workspace.
    pub(super) fn path(&self) -> Vec<u8> {
        let mut tails = vec![&*self.folder_tail];
        let mut next = self.above.as_ref();
        while let Some(level) = next {
            tails.push(&level.folder_tail);
            next = level.above.as_ref();
        }
        tails.reverse();
        super::join(&tails.concat(), self.kind.file_name().as_bytes())
    }
}

impl Drop for Level {
    /// Lets go of the levels above one by one: left to itself this would recurse, as deep as the deepest path.
    fn drop(&mut self) {
        let mut above = self.above.take();
        while let Some(mut level) = above.and_then(Arc::into_inner) {
            above = level.above.take();
        }
    }
}

/// A rule that matches.
#[derive(Clone, Copy)]
pub(super) struct Match<'a> {
    /// The file it stands in.
    pub(super) level: &'a Arc<Level>,
    /// Its number there.
    pub(super) rule: u32,
}

impl Match<'_> {
    /// Whether the rule says that what it matches is recorded.
    pub(super) fn whitelists(self) -> bool {
        self.level.file.whitelists(self.rule)
    }
}
