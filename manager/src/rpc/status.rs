//! Failures on the wire: the code, the sentence, and the machine-readable reason (google.rpc.ErrorInfo).

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::error::{Error, ErrorKind};

/// Maps a failure to a gRPC status. What only the log should have is logged here, once.
#[must_use]
pub fn status(error: Error) -> Status {
    let code = match error.kind {
        ErrorKind::Invalid => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::Precondition => Code::FailedPrecondition,
        ErrorKind::Aborted => Code::Aborted,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::Denied => Code::PermissionDenied,
        ErrorKind::Exhausted => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Internal => Code::Internal,
    };
    if matches!(error.kind, ErrorKind::Internal | ErrorKind::Unavailable) {
        tracing::error!(reason = error.reason, context = error.context(), "{}", error.text);
    } else if let Some(context) = error.context() {
        tracing::debug!(reason = error.reason, context, "{}", error.text);
    }
    let details = ErrorDetails::with_error_info(error.reason, "atoll", HashMap::new());
    Status::with_error_details(code, error.text, details)
}
