//! One entity per table. They do not leave the store.

pub mod applied;
pub mod audience_key;
pub mod audit_event;
pub mod body;
pub mod conflict;
pub mod feed_row;
pub mod feed_sequence;
pub mod fork;
pub mod join_token;
pub mod membership;
pub mod node;
pub mod node_exception;
pub mod node_group;
pub mod node_seen;
pub mod publication;
pub mod publication_item;
pub mod quarantine;
pub mod resource;
pub mod resource_release;
pub mod revision;
pub mod sealed_key;
pub mod secret_value;
pub mod token;
pub mod work;
