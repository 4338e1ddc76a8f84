//! Where a remote is: `file:///…`, `s3://…`, `gs://…`, `az://…`.

use std::path::{Path, PathBuf};

use super::{Bucket, RemoteError, RemoteResult};

/// Variables that the provider's own tools read: where the storage is and who asks. Only from the program's surroundings, never
/// from a workspace.
pub type Environment = Vec<(String, String)>;

/// Longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 2048;
/// The kinds of storage that the feature `remote` brings.
const CLOUD: [&str; 3] = ["s3", "gs", "az"];
/// What others speak. The library has no SFTP, and its WebDAV cannot create a file only if there is none.
const FOREIGN: [&str; 12] = ["sftp", "ssh", "scp", "rsync", "webdav", "webdavs", "dav", "davs", "http", "https", "smb", "nfs"];

/// The address of a remote, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    text: String,
}

impl Address {
    /// Reads an address. A path is taken for a directory.
    ///
    /// # Errors
    /// [`RemoteError::Address`], also for one with a name or a password in it: it would be kept in the workspace.
    pub fn parse(text: &str, folder: &Path) -> RemoteResult<Self> {
        let refuse = |why: &str| Err(RemoteError::Address { why: why.to_owned() });
        if text.is_empty() || text.len() > ADDRESS_BYTES_MAX || text.chars().any(char::is_control) {
            return refuse("it is empty, too long, or has control characters");
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            let path = folder.join(text);
            return match path.to_str() {
                Some(path) => Ok(Self::kept(&format!("file://{path}"))),
                None => refuse("its path is not UTF-8"),
            };
        };
        match scheme {
            "file" if rest.starts_with('/') => {}
            "file" => return refuse("file:// wants an absolute path, with three slashes"),
            _ if FOREIGN.contains(&scheme) => {
                return refuse(&format!("{scheme}:// is not spoken here; mount it, and name the folder: file:///mnt/…"));
            }
            _ if !CLOUD.contains(&scheme) => return refuse("it begins with none of file://, s3://, gs://, az://"),
            _ if rest.contains(['@', '?', '#']) => {
                return refuse("only bucket and prefix may stand in it; credentials come from the environment");
            }
            _ if rest.split('/').next().is_none_or(str::is_empty) => return refuse("it names no bucket"),
            _ => {}
        }
        Ok(Self::kept(text))
    }

    /// Without slashes at its end, but for the root of the file system.
    fn kept(text: &str) -> Self {
        let trimmed = text.trim_end_matches('/');
        Self { text: if trimmed == "file:" { "file:///" } else { trimmed }.to_owned() }
    }

    /// The address as it is kept.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The directory of a `file://` address.
    pub fn directory(&self) -> Option<PathBuf> {
        self.text.strip_prefix("file://").map(PathBuf::from)
    }

    /// Reaches the storage, which costs no request yet. A directory is made if `may_create`.
    pub fn open(&self, environment: &Environment, may_create: bool) -> RemoteResult<Box<dyn Bucket>> {
        match self.directory() {
            Some(path) => Ok(Box::new(super::directory::Directory::open(&path, may_create)?)),
            None => open_cloud(&self.text, environment),
        }
    }
}

#[cfg(feature = "remote")]
fn open_cloud(address: &str, environment: &Environment) -> RemoteResult<Box<dyn Bucket>> {
    Ok(Box::new(super::cloud::Cloud::open(address, environment)?))
}

#[cfg(not(feature = "remote"))]
fn open_cloud(_: &str, _: &Environment) -> RemoteResult<Box<dyn Bucket>> {
    Err(RemoteError::NotBuilt)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gate runs the tests of this file without the feature as well.
    #[cfg(not(feature = "remote"))]
    #[test]
    fn a_program_without_clouds_says_that_it_is_one() {
        let address = Address::parse("s3://bucket/a", Path::new("/w")).unwrap();
        assert!(matches!(address.open(&Environment::default(), false), Err(RemoteError::NotBuilt)));
    }

    #[test]
    fn addresses_are_checked() {
        let parse = |text: &str| Address::parse(text, Path::new("/w"));
        assert_eq!(parse("s3://bucket/a/b/").unwrap().as_str(), "s3://bucket/a/b");
        assert_eq!(parse("../share").unwrap().as_str(), "file:///w/../share");
        assert_eq!(parse("share//").unwrap().as_str(), "file:///w/share");
        assert_eq!(parse("file:///").unwrap().directory(), Some(PathBuf::from("/")));
        assert_eq!(parse("file:///srv/x").unwrap().directory(), Some(PathBuf::from("/srv/x")));
        for wrong in ["", "s3://", "s3:///x", "file://x", "ftp://h/x", "s3://key:secret@bucket", "s3://b?x=1", "s3://b/\u{1b}"] {
            assert!(matches!(parse(wrong), Err(RemoteError::Address { .. })), "{wrong:?}");
        }
        for foreign in FOREIGN {
            let why = parse(&format!("{foreign}://ada@host/histories")).unwrap_err().to_string();
            assert!(why.contains("mount it") && why.contains(foreign), "{why}");
        }
    }
}
