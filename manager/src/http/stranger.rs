//! What a call may take from somebody who has not said who he is: a small message, soon.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::Limited;

/// Largest message of a stranger: a join carries keys and a request for a certificate.
pub(super) const MESSAGE_LIMIT_BYTES: usize = 64 * 1024;
/// A call of a stranger is over after this, however slowly its message comes.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Bounds a call, whoever makes it.
pub async fn limited(request: Request, next: Next) -> Response {
    let request = request.map(|body| Body::new(Limited::new(body, MESSAGE_LIMIT_BYTES)));
    match tokio::time::timeout(CALL_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "the message did not come in time\n").into_response(),
    }
}
