//! What a handler answers with: an error code. One function maps the store's causes to codes.

use mapi::ErrorCode;
use store::StoreError;

use crate::handles::Full;
use crate::ledger::LimitReached;

/// The result of a handler.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// A ROP failed with this ReturnValue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure(pub ErrorCode);

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Failure(code)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure(code_of(&error))
    }
}

impl From<LimitReached> for Failure {
    fn from(LimitReached(limit): LimitReached) -> Self {
        Failure(limit.about().code)
    }
}

impl From<Full> for Failure {
    fn from(_: Full) -> Self {
        Failure(ErrorCode::TOO_MANY_OPEN_OBJECTS)
    }
}

/// The code of a cause ([MS-OXCDATA] 2.4).
pub fn code_of(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::NotFound(_) => ErrorCode::NOT_FOUND,
        StoreError::ObjectDeleted(_) => ErrorCode::OBJECT_DELETED,
        StoreError::ObjectModified => ErrorCode::OBJECT_MODIFIED,
        StoreError::DuplicateName | StoreError::Exists(_) => ErrorCode::DUPLICATE_NAME,
        StoreError::Access | StoreError::BadCredentials => ErrorCode::ACCESS_DENIED,
        StoreError::Disabled => ErrorCode::MAILBOX_DISABLED,
        StoreError::DiskFull => ErrorCode::OUT_OF_DISK,
        StoreError::Corrupt(_) => ErrorCode::CORRUPT_DATA,
        StoreError::TooBig { .. } => ErrorCode::TOO_BIG,
        StoreError::MailboxFull { .. } => ErrorCode::SHUTOFF_QUOTA_EXCEEDED,
        StoreError::MayNotSend { .. } => ErrorCode::QUOTA_EXCEEDED,
        StoreError::TooBigToSend { .. } => ErrorCode::MAX_SUBMISSION_EXCEEDED,
        StoreError::Submitted => ErrorCode::ALREADY_SENT,
        StoreError::NotInQueue => ErrorCode::NOT_IN_QUEUE,
        StoreError::CannotAbort => ErrorCode::UNABLE_TO_ABORT,
        StoreError::NoRecipients => ErrorCode::INVALID_RECIPIENTS,
        StoreError::TooManyRecipients { .. } => ErrorCode::TOO_MANY_RECIPIENTS,
        StoreError::Quota(_) => ErrorCode::OUT_OF_MEMORY,
        StoreError::SearchFolder => ErrorCode::SEARCH_FOLDER,
        StoreError::NotSearchFolder => ErrorCode::NOT_SEARCH_FOLDER,
        StoreError::NoCriteria => ErrorCode::NOT_INITIALIZED,
        StoreError::SearchScope => ErrorCode::SEARCH_FOLDER_SCOPE_VIOLATION,
        StoreError::NotEmpty => ErrorCode::HAS_FOLDERS,
        StoreError::PartialCompletion => ErrorCode::PARTIAL_COMPLETION,
        StoreError::FolderCycle => ErrorCode::FOLDER_CYCLE,
        StoreError::Invalid(_) => ErrorCode::INVALID_PARAMETER,
        StoreError::LeaseLost => ErrorCode::WRONG_SERVER,
        StoreError::TooComplex(_) => ErrorCode::TOO_COMPLEX,
        StoreError::NotImplemented(_) => ErrorCode::NOT_IMPLEMENTED,
        StoreError::Closed | StoreError::Engine(_) => {
            tracing::error!(%error, "the store failed");
            ErrorCode::ERROR
        }
        other => {
            tracing::error!(error = %other, "a cause without a code of its own");
            ErrorCode::ERROR
        }
    }
}
