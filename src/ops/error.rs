//! Why an operation could not be done, in the user's terms. Hints and exit codes are the business of `cli`.

mod convert;

use std::path::PathBuf;

use crate::disk::DiskError;
use crate::format::record::VersionNumber;
use crate::patch::NotText;
use crate::path::{PathError, RelPath};
use crate::remote::RemoteError;
use crate::store::StoreError;
use crate::version_log::LogError;
use crate::workspace::checkout::{ApplyError, CheckoutError, JournalError, WriteError};
use crate::workspace::scan::ScanError;

/// The result of an operation.
pub type OpsResult<T> = Result<T, OpsError>;

/// Why an operation could not be done. No variant means that anything was lost.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// Neither this folder nor one above it has a `.lua` folder.
    #[error("{} is not in a workspace", start.display())]
    NotAWorkspace {
        /// Where the search began.
        start: PathBuf,
    },
    /// A folder that hardly anybody means as a workspace: the root of the file system or of a mount, or a home folder.
    #[error("{} is {why}, which is hardly meant as a workspace", path.display())]
    UnlikelyRoot {
        /// The folder.
        path: PathBuf,
        /// What it is.
        why: &'static str,
    },
    /// A folder in which a history is kept.
    #[error("{} lies in {}, where a history is kept", path.display(), history.display())]
    InAHistory {
        /// The folder.
        path: PathBuf,
        /// Where the history is kept.
        history: PathBuf,
    },
    /// The settings of a workspace are gone, and its history was kept in another folder that only they named.
    #[error("{} is gone: it said in which folder the history of this workspace is", path.display())]
    LostSettings {
        /// The file.
        path: PathBuf,
    },
    /// The `.lua` folder belongs to another user: its settings and contents are not to be trusted.
    #[error("{} belongs to another user", path.display())]
    ForeignOwner {
        /// The folder.
        path: PathBuf,
    },
    /// The settings file cannot be understood, or asks for what this program does not know.
    #[error("the settings {} are not usable: {why}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is a history already that belongs to another workspace or store.
    #[error("{} already has its history in {}", root.display(), store.display())]
    OtherStore {
        /// The workspace.
        root: PathBuf,
        /// Where its history is.
        store: PathBuf,
    },
    /// No version has this number.
    #[error("there is no version {number}; the newest is {}", newest.map_or("none yet".to_owned(), |newest| newest.to_string()))]
    UnknownVersion {
        /// The number asked for.
        number: VersionNumber,
        /// The newest version.
        newest: Option<VersionNumber>,
    },
    /// The version was deleted: its entry stays, its contents may be gone.
    #[error("{number} was deleted")]
    DeletedVersion {
        /// The version.
        number: VersionNumber,
    },
    /// The version was pruned: its entry stays, its contents may be gone.
    #[error("{number} was {}", super::pruned_in_words(reason))]
    PrunedVersion {
        /// The version.
        number: VersionNumber,
        /// What asked for it.
        reason: String,
    },
    /// No version has this label.
    #[error("no version is labelled {name:?}{}", similar(near))]
    UnknownLabel {
        /// The label asked for.
        name: String,
        /// Labels that are written alike.
        near: Vec<String>,
    },
    /// No label can be written like this.
    #[error("{name:?} cannot be a label: {why}")]
    BadLabel {
        /// What was given.
        name: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// Another version has the label.
    #[error("{version} is labelled {name:?} already")]
    LabelTaken {
        /// The label.
        name: String,
        /// The version that has it.
        version: VersionNumber,
    },
    /// The last check of no version passed.
    #[error("no version has passed its last check")]
    NoGreenVersion,
    /// A check was stopped: it says nothing about the version, and nothing is recorded of it.
    #[error("stopped; {version} is recorded, its check is not")]
    CheckStopped {
        /// The version that was to be checked.
        version: VersionNumber,
    },
    /// The shell that runs checks could not be started, or its output not be read.
    #[error("{version} is recorded, but its check could not be run: {source}")]
    CheckNotRun {
        /// The version that was to be checked.
        version: VersionNumber,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A prune without a rule would keep hardly anything.
    #[error("nothing says which versions to keep")]
    NoRule,
    /// Nothing has been pushed yet.
    #[error("there is no version yet")]
    NoVersion,
    /// There is no rollback and no restore into the workspace that could be undone.
    #[error("no rollback or restore has been made")]
    NoRollback,
    /// The active version, or the last one, is not to be deleted.
    #[error("{number} is {why} and cannot be deleted")]
    Undeletable {
        /// The version.
        number: VersionNumber,
        /// `the active version`, `the newest version`, `pinned` or `labelled`.
        why: &'static str,
    },
    /// The ignore rules leave nothing, or nearly nothing, to record.
    #[error("the rule {rule} leaves {recorded} of {seen} entries to record")]
    NearlyNothingLeft {
        /// The rule that left out most.
        rule: String,
        /// Files and links that would be recorded.
        recorded: u64,
        /// Entries that were looked at.
        seen: u64,
    },
    /// Bytes of the workspace that no version could hold stand in the way of changing it.
    #[error("{} cannot be recorded, so the workspace is not changed: {}", count(*total, "path"), paths.join(", "))]
    Unrecordable {
        /// The first of the paths, each with its reason.
        paths: Vec<String>,
        /// How many there are.
        total: u64,
    },
    /// Something that no version holds stands where the checkout has to put something.
    #[error("{} in the way: {}", count(*total, "path"), paths.join("; "))]
    InTheWay {
        /// What stands in the way of what.
        paths: Vec<String>,
        /// How many there are.
        total: u64,
    },
    /// A message, author or trigger is longer than a record holds.
    #[error("the {what} has {bytes} bytes; at most {bytes_max} are kept")]
    TextTooLong {
        /// Which text.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The folder to restore into has something in it.
    #[error("{} is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// No path of the version fits what was asked for.
    #[error("nothing in {number} matches {pattern:?}")]
    NoMatch {
        /// The version.
        number: VersionNumber,
        /// What was asked for.
        pattern: String,
    },
    /// Neither side of a comparison has what was asked for.
    #[error("neither side has anything that matches {pattern:?}")]
    NothingToCompare {
        /// What was asked for.
        pattern: String,
    },
    /// Nothing stands at this path in the version.
    #[error("{number} has no {path:?}")]
    NotInVersion {
        /// The version.
        number: VersionNumber,
        /// The path.
        path: RelPath,
    },
    /// Something else stands at this path in the version than what was asked for.
    #[error("{path:?} is a {is} in {number}")]
    OtherKind {
        /// The version.
        number: VersionNumber,
        /// The path.
        path: RelPath,
        /// What it is: `folder`, `file` or `symbolic link`.
        is: &'static str,
    },
    /// A file that is not looked at line by line.
    #[error("{path:?} is {why}")]
    NotText {
        /// The path.
        path: RelPath,
        /// Why not.
        why: NotText,
    },
    /// No version holds, or ever held, what was asked for.
    #[error("no version has {what}")]
    NeverRecorded {
        /// What was asked for.
        what: String,
    },
    /// The versions of a range stand in the wrong order.
    #[error("{first} is not older than {last}")]
    EmptyRange {
        /// What was to be the older one.
        first: VersionNumber,
        /// What was to be the newer one.
        last: VersionNumber,
    },
    /// A pattern that cannot be understood.
    #[error("the pattern {pattern:?} is malformed: {why}")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// A regular expression that cannot be understood.
    #[error("the pattern {pattern:?} cannot be searched for: {why}")]
    BadExpression {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// The folder for temporary files lies in the workspace, where no checkout may be made.
    #[error("the folder for temporary files, {}, lies in the workspace", path.display())]
    ScratchInWorkspace {
        /// The folder.
        path: PathBuf,
    },
    /// A command could not be started, or not be waited for.
    #[error("cannot run {program:?}: {source}")]
    CannotRun {
        /// The command's program.
        program: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A command that should have said whether a version is good ended in a way that says nothing.
    #[error("the command ended {how} in {number}, which is neither good nor bad")]
    NoVerdict {
        /// The version.
        number: VersionNumber,
        /// How it ended.
        how: String,
    },
    /// A search that finds more than can be kept.
    #[error("more than {bytes_max} bytes of lines match")]
    TooManyMatches {
        /// The limit.
        bytes_max: u64,
    },
    /// A path that lies outside the workspace or cannot be one.
    #[error("{path:?} is no path of the workspace: {why}")]
    BadPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// There are versions already, and none were to be appended.
    #[error("there are versions already, up to {newest}")]
    HistoryNotEmpty {
        /// The newest.
        newest: VersionNumber,
    },
    /// An import came to its end before all commits were versions. Those that were made stay.
    #[error("the import stopped after {}, all whole, which stay: {source}", count(*versions, "version"))]
    ImportStopped {
        /// How many were made.
        versions: u64,
        /// Why it stopped.
        source: Box<OpsError>,
    },
    /// No version that has its contents lies in a range.
    #[error("no version lies in that range")]
    NothingInRange,
    /// What git does not take as the name of a branch.
    #[error("git takes no branch of the name {branch:?}")]
    BadBranch {
        /// The name.
        branch: String,
    },
    /// The repository to be filled has the branch already.
    #[error("the git repository has a branch {branch:?} already")]
    BranchExists {
        /// The branch.
        branch: String,
    },
    /// git is needed and not installed.
    #[error("git is not installed")]
    NoGit,
    /// git refused something.
    #[error("{what} failed: {said}")]
    GitFailed {
        /// Which command.
        what: &'static str,
        /// What it said.
        said: String,
    },
    /// What was to be handed out could not be written.
    #[error("cannot write what is exported: {0}")]
    Output(std::io::Error),
    /// A git repository could not be read.
    #[cfg(feature = "git")]
    #[error(transparent)]
    Git(#[from] crate::git::GitError),
    /// The content of a path of the version was purged.
    #[error("{path:?} was purged from {number}")]
    Purged {
        /// The version.
        number: VersionNumber,
        /// The path.
        path: RelPath,
    },
    /// No version has a content to be purged at these paths, or has one any more.
    #[error("no version has a content at {what} that could be purged")]
    NothingToPurge {
        /// What was named.
        what: String,
    },
    /// A content to be purged would only be recorded again.
    #[error("what is to be purged is still there, at {}: {}", count(*total, "path"), paths.join(", "))]
    StillThere {
        /// The first of the places.
        paths: Vec<String>,
        /// How many there are.
        total: u64,
    },
    /// Another process is collecting.
    #[error("another process is collecting in this store")]
    CollectionAtWork,
    /// There is no remote of this name.
    #[error("there is no remote {name:?}")]
    UnknownRemote {
        /// The name.
        name: String,
    },
    /// There is no remote at all.
    #[error("there is no remote yet")]
    NoRemote,
    /// What cannot be the name of a remote.
    #[error("{name:?} cannot be the name of a remote: letters, digits, - and _ can stand in one")]
    BadRemoteName {
        /// The name.
        name: String,
    },
    /// There is a remote of this name already.
    #[error("there is a remote {name:?} already: {url}")]
    RemoteExists {
        /// The name.
        name: String,
        /// Where it is.
        url: String,
    },
    /// A remote that the workspace names, and that the user of this machine has not agreed to.
    #[error("this workspace names a remote that was never used on this machine: {url}")]
    RemoteNotAgreed {
        /// Where it is.
        url: String,
    },
    /// Two remotes want different versions under the same number.
    #[error("the remotes {one:?} and {other:?} have different versions under the same numbers")]
    RemotesDisagree {
        /// One of them.
        one: String,
        /// The other.
        other: String,
    },
    /// Workspace and remote have versions, and none in common.
    #[error("the remote has {} and this workspace {ours}, and they have none in common", count(*theirs, "version"))]
    Unrelated {
        /// Versions of the remote.
        theirs: u64,
        /// Versions of the workspace.
        ours: u64,
    },
    /// A remote is to be forgotten that has what this machine has not.
    #[error("{contents} contents of the history are at the remote {name:?} and not on this machine")]
    OnlyThere {
        /// The remote.
        name: String,
        /// How many.
        contents: u64,
    },
    /// A content is at a remote only, and was not asked for.
    #[error("the content {id} is at a remote and not on this machine")]
    NotHere {
        /// Its id.
        id: crate::id::ObjectId,
    },
    /// Contents are at a remote only, and could not be fetched.
    #[error("{contents} contents are not on this machine and could not be fetched, among them {place}: {why}")]
    NotFetched {
        /// How many.
        contents: u64,
        /// Where one of them stands: a path, and of which version.
        place: String,
        /// Why they could not be fetched.
        why: Box<OpsError>,
    },
    /// The remote could not do what was asked, or is not what it should be.
    #[error(transparent)]
    Remote(RemoteError),
    /// The user asked to stop.
    #[error("stopped; nothing was left half done")]
    Cancelled,
    /// Objects of the store could not be read or written.
    #[error(transparent)]
    Store(StoreError),
    /// The version log could not be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file of the store could not be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The workspace could not be looked at.
    #[error(transparent)]
    Scan(ScanError),
    /// Contents could not be written out of the store. The workspace is as it was.
    #[error(transparent)]
    Write(WriteError<StoreError>),
    /// A plan was not carried out; the error says whether the workspace is as it was or the next command goes on.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The journal of an interrupted checkout cannot be read.
    #[error("the journal of an interrupted rollback cannot be used: {0}")]
    Journal(JournalError),
    /// The workspace could not be changed; it is as it was, or the next command brings it to its end.
    #[error(transparent)]
    Checkout(CheckoutError),
}

/// Labels that may be meant, as the end of a message.
fn similar(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; there is {}", near.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")),
    }
}

impl OpsError {
    /// Whether something that the store should have is damaged or missing.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_damage())
    }

    /// An error about a path that the user gave.
    pub(crate) fn bad_path(path: &[u8], error: &PathError) -> Self {
        Self::BadPath { path: String::from_utf8_lossy(path).into_owned(), why: error.to_string() }
    }
}

/// So many of something, in words.
fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
