//! The private certificate authority: a root that join tokens pin, and under it the issuing authority that signs.

use std::fmt;

use atoll_domain::id::{Digest, NodeId};
use atoll_domain::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use crate::clock;
use crate::error::{Error, Result};

/// The name that every node expects its manager to prove, whatever address it is reached at.
pub const MANAGER_NAME: &str = "manager.atoll.internal";

const DAY_MS: i64 = 86_400_000;
const ROOT_LIFETIME_MS: i64 = 3_650 * DAY_MS;
const ISSUING_LIFETIME_MS: i64 = 1_825 * DAY_MS;
const SERVER_LIFETIME_MS: i64 = 90 * DAY_MS;
/// Certificates begin a little in the past, for nodes whose clock is behind; short ones by less, since nodes renew at
/// half of the whole span.
const BACKDATE_MS: i64 = 5 * 60_000;

/// Keys and certificates of a new authority, in DER.
pub struct NewAuthority {
    pub root_key: Vec<u8>,
    pub root_certificate: Vec<u8>,
    pub issuing_key: Vec<u8>,
    pub issuing_certificate: Vec<u8>,
}

impl NewAuthority {
    /// Makes a root and an issuing authority under it.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn generate(now: Timestamp) -> Result<Self> {
        let root_key = generate_key()?;
        let mut root = authority_params("Atoll root", now, ROOT_LIFETIME_MS, BasicConstraints::Constrained(1));
        root.serial_number = Some(serial());
        let root_certificate = root.self_signed(&root_key).map_err(Error::internal)?;
        let issuing_key = generate_key()?;
        let params = authority_params("Atoll issuing", now, ISSUING_LIFETIME_MS, BasicConstraints::Constrained(0));
        let issuer = Issuer::from_params(&root, &root_key);
        let issuing_certificate = params.signed_by(&issuing_key, &issuer).map_err(Error::internal)?;
        Ok(Self {
            root_certificate: root_certificate.der().to_vec(),
            issuing_certificate: issuing_certificate.der().to_vec(),
            root_key: root_key.serialize_der(),
            issuing_key: issuing_key.serialize_der(),
        })
    }
}

/// Signs the certificates of nodes and of the manager itself.
pub struct Authority {
    root: CertificateDer<'static>,
    issuing: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    root_pin: Digest,
    /// When the issuing certificate ends: nothing that it signs lives longer.
    issuing_ends: Timestamp,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Authority").field("root_pin", &self.root_pin).finish_non_exhaustive()
    }
}

/// A certificate that was just signed.
#[derive(Debug)]
pub struct Issued {
    /// Its own certificate first, then the issuing one.
    pub chain: Vec<Vec<u8>>,
    /// Serial number in hexadecimal digits.
    pub serial: String,
    /// SHA-256 of its subject public key info: whoever calls with the certificate has proved this key.
    pub key: Digest,
    pub expires: Timestamp,
}

impl Authority {
    /// Takes up an authority that was stored.
    ///
    /// # Errors
    /// A stored certificate or key is damaged.
    pub fn load(root: Vec<u8>, issuing: Vec<u8>, issuing_key: &[u8]) -> Result<Self> {
        let key = KeyPair::try_from(issuing_key).map_err(Error::internal)?;
        let issuing = CertificateDer::from(issuing);
        let issuer = Issuer::from_ca_cert_der(&issuing, key).map_err(Error::internal)?;
        let root_pin = public_key_pin(&root)?;
        let ends = |certificate: &[u8]| validity_seconds(certificate).map(|(_, ends)| ends);
        let (root_ends, own_ends) = (ends(&root), ends(&issuing));
        let (Some(root_ends), Some(own_ends)) = (root_ends, own_ends) else {
            return Err(Error::internal("a stored certificate of the authority does not say when it ends"));
        };
        let issuing_ends = Timestamp(i64::try_from(root_ends.min(own_ends)).unwrap_or(i64::MAX / 1000) * 1000);
        Ok(Self { root: CertificateDer::from(root), issuing, issuer, root_pin, issuing_ends })
    }

    /// The end of a certificate that is to live for so long: a leaf never outlives its issuer.
    fn end_of(&self, now: Timestamp, lifetime_ms: i64) -> Result<Timestamp> {
        if self.issuing_ends <= now {
            return Err(Error::precondition(
                "AUTHORITY_EXPIRED",
                "the manager's issuing certificate has run out, so it cannot sign; check the manager's clock first",
            ));
        }
        Ok(now.plus_ms(lifetime_ms).min(self.issuing_ends))
    }

    #[must_use]
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// SHA-256 of the root's subject public key info: what join tokens pin.
    #[must_use]
    pub fn root_pin(&self) -> Digest {
        self.root_pin
    }

