//! How the manager is, on the wire.

use std::sync::Arc;

use atoll_proto::v1;
use atoll_proto::v1::telemetry_server::Telemetry;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tonic::{Request, Response, Status};

use super::{Admin, caller, convert, decode, status};
use crate::service::Services;
use crate::service::telemetry::watch::{News, Watcher};
use crate::service::telemetry::{self, sample};

#[tonic::async_trait]
impl Telemetry for Admin {
    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        caller(&request)?;
        let services = &self.0;
        let seen = telemetry::status(services).await.map_err(status)?;
        Ok(Response::new(counters(services, &seen)))
    }

    type WatchStream = BoxStream<'static, Result<v1::WatchResponse, Status>>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let caller = caller(&request)?;
        let (services, token) = (Arc::clone(&self.0), request.into_inner().resume_token);
        let watcher = Watcher::open(Arc::clone(&services), caller, &token, self.1.clone()).await.map_err(status)?;
        let told = stream::unfold(Some((watcher, services)), |open| async move {
            let (mut watcher, services) = open?;
            match watcher.next().await {
                Ok(Some(news)) => Some((Ok(message(&services, news)), Some((watcher, services)))),
                Ok(None) => None,
                Err(error) => Some((Err(status(error)), None)),
            }
        });
        Ok(Response::new(told.boxed()))
    }

    async fn list_samples(
        &self,
        request: Request<v1::ListSamplesRequest>,
    ) -> Result<Response<v1::ListSamplesResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let options = decode::options(request.options);
        let page = sample::list(&self.0, request.from_ms, caller.now, &options).await.map_err(status)?;
        let (samples, summary) = convert::page(page, convert::sample);
        Ok(Response::new(v1::ListSamplesResponse { samples, summary }))
    }
}

fn message(services: &Services, news: News) -> v1::WatchResponse {
    v1::WatchResponse {
        resume_token: news.resume_token,
        events: news.events.into_iter().map(convert::audit_event).collect(),
        nodes: news.nodes.into_iter().map(convert::node).collect(),
        incomplete: news.incomplete,
        status: news.status.map(|seen| counters(services, &seen)),
        now_ms: news.now.0,
    }
}

fn counters(services: &Services, seen: &telemetry::Status) -> v1::GetStatusResponse {
    v1::GetStatusResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol_version: atoll_proto::PROTOCOL_VERSION,
        manager_epoch: services.keys.epoch.to_string(),
        database: services.store.backend_name().to_owned(),
        sequence: seen.sequence,
        nodes: seen.nodes as u64,
        nodes_online: seen.nodes_online as u64,
        nodes_in_sync: seen.nodes_in_sync as u64,
        resources: seen.resources as u64,
        publications: seen.publications as u64,
        conflicts_open: seen.conflicts_open as u64,
        proposals_open: seen.proposals_open as u64,
        node_address: services.settings.node_address.clone(),
        root_pin: services.keys.authority.root_pin().to_string(),
        started_ms: services.started.0,
    }
}
