//! Sharing on the wire.

mod request;

use atoll_domain::kind::variable_set::scope::Place;
use atoll_domain::secret::Plaintext;
use atoll_proto::v1;
use atoll_proto::v1::sharing_server::Sharing;
use tonic::{Request, Response, Status};

use self::request::{answer, planned, publication_wish, scope};
use super::{Admin, caller, convert, decode, status};
use crate::service::Services;
use crate::service::sharing::fork::decide::{Decision, decide};
use crate::service::sharing::{
    conflict, fork, preview, publication, read, release, required, save, status as sync, usage, variable,
};
use crate::store::sharing::ResourceRecord;

#[tonic::async_trait]
impl Sharing for Admin {
    async fn list_resources(
        &self,
        request: Request<v1::ListResourcesRequest>,
    ) -> Result<Response<v1::ListResourcesResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let options = decode::options(request.options);
        let page = read::list(&self.0, &options).await.map_err(status)?;
        let (resources, summary) = convert::page(page, convert::resource);
        Ok(Response::new(v1::ListResourcesResponse { resources, summary }))
    }

    async fn get_resource(
        &self,
        request: Request<v1::GetResourceRequest>,
    ) -> Result<Response<v1::GetResourceResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let kind = decode::kind(&request.kind).map_err(status)?;
        let shown = read::get(&self.0, kind, &request.resource, &request.revision).await.map_err(status)?;
        Ok(Response::new(v1::GetResourceResponse {
            resource: Some(convert::resource(shown.resource)),
            revision: Some(convert::revision(shown.revision)),
            content: convert::json(shown.content.as_ref()),
            releases: shown.releases.iter().map(convert::release).collect(),
        }))
    }

    async fn save_resource(
        &self,
        request: Request<v1::SaveResourceRequest>,
    ) -> Result<Response<v1::SaveResourceResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let caller = caller.widening(request.widen);
        let kind = decode::kind(&request.kind).map_err(status)?;
        let wish = save::Save {
            kind,
            resource: decode::optional(request.resource),
            content: request.content.into_bytes(),
            base: decode::optional(request.base_revision),
            message: request.message,
            imported: request.imported,
            request_id: decode::request_id(&request.request_id).map_err(status)?,
        };
        let saved = save::save(&self.0, &caller, wish).await.map_err(status)?;
        let shown = read::shown(&self.0, &saved.loaded, saved.revision).await.map_err(status)?;
        Ok(Response::new(v1::SaveResourceResponse {
            resource: Some(convert::resource(shown.resource)),
            revision: Some(convert::revision(shown.revision)),
            changed: saved.changed,
            conflict_id: saved.conflict.map(|id| id.to_string()).unwrap_or_default(),
        }))
    }

    async fn delete_resource(
        &self,
        request: Request<v1::DeleteResourceRequest>,
    ) -> Result<Response<v1::DeleteResourceResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let kind = decode::kind(&request.kind).map_err(status)?;
        let loaded =
            save::delete(&self.0, &caller, kind, &request.resource, &request.message, &request.expected_revision).await;
        let resource = resource(&self.0, loaded.map_err(status)?.record).await?;
        Ok(Response::new(v1::DeleteResourceResponse { resource }))
    }

    async fn list_revisions(
        &self,
        request: Request<v1::ListRevisionsRequest>,
    ) -> Result<Response<v1::ListRevisionsResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let kind = decode::kind(&request.kind).map_err(status)?;
        let options = decode::options(request.options);
        let page = read::revisions(&self.0, kind, &request.resource, &options).await.map_err(status)?;
        let (revisions, summary) = convert::page(page, convert::revision);
        Ok(Response::new(v1::ListRevisionsResponse { revisions, summary }))
    }

    async fn diff_revisions(
        &self,
        request: Request<v1::DiffRevisionsRequest>,
    ) -> Result<Response<v1::DiffRevisionsResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let kind = decode::kind(&request.kind).map_err(status)?;
        let found = read::diff(&self.0, kind, &request.resource, &request.from, &request.to).await.map_err(status)?;
        let differences = found.into_iter().map(convert::difference).collect();
        Ok(Response::new(v1::DiffRevisionsResponse { differences }))
    }

    async fn release_resource(
        &self,
        request: Request<v1::ReleaseResourceRequest>,
    ) -> Result<Response<v1::ReleaseResourceResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let caller = caller.widening(request.widen).releasing_drafts(request.with_drafts);
        let kind = decode::kind(&request.kind).map_err(status)?;
        let version = match decode::optional(request.version) {
            Some(text) => Some(decode::parsed("BAD_VERSION", &text).map_err(status)?),
            None => None,
        };
        let (revision, written) = (decode::optional(request.revision), decode::optional(request.written_revision));
        let wish = release::Wish {
            version,
            revision: revision.as_deref(),
            expected: &request.expected_revision,
            written: written.as_deref(),
        };
        let released = release::release(&self.0, &caller, kind, &request.resource, wish).await;
        let release::Released { loaded, release, sequence, is_new } = released.map_err(status)?;
        Ok(Response::new(v1::ReleaseResourceResponse {
            resource: resource(&self.0, loaded.record.clone()).await?,
            warnings: required::warnings(&self.0, loaded).await.map_err(status)?,
            release: Some(convert::release(&release)),
            sequence,
            changed: is_new,
        }))
    }

    async fn roll_back_resource(
        &self,
        request: Request<v1::RollBackResourceRequest>,
    ) -> Result<Response<v1::RollBackResourceResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let caller = caller.widening(request.widen);
        let kind = decode::kind(&request.kind).map_err(status)?;
        let saved = save::roll_back(
            &self.0,
            &caller,
            kind,
            &request.resource,
            &request.to,
            &request.message,
            &request.expected_revision,
        )
        .await
        .map_err(status)?;
        let shown = read::shown(&self.0, &saved.loaded, saved.revision).await.map_err(status)?;
        Ok(Response::new(v1::RollBackResourceResponse {
            resource: Some(convert::resource(shown.resource)),
            revision: Some(convert::revision(shown.revision)),
            changed: saved.changed,
        }))
    }

    async fn set_text_mode(
        &self,
        request: Request<v1::SetTextModeRequest>,
    ) -> Result<Response<v1::SetTextModeResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let kind = decode::kind(&request.kind).map_err(status)?;
        let mode = decode::parsed("BAD_TEXT_MODE", &request.text_mode).map_err(status)?;
        let record = save::set_text_mode(&self.0, &caller, kind, &request.resource, mode).await.map_err(status)?;
        Ok(Response::new(v1::SetTextModeResponse { resource: resource(&self.0, record).await? }))
    }

    async fn list_publications(
        &self,
        request: Request<v1::ListPublicationsRequest>,
    ) -> Result<Response<v1::ListPublicationsResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let options = decode::options(request.options);
        let page = publication::list(&self.0, &options).await.map_err(status)?;
        let (publications, summary) = convert::page(page, convert::publication);
        Ok(Response::new(v1::ListPublicationsResponse { publications, summary }))
    }

    async fn save_publication(
        &self,
        request: Request<v1::SavePublicationRequest>,
    ) -> Result<Response<v1::SavePublicationResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let caller = caller.widening(request.widen);
        let wish = publication_wish(request).map_err(status)?;
        let view = publication::save(&self.0, &caller, wish).await.map_err(status)?;
        Ok(Response::new(v1::SavePublicationResponse { publication: Some(convert::publication(view)) }))
    }

    async fn delete_publication(
        &self,
        request: Request<v1::DeletePublicationRequest>,
    ) -> Result<Response<v1::DeletePublicationResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        publication::delete(&self.0, &caller, &request.name, &request.expected_etag).await.map_err(status)?;
        Ok(Response::new(v1::DeletePublicationResponse {}))
    }

    async fn list_proposals(
        &self,
        request: Request<v1::ListProposalsRequest>,
    ) -> Result<Response<v1::ListProposalsResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let options = decode::options(request.options);
        let page = fork::list(&self.0, &options).await.map_err(status)?;
        let (proposals, summary) = convert::page(page, convert::proposal);
        Ok(Response::new(v1::ListProposalsResponse { proposals, summary }))
    }

    async fn decide_proposal(
        &self,
        request: Request<v1::DecideProposalRequest>,
    ) -> Result<Response<v1::DecideProposalResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let caller = caller.releasing_drafts(request.with_drafts).widening(request.widen);
        let decision = Decision {
            accept: request.accept,
            message: request.message,
            release: request.release,
            expected: request.expected_revision,
        };
        let decided = decide(&self.0, &caller, &request.id, &decision).await.map_err(status)?;
        Ok(Response::new(v1::DecideProposalResponse {
            proposal: Some(convert::proposal(decided.view)),
            conflict_id: decided.conflict.map(|id| id.to_string()).unwrap_or_default(),
            release: decided.release.as_ref().map(convert::release),
        }))
    }

    async fn list_conflicts(
        &self,
        request: Request<v1::ListConflictsRequest>,
    ) -> Result<Response<v1::ListConflictsResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let options = decode::options(request.options);
        let page = conflict::list(&self.0, &options).await.map_err(status)?;
        let (conflicts, summary) = convert::page(page, convert::conflict);
        Ok(Response::new(v1::ListConflictsResponse { conflicts, summary }))
    }

    async fn get_conflict(
        &self,
        request: Request<v1::GetConflictRequest>,
    ) -> Result<Response<v1::GetConflictResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let view = conflict::get(&self.0, &request.id).await.map_err(status)?;
        Ok(Response::new(v1::GetConflictResponse { conflict: Some(convert::conflict(view)) }))
    }

    async fn resolve_conflict(
        &self,
        request: Request<v1::ResolveConflictRequest>,
    ) -> Result<Response<v1::ResolveConflictResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let caller = caller.widening(request.widen);
        let caller = caller.releasing_drafts(request.with_drafts);
        let id = request.id.clone();
        let answer = answer(request).map_err(status)?;
        let resolved = conflict::resolve(&self.0, &caller, &id, answer).await.map_err(status)?;
        let shown = read::shown(&self.0, &resolved.loaded, resolved.revision).await.map_err(status)?;
        Ok(Response::new(v1::ResolveConflictResponse {
            resource: Some(convert::resource(shown.resource)),
            revision: Some(convert::revision(shown.revision)),
            release: resolved.release.as_ref().map(convert::release),
        }))
    }

    async fn list_usages(
        &self,
        request: Request<v1::ListUsagesRequest>,
    ) -> Result<Response<v1::ListUsagesResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let kind = decode::kind(&request.kind).map_err(status)?;
        let options = decode::options(request.options);
        let page = usage::list(&self.0, kind, &request.resource, &options).await.map_err(status)?;
        let (usages, summary) = convert::page(page, convert::usage);
        Ok(Response::new(v1::ListUsagesResponse { usages, summary }))
    }

    async fn preview_publication(
        &self,
        request: Request<v1::PreviewPublicationRequest>,
    ) -> Result<Response<v1::PreviewPublicationResponse>, Status> {
        let caller = caller(&request)?;
        let publication = request.into_inner().publication;
        let wish = publication_wish(v1::SavePublicationRequest { publication, ..Default::default() });
        let seen = preview::publication::preview(&self.0, &caller, &wish.map_err(status)?).await.map_err(status)?;
        Ok(Response::new(v1::PreviewPublicationResponse {
            nodes: seen.nodes as u64,
            gained: seen.gained as u64,
            lost: seen.lost as u64,
            gained_nodes: seen.gained_nodes,
            lost_nodes: seen.lost_nodes,
            problem: seen.problem.unwrap_or_default(),
            changed: seen.foreseen.nodes as u64,
            cordoned: seen.foreseen.cordoned as u64,
            own_edits: seen.foreseen.own_edits as u64,
            stopped_edits: seen.foreseen.stopped_edits as u64,
            refusal: seen.foreseen.refusal.unwrap_or_default(),
            values_total: seen.foreseen.values.total,
            not_looked_at: seen.foreseen.values.not_looked_at,
            values: seen.foreseen.values.listed.into_iter().map(convert::value_change).collect(),
        }))
    }

    async fn preview_change(
        &self,
        request: Request<v1::PreviewChangeRequest>,
    ) -> Result<Response<v1::PreviewChangeResponse>, Status> {
        let caller = caller(&request)?;
        let planned = planned(request.into_inner().change).map_err(status)?;
        let seen = preview::foresee(&self.0, &caller, &planned).await.map_err(status)?;
        Ok(Response::new(v1::PreviewChangeResponse {
            nodes: seen.nodes as u64,
            cordoned: seen.cordoned as u64,
            own_edits: seen.own_edits as u64,
            stopped_edits: seen.stopped_edits as u64,
            offered: seen.offered.into_iter().map(|(kind, count)| (kind.to_string(), count as u64)).collect(),
            confirms: seen.confirms,
            refusal: seen.refusal.unwrap_or_default(),
            values_total: seen.values.total,
            not_looked_at: seen.values.not_looked_at,
            values: seen.values.listed.into_iter().map(convert::value_change).collect(),
        }))
    }

    async fn set_variable(
        &self,
        request: Request<v1::SetVariableRequest>,
    ) -> Result<Response<v1::SetVariableResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let value = match (request.null, request.sensitive) {
            (true, _) => variable::ValueWish::Null,
            (false, true) => variable::ValueWish::Sensitive(Plaintext::new(request.value)),
            (false, false) => variable::ValueWish::Text(request.value),
        };
        decode::required("the variable's name", &request.name).map_err(status)?;
        let new =
            variable::NewValue { name: request.name, scope: scope(request.scope), value, message: request.message };
        let saved = variable::set(&self.0, &caller, &request.resource, new).await.map_err(status)?;
        let shown = read::shown(&self.0, &saved.loaded, saved.revision).await.map_err(status)?;
        Ok(Response::new(v1::SetVariableResponse {
            resource: Some(convert::resource(shown.resource)),
            revision: Some(convert::revision(shown.revision)),
            changed: saved.changed,
        }))
    }

    async fn unset_variable(
        &self,
        request: Request<v1::UnsetVariableRequest>,
    ) -> Result<Response<v1::UnsetVariableResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let scope = scope(request.scope);
        let saved = variable::unset(&self.0, &caller, &request.resource, &request.name, &scope, &request.message)
            .await
            .map_err(status)?;
        let shown = read::shown(&self.0, &saved.loaded, saved.revision).await.map_err(status)?;
        Ok(Response::new(v1::UnsetVariableResponse {
            resource: Some(convert::resource(shown.resource)),
            revision: Some(convert::revision(shown.revision)),
        }))
    }

    async fn get_effective_variables(
        &self,
        request: Request<v1::GetEffectiveVariablesRequest>,
    ) -> Result<Response<v1::GetEffectiveVariablesResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let asked = variable::Asked {
            set: decode::optional(request.resource),
            node: decode::optional(request.node),
            place: Place {
                target: decode::optional(request.target),
                role: decode::optional(request.role),
                environment: decode::optional(request.environment),
                group: decode::optional(request.group),
            },
        };
        let views = variable::effective_variables(&self.0, &asked).await.map_err(status)?;
        let variables = views.into_iter().map(convert::effective).collect();
        Ok(Response::new(v1::GetEffectiveVariablesResponse { variables }))
    }

    async fn get_sync_status(
        &self,
        request: Request<v1::GetSyncStatusRequest>,
    ) -> Result<Response<v1::GetSyncStatusResponse>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let resource = match decode::optional(request.resource) {
            Some(name) => Some((decode::kind(&request.kind).map_err(status)?, name)),
            None => None,
        };
        let question = sync::Question {
            resource,
            node: decode::optional(request.node),
            behind_limit: (request.behind_limit as usize).min(1_000),
        };
        let seen = sync::status(&self.0, &question).await.map_err(status)?;
        let behind = seen.behind.iter().map(|behind| v1::BehindNode {
            node: behind.node.record.name.to_string(),
            state: behind.state.to_owned(),
            since_ms: behind.since_ms,
            acknowledged_sequence: behind.node.seen.acknowledged,
            outstanding: behind.outstanding as u64,
        });
        Ok(Response::new(v1::GetSyncStatusResponse {
            sequence: seen.sequence,
            expected: seen.expected as u64,
            have: seen.have as u64,
            applied: seen.applied as u64,
            failed: seen.failed as u64,
            offline: seen.offline as u64,
            drifting: seen.drifting as u64,
            unknown: seen.unknown as u64,
            incomplete: seen.incomplete as u64,
            own_edits: seen.own_edits as u64,
            pinned: seen.pinned as u64,
            cordoned: seen.cordoned as u64,
            waiting: seen.waiting as u64,
            behind: behind.collect(),
        }))
    }
}

async fn resource(services: &Services, record: ResourceRecord) -> Result<Option<v1::Resource>, Status> {
    Ok(Some(convert::resource(read::view(&services.store, record).await.map_err(status)?)))
}
