//! Resources, publications, proposals and questions on their way to the wire.

use atoll_domain::id::RevisionId;
use atoll_domain::sharing::offer::VersionPolicy;
use atoll_domain::sharing::text::TextMode;
use atoll_proto::v1;

use super::json;
use crate::directory::Nodes;
use crate::service::sharing::conflict::{ConflictView, PlaceView};
use crate::service::sharing::fork::ProposalView;
use crate::service::sharing::publication::PublicationView;
use crate::service::sharing::read::{Difference, ResourceView, RevisionView, origin_name};
use crate::service::sharing::usage::UsageView;
use crate::service::sharing::variable::EffectiveView;
use crate::store::sharing::{ReleaseRecord, RevisionRecord};

pub fn usage(view: UsageView) -> v1::Usage {
    v1::Usage {
        node: view.node,
        group: view.group,
        publication: view.publication,
        policy: view.policy.to_owned(),
        version: view.version,
        newest: view.newest,
        state: view.state.to_owned(),
        last_seen_ms: view.last_seen_ms,
    }
}

pub fn text_mode(mode: TextMode) -> &'static str {
    match mode {
        TextMode::Off => "off",
        TextMode::Review => "review",
        TextMode::Auto => "auto",
    }
}

pub fn resource(view: ResourceView) -> v1::Resource {
    let has_draft = view.has_draft();
    let ResourceView { record, publications, latest, open_conflicts } = view;
    v1::Resource {
        id: record.id.to_string(),
        kind: record.kind.to_string(),
        state: record.state.name().to_owned(),
        heads: record.heads.iter().map(RevisionId::to_string).collect(),
        version: record.released.map(|(version, _)| version.to_string()).unwrap_or_default(),
        released_revision: record.released.map(|(_, revision)| revision.to_string()).unwrap_or_default(),
        has_draft,
        text_mode: text_mode(record.text_mode).to_owned(),
        changed_ms: record.changed_ms,
        changed_by: record.changed_by,
        name: record.name,
        publications,
        open_conflicts: u32::try_from(open_conflicts).unwrap_or(u32::MAX),
        latest_version: latest.map(|version| version.to_string()).unwrap_or_default(),
    }
}

pub fn revision(view: RevisionView) -> v1::Revision {
    let mut out = bare_revision(&view.record);
    out.node = view.node;
    out.touched = view.touched.iter().map(ToString::to_string).collect();
    out.versions = view.versions;
    out
}

/// A revision without the names that only a resource's lists know.
pub fn bare_revision(record: &RevisionRecord) -> v1::Revision {
    let header = &record.revision.header;
    v1::Revision {
        id: record.revision.id.to_string(),
        parents: header.parents.iter().map(RevisionId::to_string).collect(),
        touched: header.touched.iter().map(ToString::to_string).collect(),
        tombstone: header.tombstone,
        author: record.provenance.author.clone(),
        node: record.provenance.node.map(|node| node.to_string()).unwrap_or_default(),
        at_ms: record.provenance.at.0,
        origin: origin_name(record),
        message: record.provenance.message.clone(),
        versions: Vec::new(),
    }
}

pub fn release(record: &ReleaseRecord) -> v1::Release {
    v1::Release {
        version: record.version.to_string(),
        revision: record.revision.to_string(),
        at_ms: record.at_ms,
        by: record.released_by.clone(),
    }
}

pub fn difference(difference: Difference) -> v1::Difference {
    v1::Difference {
        path: difference.path.to_string(),
        from: json(difference.from.as_ref()),
        to: json(difference.to.as_ref()),
    }
}

pub fn publication(view: PublicationView) -> v1::Publication {
    let items = view.record.items.iter().map(|item| {
        let (kind, name) = view.names.get(&item.resource).cloned().unzip();
        let (policy, version) = match &item.policy {
            VersionPolicy::Latest => ("latest", String::new()),
            VersionPolicy::Pin { version } => ("pin", version.to_string()),
        };
        v1::PublicationItem {
            resource_id: item.resource.to_string(),
            kind: kind.map(|kind| kind.to_string()).unwrap_or_default(),
            name: name.unwrap_or_default(),
            policy: policy.to_owned(),
            offered_version: view.offered.get(&item.resource).map(ToString::to_string).unwrap_or_default(),
            deleted: view.deleted.contains(&item.resource),
            version,
        }
    });
    v1::Publication {
        etag: crate::service::sharing::publication::etag(&view.record),
        items: items.collect(),
        id: view.record.id.to_string(),
        name: view.record.name,
        selector: Some(v1::Selector {
            group: view.record.selector.group.to_string(),
            labels: view.record.selector.labels.into_iter().collect(),
        }),
        priority: view.record.priority,
        edit_mode: view.record.edit_mode.to_string(),
        nodes: view.nodes as u64,
    }
}

