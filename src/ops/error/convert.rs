//! Errors of other modules as errors of operations: what says the same becomes the same variant.

use super::*;

impl From<StoreError> for OpsError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Disk(error) => Self::Disk(error),
            error => Self::Store(error),
        }
    }
}

impl From<crate::format::FormatError> for OpsError {
    fn from(error: crate::format::FormatError) -> Self {
        Self::Store(error.into())
    }
}

impl From<RemoteError> for OpsError {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Disk(error) => Self::Disk(error),
            error => Self::Remote(error),
        }
    }
}

impl From<ScanError> for OpsError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Cancelled => Self::Cancelled,
            error => Self::Scan(error),
        }
    }
}

impl From<WriteError<StoreError>> for OpsError {
    fn from(error: WriteError<StoreError>) -> Self {
        match error {
            WriteError::Cancelled => Self::Cancelled,
            WriteError::Other(error) => error.into(),
            error => Self::Write(error),
        }
    }
}

impl From<CheckoutError> for OpsError {
    fn from(error: CheckoutError) -> Self {
        match error {
            CheckoutError::Disk(error) => Self::Disk(error),
            error => Self::Checkout(error),
        }
    }
}

impl From<JournalError> for OpsError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Disk(error) => Self::Disk(error),
            error @ JournalError::Format(_) => Self::Journal(error),
        }
    }
}
