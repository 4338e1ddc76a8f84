//! Why a command failed: its message, and the only place that knows exit codes, short codes and hints for errors.
//!
//! There is no `_` arm over the errors of operations, of the store and of the log: whoever adds one decides here what it means to
//! a user.

use std::io::{self, ErrorKind};

use lua_store::disk::DiskError;
use lua_store::git::GitError;
use lua_store::ops::OpsError;
use lua_store::remote::RemoteError;
use lua_store::store::StoreError;
use lua_store::version_log::{Cause, LogError};
use lua_store::workspace::checkout::{ApplyError, CheckoutError, JournalError, WriteError};
use lua_store::workspace::scan::ScanError;

use super::environment::named;
use super::exit::Exit;
use super::output;
use super::render::escape;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The library could not do it.
    #[error(transparent)]
    Ops(#[from] OpsError),
    /// The command line or the environment makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is nobody to ask, and no `--force`.
    #[error("this needs a confirmation, and there is no terminal to ask on; nothing was done")]
    ConfirmationNeeded,
    /// The user was asked and did not say yes.
    #[error("not confirmed; nothing was done")]
    Declined,
    /// The current folder, or the one to work in, cannot be used.
    #[error("cannot work in {folder}: {source}")]
    Folder {
        /// The folder, as it is shown.
        folder: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The answer cannot be written. What was to be done is done.
    #[error("cannot write the answer: {0}")]
    Output(#[source] io::Error),
}

/// The result of a command.
pub type Outcome = Result<Exit, Failure>;

/// What an error means at the edge of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How the program ends.
    pub exit: Exit,
    /// A word for scripts.
    pub code: &'static str,
    /// What the user can do, with `{lua}` for the program's name; may be empty.
    pub hint: &'static str,
}

/// Tells the user why a command failed, and gives the exit code.
pub fn report(failure: &Failure, program: &str, in_json: bool) -> Exit {
    let Verdict { exit, code, hint } = verdict(failure);
    let message = failure.to_string();
    let hint = named(hint, program);
    if in_json && !matches!(failure, Failure::Output(_)) {
        let answer = super::json::error(code, &message, &hint);
        // Nowhere is left to complain about an answer that cannot be written; the exit code tells.
        let _ = output::write_json(&answer);
    } else {
        output::error(&escape::text(&message), &hint);
    }
    exit
}

/// What a failure means.
pub fn verdict(failure: &Failure) -> Verdict {
    match failure {
        Failure::Ops(error) => of_ops(error),
        Failure::Usage(_) => says(Exit::Usage, "usage", "`{lua} --help` lists the commands"),
        Failure::ConfirmationNeeded => says(Exit::Usage, "confirmation_needed", "--force goes on without a question"),
        Failure::Declined => says(Exit::Usage, "declined", ""),
        Failure::Folder { .. } => says(Exit::Failed, "folder", ""),
        Failure::Output(_) => says(Exit::Failed, "output", "what was to be done is done; only the answer is missing"),
    }
}

const fn says(exit: Exit, code: &'static str, hint: &'static str) -> Verdict {
    Verdict { exit, code, hint }
}

fn of_ops(error: &OpsError) -> Verdict {
    use Exit::{Damage, Failed, NoSuchVersion, NotAWorkspace, Usage};
    match error {
        OpsError::NotAWorkspace { .. } => {
            says(NotAWorkspace, "not_a_workspace", "`{lua} init` makes a workspace of a folder, and so does its first `{lua} push`")
        }
        OpsError::UnlikelyRoot { .. } => {
            says(Usage, "unlikely_root", "go into the folder you mean, or insist with `{lua} init --yes-this-root`")
        }
        OpsError::InAHistory { .. } => says(Usage, "in_a_history", "go into the folder of your files"),
        OpsError::LostSettings { .. } => says(
            Failed,
            "lost_settings",
            "`{lua} init --store DIR` with that folder goes on with it; to begin anew, remove the .lua folder first",
        ),
        OpsError::ForeignOwner { .. } => says(Failed, "foreign_owner", "run this as its owner; if you trust it, make it yours with chown"),
        OpsError::Settings { .. } => says(Failed, "settings", "mend the file by hand; if a newer {lua} wrote it, use that one"),
        OpsError::OtherStore { .. } => says(Failed, "other_store", "`{lua} init` without --store goes on with the history that is there"),
        OpsError::UnknownVersion { .. } => says(NoSuchVersion, "unknown_version", "`{lua} source list --all` lists all versions"),
        OpsError::DeletedVersion { .. } => says(NoSuchVersion, "deleted_version", "`{lua} source list --all` lists the others"),
        OpsError::PrunedVersion { .. } => says(NoSuchVersion, "pruned_version", "`{lua} source list --all` lists the others"),
        OpsError::UnknownLabel { .. } => {
            says(NoSuchVersion, "unknown_label", "`{lua} label` lists all labels; a path of the newest version is written as newest:PATH")
        }
        OpsError::BadLabel { .. } => says(Usage, "bad_label", "a label is written like a git tag"),
        OpsError::LabelTaken { .. } => says(Failed, "label_taken", "--move takes it from there"),
        OpsError::NoGreenVersion => says(NoSuchVersion, "no_green_version", "`{lua} push --check COMMAND` checks a version"),
        OpsError::CheckStopped { .. } => says(Exit::Interrupted, "check_stopped", ""),
        OpsError::CheckNotRun { .. } => says(Failed, "check_not_run", ""),
        OpsError::NoRule => says(Usage, "no_rule", "name at least one rule, for example --keep-last 20; `{lua} prune --help` lists them"),
        OpsError::NoVersion => says(NoSuchVersion, "no_version", "`{lua} push` makes the first one"),
        OpsError::NoRollback => says(NoSuchVersion, "no_rollback", "`{lua} source rollback --version N` brings any version back"),
        OpsError::Undeletable { .. } => says(
            Failed,
            "undeletable",
            "promote another version, push a newer one, or take its pin and labels away, and then delete this one",
        ),
        OpsError::NearlyNothingLeft { .. } => {
            says(Usage, "nearly_nothing_left", "change that rule, take paths back in with `!PATH` in .luaignore, or insist with --force")
        }
        OpsError::Unrecordable { .. } => {
            says(Failed, "unrecordable", "make them readable, move them away, or leave them out with a rule in .luaignore")
        }
        OpsError::InTheWay { .. } => says(Failed, "in_the_way", "move them away and run it again"),
        OpsError::TextTooLong { .. } => says(Usage, "text_too_long", ""),
        OpsError::NotEmpty { .. } => NOT_EMPTY,
        OpsError::NoMatch { .. } => says(
            Failed,
            "no_match",
            "nothing was done; `{lua} ls N` lists what a version has, --version N names another one, and globs belong in quotes",
        ),
        OpsError::NothingToCompare { .. } => {
            says(Failed, "no_match", "versions are numbers, labels, newest or active, and come first; `{lua} ls -r` lists the paths of one")
        }
        OpsError::NotInVersion { .. } => says(Failed, "not_in_version", "`{lua} log PATH` says which versions changed a path"),
        OpsError::OtherKind { .. } => says(Failed, "other_kind", "`{lua} ls N:PATH` lists a folder, `{lua} cat N:PATH` shows a file"),
        OpsError::NotText { .. } => says(Failed, "not_text", "`{lua} log PATH` says which versions changed it"),
        OpsError::NeverRecorded { .. } => {
            says(Failed, "never_recorded", "`{lua} ls -r` lists the paths of the newest version; globs belong in quotes")
        }
        OpsError::EmptyRange { .. } => says(Usage, "empty_range", "name the older version first"),
        OpsError::BadPattern { .. } => says(Usage, "bad_pattern", "a glob knows *, ?, [..] and **"),
        OpsError::BadExpression { .. } => says(Usage, "bad_expression", "-F takes the text as it is"),
        OpsError::ScratchInWorkspace { .. } => says(Usage, "scratch_in_workspace", "set TMPDIR to a folder outside of the workspace"),
        OpsError::CannotRun { .. } => says(Failed, "cannot_run", "for more than a program and its arguments, use sh -c '…'"),
        OpsError::NoVerdict { .. } => says(Failed, "no_verdict", "0 is good, 125 no telling, any other code up to 127 bad"),
        OpsError::TooManyMatches { .. } => says(Failed, "too_many_matches", "search for more, in fewer paths, or with -l or -c"),
        OpsError::BadPath { .. } => says(Usage, "bad_path", "name paths inside the workspace"),
        OpsError::HistoryNotEmpty { .. } => {
            says(Usage, "history_not_empty", "--append adds behind them; --to DIR imports into another folder")
        }
        OpsError::ImportStopped { source, .. } => {
            Verdict { hint: "`{lua} import git --append` goes on behind the last commit that was imported", ..of_ops(source) }
        }
        OpsError::NothingInRange => says(NoSuchVersion, "nothing_in_range", "a range goes from an older version to a newer one"),
        OpsError::BadBranch { .. } => says(Usage, "bad_branch", "see `git check-ref-format --help`"),
        OpsError::BranchExists { .. } => says(Failed, "branch_exists", "--branch NAME makes another one"),
        OpsError::NoGit => says(Failed, "no_git", "without --to the history goes to standard output, for a `git fast-import` elsewhere"),
        OpsError::GitFailed { .. } => says(Failed, "git_failed", ""),
        OpsError::Output(error) => of_io("unwritable", error),
        OpsError::Git(error) => of_git(error),
        OpsError::Purged { .. } => says(Exit::LeftOut, "purged", "`{lua} version show N` lists what was purged from a version"),
        OpsError::NothingToPurge { .. } => says(Failed, "nothing_to_purge", "`{lua} log PATH` says which versions changed a path"),
        OpsError::StillThere { .. } => says(
            Failed,
            "still_there",
            "remove or change these files (a rule in .luaignore leaves them out), `{lua} push`, and purge again",
        ),
        OpsError::CollectionAtWork => says(Failed, "collection_at_work", "it gives the room back; nothing is to be done"),
        OpsError::UnknownRemote { .. } => says(Usage, "unknown_remote", "`{lua} remote list` lists the remotes"),
        OpsError::NoRemote => says(Usage, "no_remote", "`{lua} remote add URL` adds one"),
        OpsError::BadRemoteName { .. } => says(Usage, "bad_remote_name", ""),
        OpsError::RemoteExists { .. } => says(Failed, "remote_exists", "`{lua} remote remove NAME` forgets it"),
        OpsError::RemoteNotAgreed { .. } => {
            says(Usage, "remote_not_agreed", "if you trust it with this history: `{lua} remote check --agree`")
        }
        OpsError::RemotesDisagree { .. } => says(
            Failed,
            "remotes_disagree",
            "nothing was changed; `{lua} remote remove NAME` forgets the one that others do not use: it can begin anew at an empty place",
        ),
        OpsError::OnlyThere { .. } => says(Failed, "only_there", "`{lua} fetch --all` first, or insist with --force"),
        OpsError::NotHere { .. } => {
            says(Failed, "not_here", "`{lua} fetch N` brings the contents of a version, `{lua} fetch --all` everything")
        }
        // A remote that is damaged is damaged whatever was to be done; what else stood in the way may pass.
        OpsError::NotFetched { why, .. } if of_ops(why).exit == Damage => of_ops(why),
        OpsError::NotFetched { why, .. } => says(Failed, "not_fetched", later(of_ops(why))),
        OpsError::Unrelated { .. } => {
            says(Usage, "unrelated", "if they belong together: `{lua} sync --force` puts this workspace's versions behind the remote's")
        }
        OpsError::Remote(error) => of_remote(error),
        OpsError::Cancelled => CANCELLED,
        OpsError::Store(error) => of_store(error),
        OpsError::Log(error) => of_log(error),
        OpsError::Disk(error) => of_disk(error),
        OpsError::Scan(error) => of_scan(error),
        OpsError::Write(error) => of_write(error),
        OpsError::Apply(ApplyError::Undone { source, .. }) if source.source.kind() == ErrorKind::PermissionDenied => READ_ONLY,
        OpsError::Apply(ApplyError::Undone { source, .. }) => of_io("undone", &source.source),
        OpsError::Apply(ApplyError::Stuck { .. }) => says(Failed, "stuck", "what blocks it must go; the next command goes on from here"),
        OpsError::Journal(JournalError::Disk(error)) => of_disk(error),
        OpsError::Journal(JournalError::Format(_)) => {
            says(Damage, "journal_damaged", "no version is affected; to give that rollback up, move .lua/checkout.journal away")
        }
        OpsError::Checkout(error) => of_checkout(error),
    }
}

/// What to do when a remote could not be asked, and this is why.
fn later(why: Verdict) -> &'static str {
    match why {
        Verdict { code: "remote_unreachable", .. } | Verdict { hint: "", .. } => {
            "once the remote can be reached, the same again goes on; `{lua} fetch --all` fetches everything"
        }
        Verdict { hint, .. } => hint,
    }
}