pub fn proposal(view: ProposalView) -> v1::Proposal {
    let mut own = bare_revision(&view.revision);
    // A person's answer to a conflict is no claim of the node.
    if view.revision.provenance.node.is_some() {
        own.node.clone_from(&view.node);
    }
    v1::Proposal {
        id: view.record.id.to_string(),
        resource: Some(resource(ResourceView::bare(view.resource))),
        node: view.node,
        state: view.state.to_owned(),
        revision: Some(own),
        differences: view.differences.into_iter().map(difference).collect(),
        since_ms: view.record.since_ms,
        conflict_id: view.record.conflict.map(|id| id.to_string()).unwrap_or_default(),
        claimed_base: view.record.claimed.map(|id| id.to_string()).unwrap_or_default(),
        takes_back: view.takes_back.iter().map(ToString::to_string).collect(),
        message: view.record.message.clone(),
        runs: view.runs,
    }
}

pub fn conflict(view: ConflictView) -> v1::Conflict {
    v1::Conflict {
        etag: crate::service::sharing::conflict::etag(&view.record),
        id: view.record.id.to_string(),
        resource: Some(resource(ResourceView::bare(view.resource))),
        revisions: view.revisions.iter().map(|record| named_revision(record, &view.nodes)).collect(),
        node: view.node,
        opened_ms: view.record.opened_ms,
        places: view.places.iter().map(|place| self::place(place, &view.nodes)).collect(),
        node_side: view.node_side.map(|side| ["ours", "theirs"][side.min(1)].to_owned()).unwrap_or_default(),
        stays_on_node: view.stays_on_node,
        waits_for_release: view.waits_for_release,
        merged: if view.merged.is_null() { String::new() } else { view.merged.to_string() },
        state: if view.record.closed_by.is_some() { "resolved" } else { "open" }.to_owned(),
    }
}

/// A revision with the name of the node that it was made on.
fn named_revision(record: &RevisionRecord, nodes: &Nodes) -> v1::Revision {
    v1::Revision { node: node_name(record, nodes), ..bare_revision(record) }
}

fn node_name(record: &RevisionRecord, nodes: &Nodes) -> String {
    record.provenance.node.map(|node| nodes.name(node).unwrap_or_else(|| node.to_string())).unwrap_or_default()
}

fn place_author(record: &RevisionRecord, nodes: &Nodes) -> v1::PlaceAuthor {
    v1::PlaceAuthor {
        author: record.provenance.author.clone(),
        node: node_name(record, nodes),
        at_ms: record.provenance.at.0,
        message: record.provenance.message.clone(),
    }
}

fn place(view: &PlaceView, nodes: &Nodes) -> v1::ConflictPlace {
    let conflict = &view.conflict;
    let reason = serde_json::to_value(conflict.reason).ok();
    v1::ConflictPlace {
        path: view.readable.to_string(),
        reason: reason.and_then(|reason| reason.as_str().map(str::to_owned)).unwrap_or_default(),
        base: json(conflict.base.as_ref()),
        ours: json(conflict.left.as_ref()),
        theirs: json(conflict.right.as_ref()),
        proposal: json(conflict.proposal.as_ref()),
        message: conflict.message.clone().unwrap_or_default(),
        key: conflict.path.to_string(),
        ours_by: view.left_by.as_ref().map(|record| place_author(record, nodes)),
        theirs_by: view.right_by.as_ref().map(|record| place_author(record, nodes)),
    }
}

pub fn effective(view: EffectiveView) -> v1::EffectiveVariable {
    use atoll_domain::kind::variable_set::effective::Outcome;
    let (outcome, value) = match &view.effective.outcome {
        Outcome::Value { .. } if view.withheld => ("withheld", String::new()),
        Outcome::Value { value, .. } => ("value", value.to_string()),
        Outcome::Absent => ("absent", String::new()),
        Outcome::RequiredMissing => ("required_missing", String::new()),
        Outcome::Ambiguous { .. } => ("ambiguous", String::new()),
    };
    let considered = view.effective.considered.iter().map(|considered| v1::ConsideredValue {
        scope: considered.scope.clone(),
        applies: considered.rank.is_some(),
        why: considered.why.clone(),
    });
    v1::EffectiveVariable {
        considered: considered.collect(),
        set: view.set,
        name: view.effective.name.clone(),
        outcome: outcome.to_owned(),
        value,
        sensitive: view.sensitive,
    }
}
