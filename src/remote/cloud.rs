//! Remotes in object storage: S3 and what is compatible, Google, Azure. The only file with async in it: a small runtime drives the
//! requests of the library, and callers wait.

use std::ops::Range;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig};
use tokio::runtime::Runtime;

use super::aws_profile::complete;
use super::{Bucket, Creation, Environment, RemoteError, RemoteResult, Stored};
use crate::limits::{REMOTE_REPEAT_MS, REMOTE_REPEATS, REMOTE_RETRIES, REMOTE_TIMEOUT_MS};

/// A bucket, or a prefix in one.
pub struct Cloud {
    store: Box<dyn ObjectStore>,
    prefix: String,
    runtime: Runtime,
}

impl Cloud {
    /// Makes ready to reach a bucket. Costs no request.
    pub fn open(address: &str, environment: &Environment) -> RemoteResult<Self> {
        let unusable = |why: String| RemoteError::Address { why };
        let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
        let prefix = rest.split_once('/').map_or(String::new(), |(_, prefix)| format!("{prefix}/"));
        // Whoever linked this library may have chosen another one; then that stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let environment = if address.starts_with("s3://") { &complete(environment)? } else { environment };
        let store = store(address, environment).map_err(|error| unusable(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Ok(Self { store, prefix, runtime: runtime.map_err(|error| unusable(error.to_string()))? })
    }

    fn path(&self, key: &str) -> Path {
        Path::from(format!("{}{key}", self.prefix))
    }

    fn put_as(&self, key: &str, bytes: PutPayload, mode: PutMode) -> Result<(), Error> {
        let options = PutOptions { mode, ..PutOptions::default() };
        self.runtime.block_on(self.store.put_opts(&self.path(key), bytes, options)).map(drop)
    }

    async fn read(&self, key: &str, bytes_max: usize) -> Result<Vec<u8>, ReadError> {
        let answer = self.store.get(&self.path(key)).await?;
        if answer.meta.size > bytes_max as u64 {
            return Err(ReadError::TooLarge);
        }
        // The length that was announced is not relied on: what comes is counted.
        let (mut bytes, mut pieces) = (Vec::new(), answer.into_stream());
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            if bytes.len() + piece.len() > bytes_max {
                return Err(ReadError::TooLarge);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// Asks again, a few times, as long as it fails in a way that may pass.
fn repeated<T, E>(ask: impl Fn() -> Result<T, E>, may_pass: impl Fn(&E) -> bool) -> Result<T, E> {
    for _ in 0..REMOTE_REPEATS {
        match ask() {
            Err(error) if may_pass(&error) => std::thread::sleep(Duration::from_millis(REMOTE_REPEAT_MS)),
            other => return other,
        }
    }
    ask()
}

/// Whether an answer broke off. The library below does not ask again once one has begun.
fn broke_off(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return !matches!(error.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout);
        }
        source = error.source();
    }
    false
}

enum ReadError {
    TooLarge,
    Store(Error),
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

fn store(address: &str, environment: &Environment) -> Result<Box<dyn ObjectStore>, Error> {
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: REMOTE_RETRIES,
        retry_timeout: Duration::from_millis(2 * REMOTE_TIMEOUT_MS),
    };
    // A read timeout and not one for the whole request: a large pack on a slow line takes as long as it takes.
    let allow_http = environment.iter().any(|(name, value)| name.ends_with("ALLOW_HTTP") && value == "true");
    let client = ClientOptions::new()
        .with_connect_timeout(Duration::from_millis(REMOTE_TIMEOUT_MS / 3))
        .with_read_timeout(Duration::from_millis(REMOTE_TIMEOUT_MS))
        .with_timeout_disabled()
        .with_allow_http(allow_http);
    let known = environment.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    if address.starts_with("s3://") {
        let builder = AmazonS3Builder::new().with_url(address).with_retry(retry).with_client_options(client);
        let with = |builder: AmazonS3Builder, (name, value): (String, String)| match name.parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        };
        return Ok(Box::new(known.filter(|(name, _)| name.starts_with("aws_")).fold(builder, with).build()?));
    }
    if address.starts_with("gs://") {
        let builder = GoogleCloudStorageBuilder::new().with_url(address).with_retry(retry).with_client_options(client);
        let with = |builder: GoogleCloudStorageBuilder, (name, value): (String, String)| match name.parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        };
        return Ok(Box::new(known.filter(|(name, _)| name.starts_with("google_")).fold(builder, with).build()?));
    }
    let builder = MicrosoftAzureBuilder::new().with_url(address).with_retry(retry).with_client_options(client);
    let with = |builder: MicrosoftAzureBuilder, (name, value): (String, String)| match name.parse() {
        Ok(key) => builder.with_config(key, value),
        Err(_) => builder,
    };
    Ok(Box::new(known.filter(|(name, _)| name.starts_with("azure_")).fold(builder, with).build()?))
}

fn failure(action: &'static str, key: &str, error: &Error) -> RemoteError {
    let (key, why) = (key.to_owned(), error.to_string());
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => RemoteError::Denied { action, key, why },
        _ => RemoteError::Unreachable { action, key, why },
    }
}

