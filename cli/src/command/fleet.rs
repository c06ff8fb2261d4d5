//! Nodes, groups and joining.

use std::time::{Duration, Instant};

use atoll_proto::v1;
use atoll_proto::v1::preview_change_request::Change;

use super::{Session, confirm, duration_ms, pages, pairs, preview, request_id};
use crate::arguments::{EnrollCommand, EnrollTokenCommand, GroupCommand, ListArguments, NodeCommand};
use crate::failure::{Failure, Result, TIMED_OUT};
use crate::output::{Column, print_line, say, time};

const NODE_COLUMNS: [Column; 7] = [
    ("name", "name"),
    ("group", "group"),
    ("state", "state"),
    ("connected", "connected"),
    ("since", "stateSinceMs"),
    ("sync", "syncState"),
    ("labels", "labels"),
];

pub async fn node(session: &mut Session, command: NodeCommand) -> Result<()> {
    match command {
        NodeCommand::List(list) => {
            let client = &mut session.client.fleet;
            let nodes = pages(&list, async |options| {
                let page = client.list_nodes(v1::ListNodesRequest { options: Some(options) }).await?.into_inner();
                Ok((page.nodes, page.summary))
            });
            let wide =
                [("reason", "stateReason"), ("last seen", "lastSeenMs"), ("version", "agentVersion"), ("id", "id")];
            session.output.list(&nodes.await?, &NODE_COLUMNS, &wide)
        }
        NodeCommand::Get { node } => get(session, node).await,
        NodeCommand::Events { node, list } => events(session, node, &list).await,
        NodeCommand::Label { node, labels, widen, dry_run } => {
            let (remove, set): (Vec<String>, Vec<String>) =
                labels.into_iter().partition(|word| word.ends_with('-') && !word.contains('='));
            let remove = remove.iter().map(|word| word.trim_end_matches('-').to_owned()).collect();
            if dry_run {
                let change = v1::LabelChange { set: pairs(&set)?, remove };
                return preview_act(session, node, v1::act_on_nodes_request::Act::Label(change)).await;
            }
            let request = v1::LabelNodeRequest { node, set: pairs(&set)?, remove, widen };
            let node = session.client.fleet.label_node(request).await?.into_inner().node.unwrap_or_default();
            session.output.list(&[node], &NODE_COLUMNS, &[])
        }
        NodeCommand::Move { node, group, dry_run: true, .. } => {
            preview_act(session, node, v1::act_on_nodes_request::Act::MoveToGroup(group)).await
        }
        NodeCommand::Move { node, group, widen, .. } => {
            let moved = session.client.fleet.move_node(v1::MoveNodeRequest { node, group, widen }).await?.into_inner();
            session.output.list(&[moved.node.unwrap_or_default()], &NODE_COLUMNS, &[])
        }
        NodeCommand::Rename { node, name, dry_run: true, .. } => {
            preview::change(session, Change::RenameNode(v1::PlannedRename { node, name })).await
        }
        NodeCommand::Rename { node, name, widen, .. } => {
            let renamed =
                session.client.fleet.rename_node(v1::RenameNodeRequest { node, name, widen }).await?.into_inner();
            session.output.list(&[renamed.node.unwrap_or_default()], &NODE_COLUMNS, &[])
        }
        NodeCommand::Confirm { node, dry_run: true } => preview::change(session, Change::ConfirmNode(node)).await,
        NodeCommand::Confirm { node, .. } => {
            let confirmed = session.client.fleet.confirm_node(v1::ConfirmNodeRequest { node }).await?.into_inner();
            session.output.list(&[confirmed.node.unwrap_or_default()], &NODE_COLUMNS, &[])
        }
        NodeCommand::Cordon { node, reason } => cordon(session, node, true, reason).await,
        NodeCommand::Uncordon { node } => cordon(session, node, false, String::new()).await,
        NodeCommand::Remove { node } => {
            confirm(session, &format!("permanently remove {node} from the fleet?"))?;
            session.client.fleet.remove_node(v1::RemoveNodeRequest { node: node.clone() }).await?;
            say(&format!("{node} is removed; its certificate is no longer accepted"));
            Ok(())
        }
        NodeCommand::Wait { node, state, timeout } => wait(session, &node, &state, &timeout).await,
    }
}

