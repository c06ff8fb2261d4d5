//! The nodes' side of TLS: one root to trust per server, one certificate per node.

use std::sync::{Arc, Mutex, PoisonError};

use atoll_domain::id::Digest;
use rcgen::PublicKeyData as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::{Result, failed};

/// The name in every manager's certificate.
pub const SERVER_NAME: &str = "manager.atoll.internal";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Makes configurations for connections to one server. The verifier is shared; the root was pinned.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The server's root certificate.
    pub root: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl Trust {
    /// Fetches the server's root over a first connection and believes it if its key is the pinned one.
    pub async fn fetch(address: &str, root_pin: &str) -> Result<Self> {
        let provider = provider();
        let recorder = Arc::new(Recorder::new(provider.signature_verification_algorithms));
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(SERVER_NAME)?, stream).await.ok();
        let root = recorder.root(root_pin)?;
        let mut roots = RootCertStore::empty();
        roots.add(root.clone())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
        Ok(Self { root, provider, verifier })
    }

    /// For a node with a certificate, or for one that is about to join.
    pub fn config(
        &self,
        identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> Result<Arc<ClientConfig>> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_webpki_verifier(Arc::clone(&self.verifier));
        let mut config = match identity {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        // The servers give no tickets, and a store for them would be kept per node.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// Accepts any chain and remembers it: the pin is checked afterwards, and nothing is said over this connection.
#[derive(Debug)]
struct Recorder {
    seen: Mutex<Vec<CertificateDer<'static>>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Recorder {
    fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { seen: Mutex::new(Vec::new()), algorithms }
    }

    fn root(&self, pin: &str) -> Result<CertificateDer<'static>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = seen.iter().find(|certificate| pin_of(certificate).is_some_and(|found| found == pin));
        fits.cloned().ok_or_else(|| failed("the server does not show the root that was pinned"))
    }
}

/// SHA-256 of a certificate's subject public key info, in hexadecimal digits.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Option<String> {
    let anchor = rustls::server::ParsedCertificate::try_from(certificate).ok()?;
    Some(Digest::of(anchor.subject_public_key_info().as_ref()).to_string())
}

/// The pin of a key that this program made itself.
pub fn pin_of_key(key: &rcgen::KeyPair) -> String {
    Digest::of(&key.subject_public_key_info()).to_string()
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = intermediates.iter().map(|certificate| certificate.clone().into_owned()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