const CANCELLED: Verdict = says(Exit::Interrupted, "cancelled", "");
const NOT_EMPTY: Verdict = says(Exit::Failed, "not_empty", "name a folder that is empty or does not exist yet");
const VERIFY: &str =
    "`{lua} verify` says which versions and paths are affected; `{lua} push --rehash` stores again what the workspace still has";
const VERIFY_REMOTE: &str = "what is here is as it was; `{lua} verify --remote --read-data` says what is wrong there, and a machine that has everything can share it at a new place";
const REPAIR: &str = "`{lua} repair` makes it anew from the recorded data";
const AGAIN: &str = "run it again";

fn of_git(error: &GitError) -> Verdict {
    match error {
        GitError::NotARepository { .. } => says(Exit::Usage, "not_a_git_repository", "name the folder of a git repository"),
        GitError::Unsupported { .. } => says(Exit::Failed, "git_unsupported", ""),
        GitError::Unreadable { .. } => says(Exit::Failed, "git_unreadable", ""),
        GitError::UnknownRevision { .. } => says(Exit::Usage, "unknown_revision", "name a branch, a tag or the hash of a commit"),
        GitError::Missing { .. } => says(Exit::Failed, "git_object_missing", "fetch it first: the repository may be a partial clone"),
        GitError::Damaged { .. } => says(Exit::Failed, "git_damaged", "`git fsck` in that repository says more"),
    }
}

