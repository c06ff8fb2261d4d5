//! The audit record on the wire.

use atoll_proto::v1;
use atoll_proto::v1::audit_server::Audit;
use tonic::{Request, Response, Status};

use super::{Admin, caller, convert, decode, status};
use crate::service::audit;

#[tonic::async_trait]
impl Audit for Admin {
    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        caller(&request)?;
        let options = decode::options(request.into_inner().options);
        let page = audit::list(&self.0, &options).await.map_err(status)?;
        let (events, summary) = convert::page(page, convert::audit_event);
        Ok(Response::new(v1::ListEventsResponse { events, summary }))
    }
}
