//! Tokens, sessions and saved views as rows.

mod session;
mod token;
mod view;

pub use session::*;
pub use token::*;
pub use view::*;
