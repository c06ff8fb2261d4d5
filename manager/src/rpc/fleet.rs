//! The fleet on the wire.

use atoll_proto::v1;
use atoll_proto::v1::fleet_server::Fleet;
use tonic::{Request, Response, Status};

use super::{Admin, caller, convert, decode, status};
use crate::error::Error;
use crate::service::fleet::act::Act;
use crate::service::fleet::{detail, event, group, join, join_token, node, selection};

#[tonic::async_trait]
impl Fleet for Admin {
    async fn list_nodes(
        &self,
        request: Request<v1::ListNodesRequest>,
    ) -> Result<Response<v1::ListNodesResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let options = decode::options(request.options);
        let (nodes, summary) = convert::page(node::list(&self.0, &options).await.map_err(status)?, convert::node);
        Ok(Response::new(v1::ListNodesResponse { nodes, summary }))
    }

    async fn get_node(&self, request: Request<v1::GetNodeRequest>) -> Result<Response<v1::GetNodeResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let detail = detail::get(&self.0, &request.node).await.map_err(status)?;
        let exceptions = detail.exceptions.into_iter().map(|exception| v1::NodeException {
            resource: exception.resource,
            code: exception.code,
            text: exception.text,
            since_ms: exception.since_ms,
        });
        Ok(Response::new(v1::GetNodeResponse {
            exceptions: exceptions.collect(),
            node: Some(convert::node(detail.view)),
            publications: detail.publications,
        }))
    }

    async fn label_node(
        &self,
        request: Request<v1::LabelNodeRequest>,
    ) -> Result<Response<v1::LabelNodeResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let caller = caller.widening(request.widen);
        let act = Act::Label { set: request.set.into_iter().collect(), remove: request.remove };
        let view = node::act(&self.0, &caller, &request.node, &act).await.map_err(status)?;
        Ok(Response::new(v1::LabelNodeResponse { node: Some(convert::node(view)) }))
    }

    async fn move_node(&self, request: Request<v1::MoveNodeRequest>) -> Result<Response<v1::MoveNodeResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let caller = caller.widening(request.widen);
        let group = decode::group(decode::required("group", &request.group).map_err(status)?).map_err(status)?;
        let view = node::act(&self.0, &caller, &request.node, &Act::Move { group }).await.map_err(status)?;
        Ok(Response::new(v1::MoveNodeResponse { node: Some(convert::node(view)) }))
    }

    async fn rename_node(
        &self,
        request: Request<v1::RenameNodeRequest>,
    ) -> Result<Response<v1::RenameNodeResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let caller = caller.widening(request.widen);
        let name = decode::node_name(&request.name).map_err(status)?;
        let view = node::rename(&self.0, &caller, &request.node, name).await.map_err(status)?;
        Ok(Response::new(v1::RenameNodeResponse { node: Some(convert::node(view)) }))
    }

    async fn confirm_node(
        &self,
        request: Request<v1::ConfirmNodeRequest>,
    ) -> Result<Response<v1::ConfirmNodeResponse>, Status> {
        let caller = caller(&request)?;
        let view = node::confirm(&self.0, &caller, &request.into_inner().node).await.map_err(status)?;
        Ok(Response::new(v1::ConfirmNodeResponse { node: Some(convert::node(view)) }))
    }

    async fn cordon_node(
        &self,
        request: Request<v1::CordonNodeRequest>,
    ) -> Result<Response<v1::CordonNodeResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let act = Act::Cordon { cordoned: request.cordoned, reason: request.reason };
        let view = node::act(&self.0, &caller, &request.node, &act).await.map_err(status)?;
        Ok(Response::new(v1::CordonNodeResponse { node: Some(convert::node(view)) }))
    }

    async fn remove_node(
        &self,
        request: Request<v1::RemoveNodeRequest>,
    ) -> Result<Response<v1::RemoveNodeResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        node::act(&self.0, &caller, &request.node, &Act::Remove).await.map_err(status)?;
        Ok(Response::new(v1::RemoveNodeResponse {}))
    }

    async fn list_groups(
        &self,
        request: Request<v1::ListGroupsRequest>,
    ) -> Result<Response<v1::ListGroupsResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let options = decode::options(request.options);
        let (groups, summary) = convert::page(group::list(&self.0, &options).await.map_err(status)?, convert::group);
        Ok(Response::new(v1::ListGroupsResponse { groups, summary }))
    }

    async fn create_group(
        &self,
        request: Request<v1::CreateGroupRequest>,
    ) -> Result<Response<v1::CreateGroupResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let path = decode::group(decode::required("path", &request.path).map_err(status)?).map_err(status)?;
        let view = group::create(&self.0, &caller, path, &request.description).await.map_err(status)?;
        Ok(Response::new(v1::CreateGroupResponse { group: Some(convert::group(view)) }))
    }

    async fn delete_group(
        &self,
        request: Request<v1::DeleteGroupRequest>,
    ) -> Result<Response<v1::DeleteGroupResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let path = decode::group(decode::required("path", &request.path).map_err(status)?).map_err(status)?;
        group::delete(&self.0, &caller, &path).await.map_err(status)?;
        Ok(Response::new(v1::DeleteGroupResponse {}))
    }

    async fn create_join_token(
        &self,
        request: Request<v1::CreateJoinTokenRequest>,
    ) -> Result<Response<v1::CreateJoinTokenResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let wish = join_token::NewJoinToken {
            description: request.description,
            group: decode::group(&request.group).map_err(status)?,
            labels: request.labels.into_iter().collect(),
            uses_limit: request.uses_limit.into(),
            lifetime_ms: request.lifetime_ms,
            node_name: match decode::optional(request.node_name) {
                Some(name) => Some(decode::node_name(&name).map_err(status)?),
                None => None,
            },
            request_id: decode::request_id(&request.request_id).map_err(status)?,
        };
        let (record, token) = join_token::create(&self.0, &caller, wish).await.map_err(status)?;
        let token_row = Some(convert::join_token(record));
        Ok(Response::new(v1::CreateJoinTokenResponse { token: token_row, text: token.to_text() }))
    }

    async fn list_join_tokens(
        &self,
        request: Request<v1::ListJoinTokensRequest>,
    ) -> Result<Response<v1::ListJoinTokensResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let options = decode::options(request.options);
        let page = join_token::list(&self.0, &options).await.map_err(status)?;
        let (tokens, summary) = convert::page(page, convert::join_token);
        Ok(Response::new(v1::ListJoinTokensResponse { tokens, summary }))
    }

    async fn revoke_join_token(
        &self,
        request: Request<v1::RevokeJoinTokenRequest>,
    ) -> Result<Response<v1::RevokeJoinTokenResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let id = decode::parsed("BAD_ID", &request.id).map_err(status)?;
        join_token::revoke(&self.0, &caller, id).await.map_err(status)?;
        Ok(Response::new(v1::RevokeJoinTokenResponse {}))
    }

    async fn freeze_nodes(
        &self,
        request: Request<v1::FreezeNodesRequest>,
    ) -> Result<Response<v1::FreezeNodesResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let frozen = selection::freeze(&self.0, &caller, &request.nodes, &request.filter).await.map_err(status)?;
        let states = frozen.states.into_iter().map(|(value, count)| v1::FacetValue { value, count });
        Ok(Response::new(v1::FreezeNodesResponse {
            selection_id: frozen.record.id.to_string(),
            count: frozen.record.nodes.len() as u64,
            states: states.collect(),
            expires_ms: frozen.record.expires_ms,
        }))
    }

    async fn preview_nodes(
        &self,
        request: Request<v1::PreviewNodesRequest>,
    ) -> Result<Response<v1::PreviewNodesResponse>, Status> {
        let caller = caller(&request)?;
        let wished = request.into_inner().act.unwrap_or_default();
        let id = decode::parsed("BAD_ID", &wished.selection_id).map_err(status)?;
        let act = act(wished.act).map_err(status)?;
        let preview = selection::preview(&self.0, &caller, id, wished.expected_count, &act).await.map_err(status)?;
        let changes = preview.reaches.into_iter().map(|reach| v1::ReachChange {
            publication: reach.publication,
            gained: reach.gained,
            lost: reach.lost,
        });
        let values = preview.values;
        Ok(Response::new(v1::PreviewNodesResponse {
            changes: changes.collect(),
            values_total: values.total,
            not_looked_at: values.not_looked_at,
            values: values.listed.into_iter().map(convert::value_change).collect(),
            stopped_edits: preview.stopped_edits,
            cordoned: preview.cordoned,
            refusal: preview.refusal.unwrap_or_default(),
        }))
    }

    async fn act_on_nodes(
        &self,
        request: Request<v1::ActOnNodesRequest>,
    ) -> Result<Response<v1::ActOnNodesResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let caller = caller.widening(request.widen);
        let id = decode::parsed("BAD_ID", &request.selection_id).map_err(status)?;
        let act = act(request.act).map_err(status)?;
        let outcome = selection::act(&self.0, &caller, id, request.expected_count, &act).await.map_err(status)?;
        let failures = outcome.failures.into_iter().map(|(node, text)| v1::NodeFailure { node, text });
        Ok(Response::new(v1::ActOnNodesResponse { done: outcome.done, failures: failures.collect() }))
    }

    async fn list_node_events(
        &self,
        request: Request<v1::ListNodeEventsRequest>,
    ) -> Result<Response<v1::ListNodeEventsResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let options = decode::options(request.options);
        let page = event::list(&self.0, &request.node, &options).await.map_err(status)?;
        let (events, summary) = convert::page(page, convert::node_event);
        Ok(Response::new(v1::ListNodeEventsResponse { events, summary }))
    }

    async fn list_join_attempts(
        &self,
        request: Request<v1::ListJoinAttemptsRequest>,
    ) -> Result<Response<v1::ListJoinAttemptsResponse>, Status> {
        caller(&request)?;
        let options = decode::options(request.into_inner().options);
        let page = join::attempt::list(&self.0, &options).map_err(status)?;
        let (attempts, summary) = convert::page(page, convert::join_attempt);
        Ok(Response::new(v1::ListJoinAttemptsResponse { attempts, summary }))
    }
}

fn act(wished: Option<v1::act_on_nodes_request::Act>) -> Result<Act, Error> {
    use v1::act_on_nodes_request::Act as Wished;
    Ok(match wished {
        Some(Wished::Label(change)) => Act::Label { set: change.set.into_iter().collect(), remove: change.remove },
        Some(Wished::MoveToGroup(path)) => Act::Move { group: decode::group(decode::required("group", &path)?)? },
        Some(Wished::CordonReason(reason)) => Act::Cordon { cordoned: true, reason },
        Some(Wished::Uncordon(true)) => Act::Cordon { cordoned: false, reason: String::new() },
        Some(Wished::Remove(true)) => Act::Remove,
        Some(Wished::Uncordon(false) | Wished::Remove(false)) | None => {
            return Err(Error::invalid("NO_ACT", "say what to do: label, move, cordon, uncordon or remove"));
        }
    })
}
