//! What the sharing of templates and variables promises, told with real services and real replicas.

mod access;
mod again;
mod attacked;
mod drafts;
mod edits;
mod forks;
mod gets;
mod history;
mod hostile;
mod lineage;
mod pairs;
mod proof;
mod replicas;
mod required;
mod returning;
mod secrets;
mod taken;
