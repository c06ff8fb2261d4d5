//! Who may call: tokens for programs and people, sessions for browsers, and what people keep for themselves.

pub mod link;
pub mod refusal;
pub mod session;
#[cfg(test)]
mod tests;
pub mod token;
pub mod view;

use super::{Caller, Services};
use crate::clock;
use crate::error::Result;

/// Whether who opened a stream may still have it.
///
/// # Errors
/// The session or the token has ended.
pub async fn still_good(services: &Services, caller: &Caller) -> Result<()> {
    let now = clock::now();
    if let Some(session) = &caller.session {
        return session::still_good(services, session.id, now).await;
    }
    match caller.token {
        Some(token) => token::still_good(services, token, now).await,
        None => Ok(()),
    }
}
