//! What requests about sharing ask for, in the words of the use cases.

use atoll_domain::canonical;
use atoll_domain::sharing::offer::{EditMode, VersionPolicy};
use atoll_proto::v1;
use serde_json::Value;

use crate::error::Error;
use crate::rpc::decode;
use crate::service::sharing::preview::Planned;
use crate::service::sharing::{conflict, publication, variable};

pub(super) fn scope(scope: Option<v1::VariableScope>) -> variable::WishedScope {
    let scope = scope.unwrap_or_default();
    variable::WishedScope {
        environments: scope.environments,
        roles: scope.roles,
        targets: scope.targets,
        groups: scope.groups,
    }
}

pub(super) fn publication_wish(request: v1::SavePublicationRequest) -> Result<publication::Wish, Error> {
    let wished = request.publication.ok_or_else(|| Error::invalid("MISSING", "publication is missing"))?;
    let edit_mode = match wished.edit_mode.as_str() {
        "" => EditMode::default(),
        text => decode::parsed("BAD_EDIT_MODE", text)?,
    };
    let items = wished.items.into_iter().map(item).collect::<Result<_, Error>>()?;
    Ok(publication::Wish {
        selector: decode::selector(wished.selector)?,
        request_id: decode::request_id(&request.request_id)?,
        add_items: request.add_items,
        expected: request.expected_etag,
        name: wished.name,
        priority: wished.priority,
        edit_mode,
        items,
    })
}

fn item(item: v1::PublicationItem) -> Result<publication::WishedItem, Error> {
    let policy = match item.policy.as_str() {
        "" | "latest" => VersionPolicy::Latest,
        "pin" => VersionPolicy::Pin { version: decode::parsed("BAD_VERSION", &item.version)? },
        other => {
            return Err(Error::invalid("BAD_POLICY", format!("\"{other}\" is not a policy; use latest or pin")));
        }
    };
    let resource = if item.resource_id.is_empty() { item.name } else { item.resource_id };
    Ok(publication::WishedItem { kind: decode::kind(&item.kind)?, resource, policy })
}

pub(super) fn planned(change: Option<v1::preview_change_request::Change>) -> Result<Planned, Error> {
    use v1::preview_change_request::Change;
    let change = change.ok_or_else(|| Error::invalid("MISSING", "say what is about to be done"))?;
    Ok(match change {
        Change::DeletePublication(name) => Planned::DeletePublication { name },
        Change::Release(v1::PlannedRelease { kind, resource, revision, version }) => {
            let version = decode::optional(version).map(|text| decode::parsed("BAD_VERSION", &text)).transpose()?;
            Planned::Release { kind: decode::kind(&kind)?, resource, revision: decode::optional(revision), version }
        }
        Change::DeleteResource(v1::ResourceName { kind, resource }) => {
            Planned::DeleteResource { kind: decode::kind(&kind)?, resource }
        }
        Change::RenameNode(v1::PlannedRename { node, name }) => {
            Planned::Rename { node, name: decode::node_name(&name)? }
        }
        Change::ConfirmNode(node) => Planned::Confirm { node },
        Change::Join(v1::PlannedJoin { group, labels, node_name }) => Planned::Join {
            group: decode::group(&group)?,
            labels: labels.into_iter().collect(),
            name: decode::optional(node_name).map(|name| decode::node_name(&name)).transpose()?,
        },
    })
}

pub(super) fn answer(request: v1::ResolveConflictRequest) -> Result<conflict::Answer, Error> {
    let take = match request.take.as_str() {
        "" => None,
        text => Some(taken(text, "")?),
    };
    let choices = request
        .choices
        .into_iter()
        .map(|choice| Ok((choice.path, taken(&choice.take, &choice.value)?)))
        .collect::<Result<_, Error>>()?;
    let content = match request.content.as_str() {
        "" => None,
        text => Some(value(text)?),
    };
    let (message, release, expected) = (request.message, request.release, request.expected_etag);
    Ok(conflict::Answer { take, choices, content, message, release, expected })
}

fn taken(take: &str, text: &str) -> Result<conflict::Take, Error> {
    Ok(match take {
        "ours" => conflict::Take::Ours,
        "theirs" => conflict::Take::Theirs,
        "base" => conflict::Take::Base,
        "proposal" => conflict::Take::Proposal,
        // Taking nothing out of a field is said in so many words: a slip of the pen must not empty one.
        "nothing" if text.is_empty() => conflict::Take::Value(None),
        "value" if !text.is_empty() => conflict::Take::Value(Some(value(text)?)),
        other => {
            return Err(Error::invalid(
                "BAD_TAKE",
                format!("\"{other}\" is not a choice; use ours, theirs, base, proposal, nothing, or a value"),
            ));
        }
    })
}

fn value(text: &str) -> Result<Value, Error> {
    canonical::parse(text.as_bytes()).map_err(|error| Error::invalid("BAD_CONTENT", error.to_string()))
}
