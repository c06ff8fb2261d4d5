//! What something would change for nodes, shown before it is done.

use atoll_proto::v1;
use atoll_proto::v1::preview_change_request::Change;

use super::Session;
use crate::failure::Result;
use crate::output::{Column, say};

const COLUMNS: [Column; 6] =
    [("node", "node"), ("set", "set"), ("name", "name"), ("now", "before"), ("then", "after"), ("sensitive", "sealed")];

/// Asks what something would change, and shows it. Nothing is changed.
pub async fn change(session: &mut Session, change: Change) -> Result<()> {
    let request = v1::PreviewChangeRequest { change: Some(change) };
    let seen = session.client.sharing.preview_change(request).await?.into_inner();
    say(&match seen.nodes {
        0 => "no node gets anything else".to_owned(),
        1 => "one node would get something else than now".to_owned(),
        count => format!("{count} nodes would get something else than now"),
    });
    values(session, &seen.values, seen.values_total, seen.not_looked_at)
}

/// The values that nodes would get, lose or get another of.
pub fn values(session: &Session, values: &[v1::ValueChange], total: u64, not_looked_at: u64) -> Result<()> {
    if total > values.len() as u64 {
        say(&format!("of {total} values that change the first {} are shown", values.len()));
    }
    if values.iter().any(|change| change.sealed && change.after.is_some()) {
        say("sensitive values would be gained (a label, a move or a new name takes --widen for that)");
    }
    if not_looked_at > 0 {
        say(&format!("{not_looked_at} more nodes were not looked at value by value"));
    }
    if values.is_empty() && session.output.is_for_people() {
        return Ok(());
    }
    session.output.list(values, &COLUMNS, &[])
}
