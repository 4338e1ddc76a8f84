//! A history in object storage: where it is, how it is reached, and what lies there. Knows no store, no workspace.
//!
//! | key | is | written |
//! |---|---|---|
//! | `format` | what this is, and the repository's id | once, if absent |
//! | `keys/`, an id and a number | the master key of an encrypted remote, wrapped | once, if absent; removed when the passphrase changes |
//! | `log/` and 16 digits | an entry of the log: [`crate::format::remote::RemoteEntry`] | once, if absent |
//! | `packs/` and an id | a pack ([`crate::format::pack`]), a catalog ([`crate::format::catalog`]) or a bundle of entries | any number of times, always the same bytes |
//! | `summaries/` and 16 digits | what stands for many entries and packs: [`crate::format::summary`] | once, if absent |
//! | `probe/` and a number | a try whether the storage keeps its promises | removed again |
//!
//! Only one promise of the storage is built upon: of all who create a key that is not there, one succeeds. Nothing that is read is
//! believed: packs are held against their ids, entries against their chain, and lengths against what was said before.
//!
//! In an encrypted remote all but `format` and `keys/` is sealed (`seal`), by a [`Bucket`] around another: nothing above it knows.
//!
//! [`Bucket`] is the storage, one implementation for each kind: `directory` without any dependency, and `cloud` (feature `remote`)
//! for S3, Google and Azure, the only file with async in it. [`Remote`] is what lies in it.

mod address;
#[cfg(feature = "remote")]
mod aws_profile;
mod bucket;
#[cfg(feature = "remote")]
mod cloud;
mod directory;
mod error;
mod log;
mod paced;
mod packs;
mod probe;
mod seal;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use address::{Address, Environment};
pub use bucket::{Bucket, Creation, Stored, Traffic};
pub use error::{RemoteError, RemoteResult};
pub use log::{Appended, Found, Remote, Seen};
pub use paced::{Pace, Paced};
pub use packs::Frames;
pub use probe::{new_stamp, probe, storage_time_ms};
pub use seal::{MasterKey, Passphrase, Seal, change_key, key_below, unlock};
