//! Resources, history, publications, forks and conflicts as rows.

mod conflict;
mod fork;
mod history;
mod publication;
mod resource;
mod revision;

pub use conflict::*;
pub use fork::*;
pub use history::*;
pub use publication::*;
pub use resource::*;
pub use revision::*;
