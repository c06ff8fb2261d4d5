//! Certificates and how the manager's is verified: by its root's key, never by names or public authorities.

use std::sync::Arc;

use atoll_domain::id::Digest;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::NodeError;
use crate::clock;
use crate::identity::{Identity, SecretBytes, Validity};
use atoll_domain::time::Timestamp;

/// The name in every manager's certificate. What proves the manager is its root's key, so one name serves all.
pub(crate) const MANAGER_NAME: &str = "manager.atoll.internal";

/// A fresh P-256 key in PKCS #8.
pub(crate) fn generate_key() -> Result<SecretBytes, NodeError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| NodeError::Keys(error.to_string()))?;
    Ok(SecretBytes(Zeroizing::new(key.serialize_der())))
}

fn read_key(key: &SecretBytes) -> Result<KeyPair, NodeError> {
    let der = PrivatePkcs8KeyDer::from(key.0.as_slice());
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256)
        .map_err(|error| NodeError::Keys(error.to_string()))
}

/// A PKCS #10 request for a key. The manager takes only the public key from it.
pub(crate) fn certificate_request(key: &SecretBytes, name: &str) -> Result<Vec<u8>, NodeError> {
    let failed = |error: rcgen::Error| NodeError::Keys(error.to_string());
    let mut parameters = CertificateParams::new(Vec::<String>::new()).map_err(failed)?;
    parameters.distinguished_name.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    let request = parameters.serialize_request(&read_key(key)?).map_err(failed)?;
    Ok(request.der().to_vec())
}

/// Checks that a chain begins with a certificate for our own key and that we can read when it ends.
pub(crate) fn check_chain(chain: &[Vec<u8>], key: &SecretBytes) -> Result<(), NodeError> {
    let bad = |text: &str| NodeError::BadAnswer(text.to_owned());
    let own = chain.first().ok_or_else(|| bad("it contains no certificate"))?;
    let (_, certificate) = X509Certificate::from_der(own).map_err(|_| bad("the certificate cannot be read"))?;
    if certificate.public_key().raw != read_key(key)?.subject_public_key_info() {
        return Err(bad("the certificate is for another key than this node's"));
    }
    Ok(())
}

/// SHA-256 of a certificate's subject public key info: what tokens pin.
pub(crate) fn pin_of(certificate: &[u8]) -> Option<Digest> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(Digest::of(certificate.public_key().raw))
}

pub(crate) fn validity(certificate: &[u8]) -> Option<Validity> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let ms = |seconds: i64| Timestamp(seconds.saturating_mul(1000));
    let validity = certificate.validity();
    Some(Validity { not_before: ms(validity.not_before.timestamp()), not_after: ms(validity.not_after.timestamp()) })
}

/// Whether the node's certificate is still good. One about to end is treated as ended: a call must not outlive it.
pub(crate) fn certificate_is_valid(identity: &Identity) -> bool {
    const MARGIN_MS: i64 = 5_000;
    let validity = identity.membership.as_ref().and_then(super::identity::Membership::validity);
    validity.is_some_and(|validity| {
        let margin_ms = MARGIN_MS.min(validity.not_after.ms_since(validity.not_before) / 10);
        validity.not_after.ms_since(clock::now()) > margin_ms
    })
}

/// The client's side of TLS; with the node's certificate where it is wanted and there is a valid one.
pub(crate) fn client_config(identity: &Identity, with_certificate: bool) -> Result<ClientConfig, NodeError> {
    let failed = |error: Error| NodeError::Keys(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = PinnedVerifier { pin: identity.root_pin, provider: Arc::clone(&provider) };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let chain = identity.membership.as_ref().filter(|_| with_certificate && certificate_is_valid(identity));
    let mut config = match chain {
        Some(membership) => {
            let chain = membership.certificate_chain.iter().map(|der| CertificateDer::from(der.0.clone())).collect();
            let key = PrivatePkcs8KeyDer::from(identity.tls_key.0.to_vec());
            builder.with_client_auth_cert(chain, key.into()).map_err(failed)?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// Accepts a chain only if it contains the root whose key is pinned and verifies up to it.
#[derive(Debug)]
struct PinnedVerifier {
    pin: Digest,
    provider: Arc<CryptoProvider>,
}

impl PinnedVerifier {
    fn verifier_for(&self, root: &CertificateDer<'_>) -> Result<Arc<WebPkiServerVerifier>, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let root = intermediates.iter().find(|certificate| pin_of(certificate) == Some(self.pin)).ok_or_else(|| {
            Error::General(
                "the server does not show the root key that the join token names; it is not your manager, or the token is of another one"
                    .to_owned(),
            )
        })?;
        self.verifier_for(root)?.verify_server_cert(leaf, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
