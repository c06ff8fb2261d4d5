//! What something would change for nodes, shown before it is done.

use std::collections::HashMap;

use atoll_domain::kind::Kind;
use atoll_proto::v1;
use atoll_proto::v1::preview_change_request::Change;

use super::Session;
use crate::failure::{Failure, Result};
use crate::output::{Column, say};

const COLUMNS: [Column; 8] = [
    ("node", "node"),
    ("set", "set"),
    ("name", "name"),
    ("current", "before"),
    ("new", "after"),
    ("sensitive", "sealed"),
    ("access", "access"),
    ("required and missing", "requiredMissing"),
];

/// Asks what something would change, and shows it. Nothing is changed.
pub async fn change(session: &mut Session, change: Change) -> Result<()> {
    let is_join = matches!(change, Change::Join(_));
    let request = v1::PreviewChangeRequest { change: Some(change) };
    let seen = session.client.sharing.preview_change(request).await?.into_inner();
    match is_join {
        true => say(&newcomer(&seen.offered)),
        false => {
            let affected = Affected {
                nodes: seen.nodes,
                cordoned: seen.cordoned,
                own_edits: seen.own_edits,
                stopped_edits: seen.stopped_edits,
            };
            affected.lines().iter().for_each(|line| say(line));
        }
    }
    if seen.confirms {
        say("this also confirms the node: sensitive values scoped to its name then apply to it");
    }
    values(session, &seen.values, seen.values_total, seen.not_looked_at)?;
    refused(&seen.refusal)
}

/// Says why it would be refused; the exit code says so too.
pub fn refused(refusal: &str) -> Result<()> {
    if refusal.is_empty() {
        return Ok(());
    }
    say(&format!("this would be refused: {refusal}"));
    Err(Failure::negative())
}

/// The nodes that would get something else, and what of them do not simply take it.
pub struct Affected {
    pub nodes: u64,
    pub cordoned: u64,
    pub own_edits: u64,
    pub stopped_edits: u64,
}

impl Affected {
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![match self.nodes {
            0 => "published content would not change for any node".to_owned(),
            1 => "published content would change for 1 node".to_owned(),
            count => format!("published content would change for {count} nodes"),
        }];
        lines.extend(match self.cordoned {
            0 => None,
            1 => Some("one of them is cordoned and gets the change once uncordoned".to_owned()),
            count => Some(format!("{count} of them are cordoned and get the change once uncordoned")),
        });
        lines.extend(match self.own_edits {
            0 => None,
            1 => Some("one of them keeps a local edit, merged with the change unless the two conflict".to_owned()),
            count => Some(format!("{count} of them keep local edits, merged with the change unless they conflict")),
        });
        lines.extend(match self.stopped_edits {
            0 => None,
            1 => Some("one of them stops running a local edit".to_owned()),
            count => Some(format!("{count} of them stop running local edits")),
        });
        lines
    }
}

/// What a node that joins would get.
fn newcomer(offered: &HashMap<String, u64>) -> String {
    let part = |kind: Kind| {
        let (one, many) = match kind {
            Kind::StepTemplate => ("step template", "step templates"),
            Kind::VariableSet => ("variable set", "variable sets"),
        };
        match offered.get(kind.name()).copied().unwrap_or_default() {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        }
    };
    match Kind::ALL.into_iter().filter_map(part).collect::<Vec<_>>().join(" and ") {
        parts if parts.is_empty() => "nothing is published to a node that joins with these settings".to_owned(),
        parts => format!("a node that joins with these settings would get {parts}"),
    }
}

/// The values that nodes would get, lose or get another of.
pub fn values(session: &Session, values: &[v1::ValueChange], total: u64, not_looked_at: u64) -> Result<()> {
    if total > values.len() as u64 {
        say(&format!("showing the first {} of {total} changed values", values.len()));
    }
    if values.iter().any(|change| change.access == "gained") {
        say("nodes would gain access to sensitive values");
    }
    if values.iter().any(|change| change.required_missing) {
        say("nodes would be without a value that is required");
    }
    if not_looked_at > 0 {
        say(&format!("{not_looked_at} more nodes were not checked for changed values"));
    }
    if values.is_empty() && session.output.is_for_people() {
        return Ok(());
    }
    session.output.list(values, &COLUMNS, &[])
}
