//! What can go wrong in a call: a kind, a stable reason code for programs, a sentence for people, and context for the log.

use std::fmt;

use atoll_domain::terminal::kept;

/// How a failure is to be understood; maps to one gRPC code in `rpc/status.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    Invalid,
    NotFound,
    AlreadyExists,
    /// The state of things forbids it; the sentence says what to do first.
    Precondition,
    /// Somebody else was faster; read again and repeat.
    Aborted,
    Unauthenticated,
    Denied,
    /// Too much at once or too large.
    Exhausted,
    Unavailable,
    Internal,
}

/// A failure. `Display` is the public text; `context` is for the log only.
#[derive(Debug)]
pub struct Error {
    pub kind: ErrorKind,
    /// Stable, upper case, for programs.
    pub reason: &'static str,
    pub text: String,
    context: Option<String>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(kind: ErrorKind, reason: &'static str, text: impl Into<String>) -> Self {
        Self { kind, reason, text: text.into(), context: None }
    }

    /// The same with no more than so many characters of its text, which may repeat what somebody sent.
    #[must_use]
    pub fn shortened(self, limit: usize) -> Self {
        Self { text: kept(&self.text, limit), ..self }
    }

    pub fn invalid(reason: &'static str, text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, reason, text)
    }

    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(
            ErrorKind::NotFound,
            "NOT_FOUND",
            format!("there is no {what} \"{name}\"; list them to see what there is"),
        )
    }

    pub fn exists(what: &str, name: &str) -> Self {
        Self::new(
            ErrorKind::AlreadyExists,
            "ALREADY_EXISTS",
            format!("a {what} \"{name}\" already exists; choose another name"),
        )
    }

    pub fn precondition(reason: &'static str, text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Precondition, reason, text)
    }

    pub fn denied(reason: &'static str, text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, reason, text)
    }

    pub fn unauthenticated(reason: &'static str, text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unauthenticated, reason, text)
    }

    /// Something that should not happen. The caller learns nothing of it but where to look.
    pub fn internal(context: impl fmt::Display) -> Self {
        Self {
            kind: ErrorKind::Internal,
            reason: "INTERNAL",
            text: "the manager failed at this; its log says why".to_owned(),
            context: Some(context.to_string()),
        }
    }

    #[must_use]
    pub fn with_context(mut self, context: impl fmt::Display) -> Self {
        self.context = Some(context.to_string());
        self
    }

    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.context.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for Error {}