fn of_remote(error: &RemoteError) -> Verdict {
    use Exit::{Damage, Failed, Usage};
    match error {
        RemoteError::Address { .. } => says(Usage, "bad_remote_address", "for example s3://bucket/prefix or file:///mnt/nas/histories"),
        RemoteError::NotBuilt => says(Usage, "remote_not_built", "install {lua} with the feature `remote`"),
        RemoteError::Profile { .. } => says(
            Usage,
            "aws_profile",
            "AWS_PROFILE names another one; `aws configure export-credentials --format env` prints variables that are understood",
        ),
        RemoteError::Unreachable { .. } => says(Failed, "remote_unreachable", "nothing was lost; run it again when it can be reached"),
        RemoteError::Denied { .. } => says(
            Failed,
            "remote_denied",
            "credentials come from AWS_*, GOOGLE_*, AZURE_* in the environment, ~/.aws, and gcloud's and az's own files",
        ),
        RemoteError::Empty => says(Failed, "remote_empty", "is the address right? `{lua} remote add` begins a history there"),
        RemoteError::Away => says(Failed, "remote_away", "nothing was lost; run it again when it is back"),
        RemoteError::NoPassphrase { .. } => {
            says(Usage, "no_passphrase", "set LUA_REMOTE_PASSPHRASE, or name a --key-file that is not empty")
        }
        RemoteError::OtherRepository { .. } => {
            says(Failed, "remote_other", "`{lua} remote remove NAME` and `add` it again if that is meant")
        }
        RemoteError::Rewritten { .. } => says(
            Damage,
            "remote_rewritten",
            "nothing was changed here; bring the remote back from a copy, or `{lua} remote remove NAME` and share with a new place",
        ),
        RemoteError::Damaged { .. } => says(Damage, "remote_damaged", VERIFY_REMOTE),
        RemoteError::Lacking { .. } => says(Damage, "remote_lacking", VERIFY_REMOTE),
        RemoteError::Missing { .. } => says(Damage, "remote_missing", VERIFY_REMOTE),
        RemoteError::IgnoresConditions => {
            says(Failed, "remote_ignores_conditions", "use other storage, or --single-writer if no second machine will ever write to it")
        }
        RemoteError::KeyNeeded { .. } => says(
            Usage,
            "remote_key_needed",
            "set LUA_REMOTE_PASSPHRASE, or name a key file: `{lua} remote check --key-file FILE` keeps its key on this machine",
        ),
        RemoteError::EncryptionUndecided { .. } => says(
            Usage,
            "encryption_undecided",
            "--encrypt seals all that is sent with a passphrase (LUA_REMOTE_PASSPHRASE, or --key-file FILE); --no-encrypt sends it as it is",
        ),
        RemoteError::WrongKey => says(Failed, "remote_wrong_key", "--recovery-code in its place opens it without the passphrase"),
        RemoteError::RecoveryCode => says(Usage, "recovery_code_mistyped", "it has 14 groups of four letters and digits"),
        RemoteError::KeyDerivation { .. } => says(Failed, "key_derivation", "it takes 64 MiB of memory, or what the remote says"),
        RemoteError::NotEncrypted => says(
            Failed,
            "remote_not_encrypted",
            "an encrypted history begins at an address where there is none: `{lua} remote add NAME URL --encrypt`",
        ),
        RemoteError::Encrypted => says(Failed, "remote_encrypted", "`{lua} remote remove NAME` and `add` it again if that is meant"),
        RemoteError::Collected => says(Failed, "remote_collected", "`{lua} fetch`, and again"),
        RemoteError::TooSlow => says(Failed, "remote_too_slow", AGAIN),
        RemoteError::Contended { .. } => says(Failed, "remote_contended", AGAIN),
        RemoteError::Disk(error) => of_disk(error),
    }
}