    /// Signs a node's certificate. Only the public key is taken from the request, and the request proves that the node
    /// holds the private one (RFC 2986).
    ///
    /// # Errors
    /// The request is not one, or its signature does not fit.
    pub fn issue_node(&self, node: NodeId, request: &[u8], now: Timestamp, lifetime_ms: i64) -> Result<Issued> {
        let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request)).map_err(
            |error| {
                Error::invalid("BAD_CERTIFICATE_REQUEST", "the certificate request is not valid PKCS #10 in DER")
                    .with_context(error)
            },
        )?;
        let expires = self.end_of(now, lifetime_ms)?;
        let mut params = leaf_params(&format!("node {node}"), now, expires.ms_since(now));
        let uri = format!("spiffe://atoll/node/{node}");
        params.subject_alt_names = vec![SanType::URI(uri.try_into().map_err(Error::internal)?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&request.public_key, &self.issuer).map_err(Error::internal)?;
        let serial = params.serial_number.as_ref().map(|serial| hex::encode(serial.to_bytes())).unwrap_or_default();
        Ok(Issued {
            chain: vec![certificate.der().to_vec(), self.issuing.to_vec()],
            serial,
            key: public_key_pin(certificate.der())?,
            expires,
        })
    }

    /// Signs a certificate for one of the manager's own ports, with a fresh key. The root goes along, so that a node
    /// that knows only its pin can check the chain.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn issue_server(
        &self,
        names: &[String],
        now: Timestamp,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let key = generate_key()?;
        let lifetime_ms = self.end_of(now, SERVER_LIFETIME_MS)?.ms_since(now);
        let mut params = leaf_params("Atoll manager", now, lifetime_ms);
        let mut all = vec![MANAGER_NAME.to_owned(), "localhost".to_owned()];
        all.extend(names.iter().cloned());
        params.subject_alt_names = all.iter().map(|name| subject_name(name)).collect::<Result<_>>()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(Error::internal)?;
        let chain = vec![certificate.der().clone(), self.issuing.clone(), self.root.clone()];
        Ok((chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
    }
}

fn subject_name(name: &str) -> Result<SanType> {
    if let Ok(address) = name.parse() {
        return Ok(SanType::IpAddress(address));
    }
    Ok(SanType::DnsName(name.to_owned().try_into().map_err(Error::internal)?))
}

fn generate_key() -> Result<KeyPair> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::internal)
}

/// RFC 5280 section 4.1.2.2: positive, at most 20 octets; ours are 16 random ones.
fn serial() -> SerialNumber {
    let mut bytes: [u8; 16] = clock::random();
    bytes[0] &= 0x7f;
    bytes[0] |= 0x40;
    SerialNumber::from_slice(&bytes)
}

fn params_for(name: &str, now: Timestamp, lifetime_ms: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.not_before = instant(now.plus_ms(-BACKDATE_MS.min(lifetime_ms / 10)));
    params.not_after = instant(now.plus_ms(lifetime_ms));
    params.serial_number = Some(serial());
    params
}

fn authority_params(name: &str, now: Timestamp, lifetime_ms: i64, depth: BasicConstraints) -> CertificateParams {
    let mut params = params_for(name, now, lifetime_ms);
    params.is_ca = IsCa::Ca(depth);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf_params(name: &str, now: Timestamp, lifetime_ms: i64) -> CertificateParams {
    let mut params = params_for(name, now, lifetime_ms);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

fn instant(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// SHA-256 of a certificate's subject public key info.
fn public_key_pin(certificate: &[u8]) -> Result<Digest> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(Error::internal)?;
    Ok(Digest::of(parsed.public_key().raw))
}

/// What a client certificate says of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCertificate {
    pub node: NodeId,
    pub serial: String,
    /// SHA-256 of the subject public key info. The handshake has proved that the caller holds the private half.
    pub key: Digest,
    pub begins: Timestamp,
    pub expires: Timestamp,
}

/// The first and the last second of a certificate's life, since 1970 (RFC 5280 section 4.1.2.5: both count).
#[must_use]
pub fn validity_seconds(certificate: &[u8]) -> Option<(u64, u64)> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let seconds = |at: x509_parser::time::ASN1Time| u64::try_from(at.timestamp()).ok();
    Some((seconds(parsed.validity().not_before)?, seconds(parsed.validity().not_after)?))
}

/// Reads a verified client certificate. `None` for one that is not a node's.
#[must_use]
pub fn read_node_certificate(certificate: &[u8]) -> Option<NodeCertificate> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let names = parsed.subject_alternative_name().ok()??;
    let node = names.value.general_names.iter().find_map(|name| match name {
        x509_parser::extensions::GeneralName::URI(uri) => uri.strip_prefix("spiffe://atoll/node/")?.parse().ok(),
        _ => None,
    })?;
    let at = |instant: x509_parser::time::ASN1Time| Timestamp(instant.timestamp().saturating_mul(1000));
    Some(NodeCertificate {
        node,
        serial: hex::encode(parsed.raw_serial()),
        key: Digest::of(parsed.public_key().raw),
        begins: at(parsed.validity().not_before),
        expires: at(parsed.validity().not_after),
    })
}
