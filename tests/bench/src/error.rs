//! One error for the whole program: a bench that cannot measure says why and stops.

/// What went wrong, in words.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

pub type Result<T> = std::result::Result<T, Error>;

/// An error from words.
pub fn failed(text: impl Into<String>) -> Error {
    Error::from(text.into())
}