impl Bucket for Cloud {
    fn get(&self, key: &str, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        let read = || self.runtime.block_on(self.read(key, bytes_max));
        match repeated(read, |error| matches!(error, ReadError::Store(error) if broke_off(error))) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ReadError::Store(Error::NotFound { .. })) => Ok(None),
            Err(ReadError::Store(error)) => Err(failure("read", key, &error)),
            Err(ReadError::TooLarge) => Err(RemoteError::Damaged { key: key.to_owned(), why: "it is longer than it may be".to_owned() }),
        }
    }

    fn create(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        match self.put_as(key, PutPayload::from(bytes.to_vec()), PutMode::Create) {
            Ok(()) => Ok(Creation::Created),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Creation::Exists),
            Err(error) => Err(failure("create", key, &error)),
        }
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()> {
        // Without a condition, so that a refusal for one can only mean that somebody writes the same at the same time.
        let may_pass = |error: &Error| matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. }) || broke_off(error);
        let bytes = PutPayload::from(bytes);
        repeated(|| self.put_as(key, bytes.clone(), PutMode::Overwrite), may_pass).map_err(|error| failure("write", key, &error))
    }

    fn size(&self, key: &str) -> RemoteResult<Option<u64>> {
        Ok(self.look(key)?.map(|stored| stored.bytes))
    }

    fn remove(&self, key: &str) -> RemoteResult<()> {
        match self.runtime.block_on(self.store.delete(&self.path(key))) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure("remove", key, &error)),
        }
    }

    fn look(&self, key: &str) -> RemoteResult<Option<Stored>> {
        match repeated(|| self.runtime.block_on(self.store.head(&self.path(key))), broke_off) {
            Ok(meta) => {
                let written_ms = meta.last_modified.timestamp_millis();
                Ok(Some(Stored { name: key.to_owned(), bytes: meta.size, written_ms }))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure("look at", key, &error)),
        }
    }

    fn stored(&self, prefix: &str) -> RemoteResult<Vec<Stored>> {
        // The library lists what lies in a folder; how names in it begin is looked at here.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let listing = self.store.list(Some(&self.path(folder))).try_collect::<Vec<_>>();
        let found = self.runtime.block_on(listing).map_err(|error| failure("list", prefix, &error))?;
        let stored = |meta: object_store::ObjectMeta| {
            let path: &str = meta.location.as_ref();
            let name = path.strip_prefix(self.prefix.as_str()).filter(|name| name.starts_with(prefix))?.to_owned();
            Some(Stored { name, bytes: meta.size, written_ms: meta.last_modified.timestamp_millis() })
        };
        let mut found: Vec<Stored> = found.into_iter().filter_map(stored).collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    fn get_range(&self, key: &str, range: Range<u64>, _: usize) -> RemoteResult<Option<Vec<u8>>> {
        let wanted = range.end.saturating_sub(range.start);
        match repeated(|| self.runtime.block_on(self.store.get_range(&self.path(key), range.clone())), broke_off) {
            Ok(bytes) if bytes.len() as u64 == wanted => Ok(Some(bytes.to_vec())),
            Ok(_) => Err(RemoteError::Damaged { key: key.to_owned(), why: "it is shorter than it was".to_owned() }),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure("read", key, &error)),
        }
    }

    fn has_ranges(&self) -> bool {
        true
    }
}