fn of_store(error: &StoreError) -> Verdict {
    use Exit::{Damage, Failed};
    match error {
        StoreError::Disk(error) => of_disk(error),
        StoreError::Missing { .. } => says(Damage, "object_missing", VERIFY),
        StoreError::Damaged { .. } => says(Damage, "object_damaged", VERIFY),
        StoreError::Format(_) => says(Damage, "store_damaged", VERIFY),
        StoreError::TooLarge { .. } => says(Failed, "too_large", ""),
        StoreError::Source(error) => of_io("unreadable", error),
        StoreError::Sink(error) => of_io("unwritable", error),
        StoreError::Codec(_) => says(Failed, "compression", ""),
        StoreError::Unproven => says(
            Failed,
            "unproven",
            "nothing was recorded: processor or memory of this machine seem to fail; test its memory (memtest86+), then try again",
        ),
        StoreError::Full => says(Failed, "store_full", ""),
    }
}

fn of_scan(error: &ScanError) -> Verdict {
    match error {
        ScanError::Root(error) => of_io("workspace_unreadable", error),
        ScanError::Exhausted(_) => says(Exit::Failed, "exhausted", AGAIN),
        ScanError::Cancelled => CANCELLED,
    }
}

fn of_write(error: &WriteError<StoreError>) -> Verdict {
    match error {
        WriteError::Content { source, .. } => of_store(source),
        WriteError::Length { .. } => says(Exit::Damage, "tree_damaged", VERIFY),
        WriteError::Other(error) => of_checkout(error),
        WriteError::NoSpace { .. } => DISK_FULL,
        WriteError::NotEmpty => NOT_EMPTY,
        WriteError::Cancelled => CANCELLED,
    }
}

