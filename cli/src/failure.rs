//! What went wrong, as a sentence and an exit code.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

pub const NEGATIVE: u8 = 1;
pub const USAGE: u8 = 2;
pub const NOT_FOUND: u8 = 3;
pub const SIGN_IN: u8 = 4;
pub const DENIED: u8 = 5;
pub const CONFLICT: u8 = 6;
pub const UNAVAILABLE: u8 = 7;
pub const TIMED_OUT: u8 = 8;

/// Ends the command.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    /// Empty where everything was said already.
    pub text: String,
}

pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(USAGE, text)
    }

    /// A "no", said already on standard output.
    pub fn negative() -> Self {
        Self::new(NEGATIVE, "")
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let code = match status.code() {
            Code::NotFound => NOT_FOUND,
            Code::Unauthenticated => SIGN_IN,
            Code::PermissionDenied => DENIED,
            Code::AlreadyExists | Code::FailedPrecondition | Code::Aborted => CONFLICT,
            Code::Unavailable | Code::Cancelled => UNAVAILABLE,
            // What the connection says, and not the manager.
            Code::Unknown if std::error::Error::source(&status).is_some() => UNAVAILABLE,
            Code::DeadlineExceeded => TIMED_OUT,
            _ => USAGE,
        };
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        let text = if reason.is_empty() && code == UNAVAILABLE {
            let message = status.message();
            format!("the manager did not answer: {message}; check that it is running and reachable, then try again")
        } else if reason.is_empty() {
            format!("{} ({:?})", status.message(), status.code())
        } else {
            format!("{} [{reason}]", status.message())
        };
        Self { code, text }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::usage(error.to_string())
    }
}
