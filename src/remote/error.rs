//! Why a remote could not do what was asked.

use crate::disk::DiskError;
use crate::format::FormatError;
use crate::format::remote::RepositoryId;
use crate::id::ObjectId;

/// The result of an operation on a remote.
pub type RemoteResult<T> = Result<T, RemoteError>;

/// Why a remote could not do what was asked. Nothing local has changed.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address cannot be understood, or says what must not stand in it.
    #[error("the address of the remote is not usable: {why}")]
    Address {
        /// What is wrong.
        why: String,
    },
    /// A profile of Amazon's tools cannot be used.
    #[error("the AWS profile {name:?} cannot be used: {why}")]
    Profile {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// This program was built without what the address needs.
    #[error("this program was built without remotes in object storage; only file:// is in it")]
    NotBuilt,
    /// The storage did not answer, or not in time, or had an error of its own.
    #[error("cannot {action} {key:?} of the remote: {why}")]
    Unreachable {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which key.
        key: String,
        /// What was said.
        why: String,
    },
    /// The storage does not let us.
    #[error("the remote does not permit to {action} {key:?}: {why}")]
    Denied {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which key.
        key: String,
        /// What was said.
        why: String,
    },
    /// There is no history at the address.
    #[error("there is no history at the remote yet")]
    Empty,
    /// There is the history of somebody else.
    #[error("the remote holds another history ({found}) than the one that was shared with it ({expected})")]
    OtherRepository {
        /// The repository that was expected.
        expected: RepositoryId,
        /// The one that is there.
        found: RepositoryId,
    },
    /// The log of the remote does not have any more what it had.
    #[error("the remote was rolled back or rewritten: entry {number} was {seen} and is {} now", found.map_or("gone".to_owned(), |id| id.to_string()))]
    Rewritten {
        /// The last entry that was seen.
        number: u64,
        /// Its id then.
        seen: ObjectId,
        /// Its id now.
        found: Option<ObjectId>,
    },
    /// Something at the remote is not what it should be.
    #[error("{key:?} of the remote is damaged: {why}")]
    Damaged {
        /// Which key.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// An entry names something that is not there.
    #[error("{key:?} is not at the remote although its log names it")]
    Missing {
        /// Which key.
        key: String,
    },
    /// No pack that an entry names holds what its versions consist of.
    #[error("{what} is in none of the packs that the remote's log names")]
    Lacking {
        /// The object.
        what: String,
    },
    /// Two could create the same key: with this storage the work of one machine would overwrite that of another.
    #[error("the storage creates what is there already, so two machines would overwrite each other's versions")]
    IgnoresConditions,
    /// A place that had a history has nothing at all.
    #[error("nothing is where the history was; is it mounted, and the address still right?")]
    Away,
    /// A history that begins there is to be encrypted, and there is no passphrase.
    #[error("the history at {url} is to be encrypted, and no passphrase was given; nothing was done")]
    NoPassphrase {
        /// Where it would be.
        url: String,
    },
    /// What lies there is encrypted, and nothing here opens it.
    #[error("{url} is encrypted, and this machine has no key for it")]
    KeyNeeded {
        /// Where it is.
        url: String,
    },
    /// A history would begin outside of this machine, and nobody said whether it is to be encrypted.
    #[error("nobody said whether the history at {url} is to be encrypted; nothing was done")]
    EncryptionUndecided {
        /// Where it would be.
        url: String,
    },
    /// What was given does not open the remote.
    #[error("the passphrase, key file or recovery code is not the one of the remote")]
    WrongKey,
    /// What was written down is not what was printed.
    #[error("the recovery code is mistyped: a letter is wrong or missing")]
    RecoveryCode,
    /// A key cannot be derived from a passphrase on this machine.
    #[error("cannot derive the key of the remote: {why}")]
    KeyDerivation {
        /// What was said.
        why: String,
    },
    /// The remote is said to be encrypted, and is not.
    #[error("the history at the remote is not encrypted")]
    NotEncrypted,
    /// The remote is not said to be encrypted, and is.
    #[error("the history at the remote is encrypted")]
    Encrypted,
    /// What was sent may have been collected before it could be named.
    #[error("sending took longer than the remote keeps what is in no log entry yet")]
    TooSlow,
    /// Two collected the remote at the same time.
    #[error("somebody else has collected the remote meanwhile, or it has what was not fetched yet")]
    Collected,
    /// Others were always faster.
    #[error("others wrote to the remote all the time; {tries} tries")]
    Contended {
        /// How often it was tried.
        tries: u32,
    },
    /// A file could not be written or read.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl RemoteError {
    /// Something at the remote has bytes that no writer writes.
    pub fn format(key: &str, error: &FormatError) -> Self {
        Self::Damaged { key: key.to_owned(), why: error.to_string() }
    }

    /// Whether nobody can tell whether what was tried has been done.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