fn of_checkout(error: &CheckoutError) -> Verdict {
    match error {
        CheckoutError::Place(error) => of_io("workspace", &error.source),
        CheckoutError::Disk(error) => of_disk(error),
        CheckoutError::Tree { .. } => says(Exit::Damage, "tree_damaged", VERIFY),
    }
}

fn of_log(error: &LogError) -> Verdict {
    use Exit::{Damage, Failed};
    match error {
        LogError::NotFound | LogError::NotRegular { .. } | LogError::Damaged { .. } | LogError::NotNext { .. } => {
            says(Damage, "log_damaged", REPAIR)
        }
        LogError::AlreadyExists | LogError::Replaced => says(Failed, "log_replaced", AGAIN),
        LogError::TooNew { .. } => says(Failed, "log_too_new", "use the newer {lua} that wrote it"),
        LogError::Busy(_) => says(Failed, "log_busy", AGAIN),
        LogError::ReadOnly(_) => READ_ONLY,
        LogError::Full(_) => DISK_FULL,
        LogError::Io(Cause::Disk(error)) => of_disk(error),
        LogError::Io(Cause::Sqlite(_)) => says(Failed, "log_io", ""),
        LogError::Other(_) => says(Failed, "log", ""),
    }
}

const DISK_FULL: Verdict = says(Exit::NoSpace, "disk_full", "nothing was lost; make room and run it again");
const READ_ONLY: Verdict = says(Exit::NoSpace, "read_only", "nothing was lost; the folder must be writable for you");

