//! The web UI: files that are part of this program.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use tower_http::compression::CompressionLayer;

/// What `make ui` builds. A debug build reads the folder while it runs.
#[derive(RustEmbed)]
#[folder = "../ui/dist/"]
struct Files;

/// The page from which everything else is loaded.
const INDEX: &str = "index.html";
/// Files below it carry a digest of their content in their names, and so never change.
const ASSETS: &str = "assets/";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

/// Answers whatever no other route does.
pub fn routes() -> Router {
    Router::new().fallback(serve).layer(CompressionLayer::new().gzip(true))
}

async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return nothing();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Files::get(path).filter(|_| !path.is_empty()) {
        return found(path, file, &headers);
    }
    // The UI's own addresses, such as /nodes/x, are views of the one page.
    let is_view = path.is_empty() || (!path.starts_with(ASSETS) && wants_page(&headers));
    match Files::get(INDEX) {
        _ if !is_view => nothing(),
        Some(page) => found(INDEX, page, &headers),
        None => {
            let text = "the web UI is not part of this build; build it with `make ui`, then build the manager again\n";
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here; the CLI is `atoll`\n").into_response()
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepts.contains("text/html")
}

fn found(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    // Weak, since the same file may travel compressed or not.
    let tag = format!("W/\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let cached = if path.starts_with(ASSETS) { FOR_EVER } else { ASK_AGAIN };
    let about = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, cached.to_owned())];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if known.split(',').any(|one| one.trim() == tag) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, [(header::CONTENT_TYPE, content_type(&file))], Body::from(file.data)).into_response()
}

fn content_type(file: &EmbeddedFile) -> String {
    let kind = file.metadata.mimetype();
    if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}