async fn events(session: &mut Session, node: String, list: &ListArguments) -> Result<()> {
    let client = &mut session.client.fleet;
    let events = pages(list, async |options| {
        let request = v1::ListNodeEventsRequest { node: node.clone(), options: Some(options) };
        let page = client.list_node_events(request).await?.into_inner();
        Ok((page.events, page.summary))
    });
    session.output.list(
        &events.await?,
        &[("at", "atMs"), ("source", "source"), ("what", "action"), ("who", "actor"), ("about", "text")],
        &[],
    )
}

async fn cordon(session: &mut Session, node: String, cordoned: bool, reason: String) -> Result<()> {
    let request = v1::CordonNodeRequest { node, cordoned, reason };
    let node = session.client.fleet.cordon_node(request).await?.into_inner().node.unwrap_or_default();
    session.output.list(&[node], &NODE_COLUMNS, &[])
}

async fn get(session: &mut Session, node: String) -> Result<()> {
    let answer = session.client.fleet.get_node(v1::GetNodeRequest { node }).await?.into_inner();
    if !session.output.is_for_people() {
        return session.output.one(&answer, &[("name", "node.name")]);
    }
    session.output.one(
        &answer,
        &[
            ("name", "node.name"),
            ("id", "node.id"),
            ("group", "node.group"),
            ("labels", "node.labels"),
            ("state", "node.state"),
            ("connected", "node.connected"),
            ("reason", "node.stateReason"),
            ("since", "node.stateSinceMs"),
            ("last seen", "node.lastSeenMs"),
            ("joined", "node.joinedMs"),
            ("sync", "node.syncState"),
            ("confirmed", "node.confirmed"),
            ("pending reports", "node.outboxLength"),
            ("certificate until", "node.certificateExpiresMs"),
            ("fingerprint", "node.identityFingerprint"),
            ("publications", "publications"),
        ],
    )?;
    for exception in answer.exceptions {
        let since = time(exception.since_ms);
        let line = format!("{}  {}  since {since}  {}", exception.code, exception.resource, exception.text);
        print_line(&line)?;
    }
    Ok(())
}

/// Says what an act would bring a node and take away from it. Nothing is changed.
async fn preview_act(session: &mut Session, node: String, act: v1::act_on_nodes_request::Act) -> Result<()> {
    let request = v1::FreezeNodesRequest { nodes: vec![node], filter: String::new() };
    let frozen = session.client.fleet.freeze_nodes(request).await?.into_inner();
    let act = v1::ActOnNodesRequest {
        selection_id: frozen.selection_id,
        expected_count: frozen.count,
        act: Some(act),
        widen: false,
    };
    let request = v1::PreviewNodesRequest { act: Some(act) };
    let seen = session.client.fleet.preview_nodes(request).await?.into_inner();
    for change in &seen.changes {
        let word = if change.gained > 0 { "gained" } else { "lost" };
        say(&format!("publication {} would be {word}", change.publication));
    }
    if seen.stopped_edits > 0 {
        say("the node would stop running a local edit");
    }
    if seen.cordoned > 0 {
        say("the node is cordoned and gets the change once uncordoned");
    }
    if seen.changes.is_empty() && seen.values.is_empty() && seen.stopped_edits == 0 {
        say("published content would not change for this node");
    }
    preview::values(session, &seen.values, seen.values_total, seen.not_looked_at)?;
    preview::refused(&seen.refusal)
}

