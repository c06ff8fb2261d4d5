//! The floor's certificate authority, of the same shape as the manager's: a root, and an issuing one that signs.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use time::{Duration, OffsetDateTime};

use crate::error::Result;
use crate::load::tls::{SERVER_NAME, pin_of_key};

pub struct Authority {
    pub root: CertificateDer<'static>,
    pub root_pin: String,
    issuing: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn generate_key() -> Result<KeyPair> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

fn parameters(name: &str, is_ca: IsCa, usage: Vec<KeyUsagePurpose>) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = OffsetDateTime::now_utc() - Duration::minutes(5);
    parameters.not_after = OffsetDateTime::now_utc() + Duration::days(1);
    parameters.serial_number = Some(SerialNumber::from_slice(&rand::random::<[u8; 16]>().map(|byte| byte & 0x7f)));
    parameters.is_ca = is_ca;
    parameters.key_usages = usage;
    parameters
}

impl Authority {
    pub fn generate() -> Result<Self> {
        let signs = || vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root_key = generate_key()?;
        let root = parameters("floor root", IsCa::Ca(BasicConstraints::Constrained(1)), signs());
        let root_certificate = root.self_signed(&root_key)?;
        let issuing_key = generate_key()?;
        let issuing = parameters("floor issuing", IsCa::Ca(BasicConstraints::Constrained(0)), signs());
        let issuing_certificate = issuing.signed_by(&issuing_key, &Issuer::from_params(&root, &root_key))?;
        Ok(Self {
            root: root_certificate.der().clone(),
            root_pin: pin_of_key(&root_key),
            issuing: issuing_certificate.der().clone(),
            issuer: Issuer::new(issuing, issuing_key),
        })
    }

    /// Verifies a request and signs a certificate for its key.
    pub fn sign(&self, name: &str, request: &[u8]) -> Result<Vec<Vec<u8>>> {
        let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))?;
        let mut leaf = parameters(name, IsCa::ExplicitNoCa, vec![KeyUsagePurpose::DigitalSignature]);
        leaf.subject_alt_names = vec![SanType::URI(format!("spiffe://floor/node/{name}").try_into()?)];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = leaf.signed_by(&request.public_key, &self.issuer)?;
        Ok(vec![certificate.der().to_vec(), self.issuing.to_vec()])
    }

    /// The manager's settings of its node port: ring, TLS 1.3, client certificates asked for, no tickets.
    pub fn tls(&self, client_root: &CertificateDer<'static>) -> Result<Arc<ServerConfig>> {
        let key = generate_key()?;
        let mut leaf = parameters("floor", IsCa::ExplicitNoCa, vec![KeyUsagePurpose::DigitalSignature]);
        leaf.subject_alt_names = vec![SanType::DnsName(SERVER_NAME.try_into()?)];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = leaf.signed_by(&key, &self.issuer)?;
        let chain = vec![certificate.der().clone(), self.issuing.clone(), self.root.clone()];
        let mut roots = RootCertStore::empty();
        roots.add(client_root.clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // Not required, because joins come without one.
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}
