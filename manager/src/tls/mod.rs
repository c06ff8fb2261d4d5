//! TLS on the ports: certificates that are replaced while running, and client certificates that may have run out.

mod accept;
mod connection;
mod stranger;

use std::sync::{Arc, RwLock};
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::authority::validity_seconds;
use crate::error::{Error, Result};

pub use self::accept::{IsKnown, accept};
pub use self::connection::{Connection, Heard, Peer};
pub use self::stranger::{Place, Seat, Strangers, network_of};

/// The certificate that a port shows; replaced while running.
#[derive(Debug)]
pub struct ServerCertificate {
    current: RwLock<Arc<CertifiedKey>>,
}

impl ServerCertificate {
    /// # Errors
    /// The key is not one that TLS can use.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Result<Self> {
        Ok(Self { current: RwLock::new(certified(chain, key)?) })
    }

    /// New connections see the new certificate; those that are open go on.
    ///
    /// # Errors
    /// The key is not one that TLS can use; the present certificate stays.
    pub fn replace(&self, chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Result<()> {
        let next = certified(chain, key)?;
        if let Ok(mut current) = self.current.write() {
            *current = next;
        }
        Ok(())
    }
}

fn certified(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Result<Arc<CertifiedKey>> {
    let key = rustls::crypto::ring::sign::any_supported_type(key).map_err(Error::internal)?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.read().ok().map(|current| Arc::clone(&current))
    }
}

/// Asks for a node's certificate without requiring one. One that has run out, or is not valid yet by the manager's clock,
/// passes the handshake: the call that follows decides, so that a node that was off for weeks, or whose clock is wrong,
/// learns that it has to recover.
///
/// What is forgiven is the time of the leaf and nothing else: the chain is verified as a whole, at the moment of the
/// leaf's life that is nearest to now. Forgiving the verifier's *error* would forgive what it had not looked at yet: it
/// checks times before signatures.
#[derive(Debug)]
struct NodeVerifier(Arc<dyn ClientCertVerifier>);

/// The moment of a certificate's life that is nearest to now.
///
/// # Errors
/// The certificate cannot be read, or ends before it begins.
fn within_life(certificate: &CertificateDer<'_>, now: UnixTime) -> std::result::Result<UnixTime, rustls::Error> {
    let bad = || rustls::Error::InvalidCertificate(CertificateError::BadEncoding);
    let (begins, ends) = validity_seconds(certificate).ok_or_else(bad)?;
    let at = if begins <= ends { now.as_secs().clamp(begins, ends) } else { return Err(bad()) };
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(at)))
}

impl ClientCertVerifier for NodeVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }
    fn client_auth_mandatory(&self) -> bool {
        false
    }
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> std::result::Result<ClientCertVerified, rustls::Error> {
        self.0.verify_client_cert(end_entity, intermediates, within_life(end_entity, now)?)
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Settings for the node port.
///
/// # Errors
/// The root certificate is damaged.
pub fn node_port(certificate: Arc<ServerCertificate>, root: &CertificateDer<'static>) -> Result<Arc<ServerConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).map_err(Error::internal)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()
        .map_err(Error::internal)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Error::internal)?
        .with_client_cert_verifier(Arc::new(NodeVerifier(verifier)))
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A node reconnects rarely and proves its key each time: tickets would only cost memory per connection.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Settings for the admin port away from loopback.
///
/// # Errors
/// The system's TLS refuses the settings.
pub fn admin_port(certificate: Arc<ServerCertificate>) -> Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests;