fn of_disk(error: &DiskError) -> Verdict {
    if error.is_full() {
        DISK_FULL
    } else if error.is_read_only() {
        READ_ONLY
    } else {
        says(Exit::Failed, "disk", "")
    }
}

fn of_io(code: &'static str, error: &io::Error) -> Verdict {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => DISK_FULL,
        ErrorKind::ReadOnlyFilesystem => READ_ONLY,
        _ => says(Exit::Failed, code, ""),
    }
}

#[cfg(test)]
mod tests {
    use lua_store::format::record::VersionNumber;

    use super::*;

    fn ends(error: OpsError) -> (Exit, &'static str) {
        let Verdict { exit, code, .. } = verdict(&error.into());
        (exit, code)
    }

    fn system(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn errors_end_with_the_code_of_their_meaning() {
        let number = VersionNumber(9);
        assert_eq!(ends(OpsError::NotAWorkspace { start: "/x".into() }), (Exit::NotAWorkspace, "not_a_workspace"));
        assert_eq!(ends(OpsError::UnknownVersion { number, newest: None }), (Exit::NoSuchVersion, "unknown_version"));
        assert_eq!(ends(OpsError::Cancelled), (Exit::Interrupted, "cancelled"));
        assert_eq!(ends(OpsError::UnlikelyRoot { path: "/".into(), why: "" }), (Exit::Usage, "unlikely_root"));
        assert_eq!(ends(OpsError::Log(LogError::Damaged { why: String::new() })), (Exit::Damage, "log_damaged"));
        assert_eq!(verdict(&Failure::ConfirmationNeeded).exit, Exit::Usage);
    }

    #[test]
    fn a_full_disk_is_seen_wherever_it_is_met() {
        const ENOSPC: i32 = 28;
        let disk = || DiskError::new("write", "/x", system(ENOSPC));
        let full = (Exit::NoSpace, "disk_full");
        assert_eq!(ends(OpsError::Disk(disk())), full);
        assert_eq!(ends(OpsError::Store(StoreError::Sink(system(ENOSPC)))), full);
        assert_eq!(ends(OpsError::Log(LogError::Full(Cause::Disk(disk())))), full);
        assert_eq!(ends(OpsError::Log(LogError::Io(Cause::Disk(disk())))), full);
    }

    #[test]
    fn a_disk_that_may_not_be_written_is_told_apart() {
        const EROFS: i32 = 30;
        const EIO: i32 = 5;
        let disk = |number| OpsError::Disk(DiskError::new("write", "/x", system(number)));
        assert_eq!(ends(disk(EROFS)), (Exit::NoSpace, "read_only"));
        assert_eq!(ends(disk(EIO)), (Exit::Failed, "disk"));
    }

    #[test]
    fn hints_name_the_program_by_its_name_of_today() {
        let hint = verdict(&OpsError::NoVersion.into()).hint;
        assert_eq!(named(hint, "moon"), "`moon push` makes the first one");
    }
}
