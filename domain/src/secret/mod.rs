//! Sensitive values: what a body says of them, and how the values themselves are sealed.

use serde_json::Value;

use crate::id::SecretId;

/// Marks a sensitive value inside a body: `{"$secret": {"version": ...}}`. The value itself is never in a body, and
/// two values are the same exactly when their versions are.
pub const REFERENCE: &str = "$secret";

/// The version of the sealed value that this value refers to.
#[must_use]
pub fn reference(value: &Value) -> Option<SecretId> {
    value.get(REFERENCE)?.get("version")?.as_str()?.parse().ok()
}
