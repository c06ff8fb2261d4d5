//! Nodes, groups and joining on their way to the wire.

use atoll_proto::v1;

use crate::service::fleet::event::NodeEventView;
use crate::service::fleet::group::GroupView;
use crate::service::fleet::join::attempt::JoinAttempt;
use crate::service::fleet::node::NodeView;
use crate::service::sharing::gets::Got;
use crate::service::sharing::preview::values::{Access, Change};
use crate::store::fleet::JoinTokenRecord;
use crate::store::telemetry::SampleRecord;

pub fn node(view: NodeView) -> v1::Node {
    let fingerprint = view.fingerprint().to_string();
    let NodeView { record, seen, in_sync, sync_state, state, state_reason, state_since_ms } = view;
    v1::Node {
        id: record.id.to_string(),
        name: record.name.to_string(),
        group: record.group.to_string(),
        labels: record.labels.clone().into_iter().collect(),
        state: state.to_owned(),
        state_reason,
        state_since_ms,
        last_seen_ms: seen.last_seen_ms,
        connected: seen.online,
        joined_ms: record.joined_ms,
        certificate_expires_ms: record.certificate_expires_ms,
        agent_version: seen.agent_version,
        acknowledged_sequence: seen.acknowledged,
        in_sync,
        sync_state: sync_state.name().to_owned(),
        confirmed: record.confirmed,
        outbox_length: seen.outbox_length,
        identity_fingerprint: fingerprint,
    }
}

pub fn group(view: GroupView) -> v1::Group {
    v1::Group {
        path: view.record.path.to_string(),
        description: view.record.description,
        nodes: view.nodes,
        nodes_below: view.nodes_below,
    }
}

pub fn node_event(view: NodeEventView) -> v1::NodeEvent {
    v1::NodeEvent {
        at_ms: view.at_ms,
        source: view.source.to_owned(),
        action: view.action,
        actor: view.actor,
        text: view.text,
    }
}

pub fn join_attempt(attempt: JoinAttempt) -> v1::JoinAttempt {
    v1::JoinAttempt {
        at_ms: attempt.at.0,
        address: attempt.address,
        name: attempt.name,
        token: attempt.token,
        outcome: attempt.outcome.to_owned(),
        text: attempt.text,
    }
}

pub fn sample(record: SampleRecord) -> v1::Sample {
    v1::Sample {
        at_ms: record.at_ms,
        nodes: record.nodes,
        online: record.online,
        in_sync: record.in_sync,
        conflicts: record.conflicts,
    }
}

pub fn join_token(record: JoinTokenRecord) -> v1::JoinToken {
    v1::JoinToken {
        node_name: record.node_name.as_ref().map(ToString::to_string).unwrap_or_default(),
        id: record.id.to_string(),
        description: record.description,
        group: record.group.to_string(),
        labels: record.labels.into_iter().collect(),
        uses_limit: u32::try_from(record.uses_limit).unwrap_or(u32::MAX),
        uses: u32::try_from(record.uses).unwrap_or(u32::MAX),
        expires_ms: record.expires_ms,
        revoked: record.revoked,
        created_by: record.created_by,
        created_ms: record.created_ms,
    }
}

pub fn value_change(change: Change) -> v1::ValueChange {
    let is_sealed = [&change.before, &change.after].into_iter().flatten().any(Got::is_sealed);
    let sealed = is_sealed || change.access != Access::Same;
    v1::ValueChange {
        node: change.node,
        set: change.set,
        name: change.name,
        before: change.before.map(|got| got.shown()),
        after: change.after.map(|got| got.shown()),
        sealed,
        access: change.access.name().to_owned(),
        required_missing: change.is_missing,
    }
}
