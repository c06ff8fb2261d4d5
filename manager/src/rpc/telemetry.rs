//! How the manager is, on the wire.

use atoll_proto::v1;
use atoll_proto::v1::telemetry_server::Telemetry;
use tonic::{Request, Response, Status};

use super::{Admin, caller, status};
use crate::service::telemetry;

#[tonic::async_trait]
impl Telemetry for Admin {
    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        caller(&request)?;
        let services = &self.0;
        let seen = telemetry::status(services).await.map_err(status)?;
        Ok(Response::new(v1::GetStatusResponse {
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
        }))
    }
}
