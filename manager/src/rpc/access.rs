//! Tokens, sessions and saved views on the wire.

use atoll_proto::v1;
use atoll_proto::v1::access_server::Access;
use tonic::{Request, Response, Status};

use super::{Admin, caller, convert, decode, status};
use crate::service::access::{link, session, token, view};

#[tonic::async_trait]
impl Access for Admin {
    async fn who_am_i(&self, request: Request<v1::WhoAmIRequest>) -> Result<Response<v1::WhoAmIResponse>, Status> {
        let caller = caller(&request)?;
        let token_id = caller.token.map(|id| id.to_string()).unwrap_or_default();
        let session_expires_ms = caller.session.map_or(0, |session| session.expires_ms);
        Ok(Response::new(v1::WhoAmIResponse { name: caller.name, token_id, session_expires_ms }))
    }

    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let request_id = decode::request_id(&request.request_id).map_err(status)?;
        let (record, text) =
            token::create(&self.0, &caller, &request.name, request.lifetime_ms, request_id).await.map_err(status)?;
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
        let (tokens, summary) = convert::page(token::list(&self.0, &options).await.map_err(status)?, convert::token);
        Ok(Response::new(v1::ListTokensResponse { tokens, summary }))
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenResponse>, Status> {
        let caller = caller(&request)?;
        let wished = request.into_inner();
        let done = token::revoke(&self.0, &caller, &wished.token, wished.keep_made).await.map_err(status)?;
        Ok(Response::new(v1::RevokeTokenResponse { revoked: done.tokens, join_tokens: done.join_tokens }))
    }

    async fn create_sign_in_link(
        &self,
        request: Request<v1::CreateSignInLinkRequest>,
    ) -> Result<Response<v1::CreateSignInLinkResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let request_id = decode::request_id(&request.request_id).map_err(status)?;
        let (record, code) = link::create(&self.0, &caller, request.lifetime_ms, request_id).await.map_err(status)?;
        Ok(Response::new(v1::CreateSignInLinkResponse { path: code.path(), expires_ms: record.expires_ms }))
    }

    async fn list_sessions(
        &self,
        request: Request<v1::ListSessionsRequest>,
    ) -> Result<Response<v1::ListSessionsResponse>, Status> {
        let caller = caller(&request)?;
        let options = decode::options(request.into_inner().options);
        let page = session::list(&self.0, &caller, &options).await.map_err(status)?;
        let own = caller.session.map(|session| session.id);
        let (sessions, summary) = convert::page(page, |record| convert::session(record, own));
        Ok(Response::new(v1::ListSessionsResponse { sessions, summary }))
    }

    async fn revoke_session(
        &self,
        request: Request<v1::RevokeSessionRequest>,
    ) -> Result<Response<v1::RevokeSessionResponse>, Status> {
        let caller = caller(&request)?;
        let id = decode::parsed("BAD_ID", &request.into_inner().id).map_err(status)?;
        session::revoke(&self.0, &caller, id).await.map_err(status)?;
        Ok(Response::new(v1::RevokeSessionResponse {}))
    }

    async fn list_saved_views(
        &self,
        request: Request<v1::ListSavedViewsRequest>,
    ) -> Result<Response<v1::ListSavedViewsResponse>, Status> {
        let caller = caller(&request)?;
        let options = decode::options(request.into_inner().options);
        let page = view::list(&self.0, &caller, &options).await.map_err(status)?;
        let (views, summary) = convert::page(page, convert::saved_view);
        Ok(Response::new(v1::ListSavedViewsResponse { views, summary }))
    }

    async fn save_view(&self, request: Request<v1::SaveViewRequest>) -> Result<Response<v1::SaveViewResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let new =
            view::NewView { name: request.name, screen: request.screen, query: request.query, shared: request.shared };
        let record = view::save(&self.0, &caller, new).await.map_err(status)?;
        Ok(Response::new(v1::SaveViewResponse { view: Some(convert::saved_view(record)) }))
    }

    async fn delete_view(
        &self,
        request: Request<v1::DeleteViewRequest>,
    ) -> Result<Response<v1::DeleteViewResponse>, Status> {
        let caller = caller(&request)?;
        let id = decode::parsed("BAD_ID", &request.into_inner().id).map_err(status)?;
        view::delete(&self.0, &caller, id).await.map_err(status)?;
        Ok(Response::new(v1::DeleteViewResponse {}))
    }
}