async fn wait(session: &mut Session, node: &str, state: &str, timeout: &str) -> Result<()> {
    let until = Instant::now() + Duration::from_millis(u64::try_from(duration_ms(timeout)?).unwrap_or(0));
    loop {
        let request = v1::GetNodeRequest { node: node.to_owned() };
        match session.client.fleet.get_node(request).await {
            Ok(answer) => {
                let seen = answer.into_inner().node.unwrap_or_default();
                if seen.state == state || (state == "in-sync" && seen.in_sync) {
                    return session.output.list(&[seen], &NODE_COLUMNS, &[]);
                }
            }
            // The node may not have joined yet.
            Err(status) if status.code() == tonic::Code::NotFound => {}
            Err(status) => return Err(status.into()),
        }
        if Instant::now() >= until {
            return Err(Failure::new(TIMED_OUT, format!("{node} is not {state} after {timeout}")));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

pub async fn enroll(session: &mut Session, command: EnrollCommand) -> Result<()> {
    let EnrollCommand::Token(command) = command;
    match command {
        EnrollTokenCommand::Create { group, labels, node: node_name, dry_run: true, .. } => {
            let join = v1::PlannedJoin { group, labels: pairs(&labels)?, node_name };
            preview::change(session, Change::Join(join)).await
        }
        EnrollTokenCommand::Create { group, labels, uses, expires, description, node, .. } => {
            let request = v1::CreateJoinTokenRequest {
                node_name: node,
                description,
                group,
                labels: pairs(&labels)?,
                uses_limit: uses,
                lifetime_ms: duration_ms(&expires)?,
                request_id: request_id(),
            };
            let created = session.client.fleet.create_join_token(request).await?.into_inner();
            let token = created.token.unwrap_or_default();
            say(&format!(
                "uses: {}; group: {}; valid until {}; the token is shown only once",
                token.uses_limit,
                token.group,
                time(token.expires_ms)
            ));
            print_line(&created.text)
        }
        EnrollTokenCommand::List(list) => {
            let client = &mut session.client.fleet;
            let tokens = pages(&list, async |options| {
                let page =
                    client.list_join_tokens(v1::ListJoinTokensRequest { options: Some(options) }).await?.into_inner();
                Ok((page.tokens, page.summary))
            });
            session.output.list(
                &tokens.await?,
                &[
                    ("id", "id"),
                    ("group", "group"),
                    ("node", "nodeName"),
                    ("uses", "uses"),
                    ("of", "usesLimit"),
                    ("expires", "expiresMs"),
                    ("revoked", "revoked"),
                ],
                &[("labels", "labels"), ("created by", "createdBy"), ("description", "description")],
            )
        }
        EnrollTokenCommand::Attempts(list) => {
            let client = &mut session.client.fleet;
            let attempts = pages(&list, async |options| {
                let request = v1::ListJoinAttemptsRequest { options: Some(options) };
                let page = client.list_join_attempts(request).await?.into_inner();
                Ok((page.attempts, page.summary))
            });
            session.output.list(
                &attempts.await?,
                &[("at", "atMs"), ("name", "name"), ("from", "address"), ("outcome", "outcome"), ("why", "text")],
                &[("token", "token")],
            )
        }
        EnrollTokenCommand::Revoke { id } => {
            session.client.fleet.revoke_join_token(v1::RevokeJoinTokenRequest { id: id.clone() }).await?;
            say(&format!("{id} is revoked"));
            Ok(())
        }
    }
}

pub async fn group(session: &mut Session, command: GroupCommand) -> Result<()> {
    match command {
        GroupCommand::List(list) => {
            let client = &mut session.client.fleet;
            let groups = pages(&list, async |options| {
                let page = client.list_groups(v1::ListGroupsRequest { options: Some(options) }).await?.into_inner();
                Ok((page.groups, page.summary))
            });
            let columns =
                [("path", "path"), ("nodes", "nodes"), ("with below", "nodesBelow"), ("description", "description")];
            session.output.list(&groups.await?, &columns, &[])
        }
        GroupCommand::Create { path, description } => {
            let request = v1::CreateGroupRequest { path: path.clone(), description, request_id: request_id() };
            session.client.fleet.create_group(request).await?;
            say(&format!("group {path} is in place"));
            Ok(())
        }
        GroupCommand::Delete { path } => {
            session.client.fleet.delete_group(v1::DeleteGroupRequest { path: path.clone() }).await?;
            say(&format!("{path} is deleted"));
            Ok(())
        }
    }
}
