//! The contract on the wire. A handler decodes into values that cannot be wrong afterwards, calls once, and encodes.

mod access;
mod audit;
mod convert;
mod decode;
mod fleet;
mod node_link;
mod sharing;
mod status;
mod telemetry;

use std::sync::Arc;

use atoll_proto::v1::access_server::AccessServer;
use atoll_proto::v1::audit_server::AuditServer;
use atoll_proto::v1::fleet_server::FleetServer;
use atoll_proto::v1::node_link_server::NodeLinkServer;
use atoll_proto::v1::sharing_server::SharingServer;
use atoll_proto::v1::telemetry_server::TelemetryServer;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::service::Routes;

use crate::error::{Error, Result};
use crate::service::{Caller, Services};

pub use node_link::encode_document;
pub use status::status;

/// Largest message that is read: the largest document in its envelope, with room to spare.
const MESSAGE_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// Largest message from a node: one report of the largest size goes alone, whatever else waits.
const PUSH_LIMIT_BYTES: usize = MESSAGE_LIMIT_BYTES + 1024 * 1024;

/// What the admin services share, and what says that the manager stops.
#[derive(Debug, Clone)]
pub struct Admin(pub Arc<Services>, pub CancellationToken);

/// Every service of the admin port. Who calls is decided before any of them is reached, see `http/guard.rs`.
///
/// # Errors
/// The contract's descriptors are damaged.
pub async fn admin_routes(services: &Arc<Services>, cancel: &CancellationToken) -> Result<Routes> {
    let admin = Admin(Arc::clone(services), cancel.clone());
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter.set_serving::<SharingServer<Admin>>().await;
    health_reporter.set_serving::<FleetServer<Admin>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(atoll_proto::DESCRIPTORS)
        .build_v1()
        .map_err(Error::internal)?;
    let mut routes = Routes::builder();
    routes
        .add_service(health)
        .add_service(reflection)
        .add_service(FleetServer::new(admin.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES))
        .add_service(SharingServer::new(admin.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES))
        .add_service(AccessServer::new(admin.clone()))
        .add_service(AuditServer::new(admin.clone()))
        .add_service(TelemetryServer::new(admin));
    Ok(routes.routes())
}

/// The service of the node port.
#[must_use]
pub fn node_routes(services: Arc<Services>, cancel: CancellationToken) -> Routes {
    let link = node_link::Link::new(services, cancel);
    Routes::new(NodeLinkServer::new(link).max_decoding_message_size(PUSH_LIMIT_BYTES))
}

/// Who calls, as the guard found out.
fn caller<T>(request: &Request<T>) -> std::result::Result<Caller, tonic::Status> {
    request
        .extensions()
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| status(Error::unauthenticated("NO_TOKEN", "this call needs an administrator's token")))
}
