//! Tokens on the wire.

use atoll_proto::v1;
use atoll_proto::v1::access_server::Access;
use tonic::{Request, Response, Status};

use super::{Admin, caller, convert, decode, status};
use crate::service::access;

#[tonic::async_trait]
impl Access for Admin {
    async fn who_am_i(&self, request: Request<v1::WhoAmIRequest>) -> Result<Response<v1::WhoAmIResponse>, Status> {
        let caller = caller(&request)?;
        let token_id = caller.token.map(|id| id.to_string()).unwrap_or_default();
        Ok(Response::new(v1::WhoAmIResponse { name: caller.name, token_id }))
    }

    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let request_id = decode::request_id(&request.request_id).map_err(status)?;
        let (record, text) =
            access::create(&self.0, &caller, &request.name, request.lifetime_ms, request_id).await.map_err(status)?;
        Ok(Response::new(v1::CreateTokenResponse {
            token: Some(convert::token(record)),
            text: text.reveal().to_owned(),
        }))
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        caller(&request)?;
        let options = decode::options(request.into_inner().options);
        let (tokens, summary) = convert::page(access::list(&self.0, &options).await.map_err(status)?, convert::token);
        Ok(Response::new(v1::ListTokensResponse { tokens, summary }))
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenResponse>, Status> {
        let caller = caller(&request)?;
        access::revoke(&self.0, &caller, &request.into_inner().token).await.map_err(status)?;
        Ok(Response::new(v1::RevokeTokenResponse {}))
    }
}
