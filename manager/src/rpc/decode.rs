//! From the wire into values that cannot be wrong afterwards.

use atoll_domain::fleet::name::{GroupPath, NodeName};
use atoll_domain::fleet::selector::Selector;
use atoll_domain::kind::Kind;
use atoll_proto::v1;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::service::list::Options;

pub fn kind(text: &str) -> Result<Kind> {
    text.parse().map_err(|problem: String| Error::invalid("UNKNOWN_KIND", problem))
}

pub fn group(text: &str) -> Result<GroupPath> {
    if text.is_empty() {
        return Ok(GroupPath::root());
    }
    text.parse().map_err(|error: atoll_domain::fleet::name::NameError| Error::invalid("BAD_GROUP", error.to_string()))
}

pub fn node_name(text: &str) -> Result<NodeName> {
    text.parse().map_err(|error: atoll_domain::fleet::name::NameError| Error::invalid("BAD_NAME", error.to_string()))
}

pub fn request_id(text: &str) -> Result<Option<Uuid>> {
    if text.is_empty() {
        return Ok(None);
    }
    Uuid::parse_str(text).map(Some).map_err(|_| Error::invalid("BAD_REQUEST_ID", "a request id is a UUID, or empty"))
}

pub fn required<'a>(what: &'static str, text: &'a str) -> Result<&'a str> {
    if text.is_empty() { Err(Error::invalid("MISSING", format!("{what} is missing"))) } else { Ok(text) }
}

pub fn optional(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(reason: &'static str, text: &str) -> Result<T> {
    text.parse().map_err(|problem: T::Err| Error::invalid(reason, problem.to_string()))
}

pub fn selector(selector: Option<v1::Selector>) -> Result<Selector> {
    let selector = selector.unwrap_or_default();
    Ok(Selector { group: group(&selector.group)?, labels: selector.labels.into_iter().collect() })
}

pub fn options(options: Option<v1::ListOptions>) -> Options {
    let options = options.unwrap_or_default();
    Options {
        page_size: options.page_size as usize,
        page_token: options.page_token,
        filter: options.filter,
        order_by: options.order_by,
    }
}
