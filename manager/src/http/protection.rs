//! What every answer that is not gRPC tells the browser: load nothing from elsewhere, be framed by nobody, guess nothing.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

use super::guard::is_grpc;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
                      img-src 'self' data:; font-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const FEATURES_OFF: &str = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), \
                            encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), \
                            identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), \
                            microphone=(), midi=(), otp-credentials=(), payment=(), picture-in-picture=(), \
                            publickey-credentials-create=(), publickey-credentials-get=(), screen-wake-lock=(), \
                            serial=(), storage-access=(), usb=(), web-share=(), window-management=(), \
                            xr-spatial-tracking=()";

const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(FEATURES_OFF)),
];

/// Whoever came over TLS once comes over TLS for a year (RFC 6797 section 6.1).
const STAY_SECURE: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds the headers.
pub fn protect(mut response: Response, is_plain: bool) -> Response {
    if !is_grpc(response.headers()) {
        response.headers_mut().extend(HEADERS);
        if !is_plain {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STAY_SECURE);
        }
    }
    response
}
