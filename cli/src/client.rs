//! Calling the manager.

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use atoll_proto::v1::access_client::AccessClient;
use atoll_proto::v1::audit_client::AuditClient;
use atoll_proto::v1::fleet_client::FleetClient;
use atoll_proto::v1::sharing_client::SharingClient;
use atoll_proto::v1::telemetry_client::TelemetryClient;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status};

use crate::context::Target;
use crate::failure::{Failure, Result, UNAVAILABLE};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// A manager that has said nothing for this long during a call is asked whether it is still there,
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// and counts as gone when it does not answer within this time.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
const MESSAGE_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Puts the token on each call.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> std::result::Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Authorized = InterceptedService<Channel, Bearer>;

/// Every service of the manager.
pub struct Client {
    pub fleet: FleetClient<Authorized>,
    pub sharing: SharingClient<Authorized>,
    pub access: AccessClient<Authorized>,
    pub audit: AuditClient<Authorized>,
    pub telemetry: TelemetryClient<Authorized>,
}

impl Client {
    pub async fn connect(target: &Target) -> Result<Self> {
        let mut value: MetadataValue<Ascii> = format!("Bearer {}", target.token)
            .parse()
            .map_err(|_| Failure::usage("the token contains invalid characters; copy it again"))?;
        value.set_sensitive(true);
        let bearer = Bearer(value);
        let channel = channel(target).await?;
        let with = || InterceptedService::new(channel.clone(), bearer.clone());
        Ok(Self {
            fleet: FleetClient::new(with()).max_decoding_message_size(MESSAGE_LIMIT_BYTES),
            sharing: SharingClient::new(with()).max_decoding_message_size(MESSAGE_LIMIT_BYTES),
            access: AccessClient::new(with()),
            audit: AuditClient::new(with()).max_decoding_message_size(MESSAGE_LIMIT_BYTES),
            telemetry: TelemetryClient::new(with()),
        })
    }
}

async fn channel(target: &Target) -> Result<Channel> {
    let uri: Uri = target.server.parse().map_err(|_| {
        Failure::usage(format!("\"{}\" is not a server; write it like http://127.0.0.1:7400", target.server))
    })?;
    let unreachable = |error: &dyn std::fmt::Display| {
        let text =
            format!("cannot reach the manager at {}: {error}; check that it is running, and --server", target.server);
        Failure::new(UNAVAILABLE, text)
    };
    let is_secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => {
            return Err(Failure::usage(format!(
                "\"{}\" does not begin with http:// or https://; write it like http://127.0.0.1:7400",
                target.server
            )));
        }
    };
    // The TLS below is ours: to the channel it is a plain connection.
    let plain = Uri::builder()
        .scheme("http")
        .authority(uri.authority().map_or("", |authority| authority.as_str()))
        .path_and_query("/")
        .build()
        .map_err(|error| unreachable(&error))?;
    let endpoint = Endpoint::from(plain)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    if !is_secure {
        // The token would cross the network in clear, where whoever reads along could act with it.
        if !is_loopback(uri.host().unwrap_or_default()) {
            return Err(Failure::usage(format!(
                "{} is plain HTTP to another machine, which would expose your token to the network; use https:// with \
                 --ca-file (the manager's root.pem), or a tunnel to loopback",
                target.server
            )));
        }
        return endpoint.connect().await.map_err(|error| unreachable(&source(&error)));
    }
    let ca_file = target.ca_file.clone().ok_or_else(|| {
        Failure::usage("https needs --ca-file with the certificate to trust (or ATOLL_CA_FILE, or a context's ca_file)")
    })?;
    let config = tls(&ca_file)?;
    let connector = tower::service_fn(move |uri: Uri| {
        let config = Arc::clone(&config);
        async move {
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let stream = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443))).await?;
            let name = ServerName::try_from(host).map_err(std::io::Error::other)?;
            let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await?;
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        }
    });
    endpoint.connect_with_connector(connector).await.map_err(|error| unreachable(&source(&error)))
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn source(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(next) = deepest.source() {
        deepest = next;
    }
    deepest.to_string()
}

fn tls(ca_file: &std::path::Path) -> Result<Arc<rustls::ClientConfig>> {
    let bad = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", ca_file.display()));
    let mut roots = rustls::RootCertStore::empty();
    let pem = fs::read(ca_file).map_err(|error| bad(&error))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(|error| bad(&error))?).map_err(|error| bad(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_does_not_cross_the_network_in_clear() {
        let target = |server: &str| Target { server: server.to_owned(), token: "t".to_owned(), ca_file: None };
        for server in ["http://192.0.2.1:7400", "http://manager.example:7400", "http://localhost.evil.example:7400"] {
            let refused = channel(&target(server)).await.unwrap_err().text;
            assert!(refused.contains("plain HTTP to another machine"), "{server}: {refused}");
        }
        for server in ["ftp://127.0.0.1:7400", "127.0.0.1:7400"] {
            let refused = channel(&target(server)).await.unwrap_err().text;
            assert!(refused.contains("does not begin with http://"), "{server}: {refused}");
        }
        assert!(is_loopback("127.0.0.1") && is_loopback("[::1]") && is_loopback("localhost"));
    }
}
