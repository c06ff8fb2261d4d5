//! Who gets through a handshake on the node port: every mix of a chain's makers, times and usages.

use std::io::{Read as _, Write as _};
use std::sync::LazyLock;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ServerConnection};
use time::{Duration as Span, OffsetDateTime};

use super::*;
use crate::authority::{NodeCertificate, read_node_certificate};

mod accept;

const NODE: &str = "spiffe://atoll/node/01890a5d-ac96-774b-bcce-b302099a8057";

/// One moment for all, so that two certificates that end together end in the same second.
static NOW: LazyLock<OffsetDateTime> = LazyLock::new(OffsetDateTime::now_utc);

/// When a certificate is good, as seen from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Over,
    Present,
    ToCome,
}

const LIVES: [Life; 3] = [Life::Over, Life::Present, Life::ToCome];

impl Life {
    fn days(self) -> (i64, i64) {
        match self {
            Self::Over => (-30, -10),
            Self::Present => (-5, 5),
            Self::ToCome => (10, 30),
        }
    }
}

struct Authority {
    root: CertificateParams,
    root_key: KeyPair,
    root_der: CertificateDer<'static>,
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn params(name: &str, (from, to): (i64, i64)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    (params.not_before, params.not_after) = (*NOW + Span::days(from), *NOW + Span::days(to));
    params
}

fn authority_params(name: &str, life: (i64, i64), depth: u8) -> CertificateParams {
    let mut params = params(name, life);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(depth));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

impl Authority {
    fn new() -> Self {
        let (root, root_key) = (authority_params("Atoll root", (-3_000, 3_000), 1), key());
        let root_der = root.self_signed(&root_key).unwrap().der().clone();
        Self { root, root_key, root_der }
    }

    /// A leaf with its chain and key; `days` are the lives of leaf and intermediate.
    fn chain(&self, leaf: (i64, i64), issuing: (i64, i64), usage: ExtendedKeyUsagePurpose) -> Shown {
        let (issuing, issuing_key) = (authority_params("Atoll issuing", issuing, 0), key());
        let issuing_der = issuing.signed_by(&issuing_key, &Issuer::from_params(&self.root, &self.root_key)).unwrap();
        let mut params = params("node", leaf);
        params.subject_alt_names = vec![SanType::URI(NODE.try_into().unwrap())];
        params.extended_key_usages = vec![usage];
        params.is_ca = IsCa::ExplicitNoCa;
        let key = key();
        let leaf = params.signed_by(&key, &Issuer::from_params(&issuing, &issuing_key)).unwrap();
        Shown { chain: vec![leaf.der().clone(), issuing_der.der().clone()], key }
    }
}

struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

/// What a hostile client does: it takes any server.
#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn client_config(shown: &Shown) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_client_auth_cert(shown.chain.clone(), PrivatePkcs8KeyDer::from(shown.key.serialize_der()).into())
        .unwrap()
}

/// Runs a whole handshake with the node port's own settings. Answers the certificate that the port then knows.
fn handshake_with(port: &Arc<ServerConfig>, shown: &Shown) -> std::result::Result<Vec<u8>, rustls::Error> {
    let config = client_config(shown);
    let mut client = ClientConnection::new(Arc::new(config), "manager.atoll.internal".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::clone(port)).unwrap();
    client.writer().write_all(b"hello").unwrap();
    for _ in 0..10 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
        let mut said = [0; 5];
        if server.reader().read(&mut said).is_ok_and(|length| length == 5) {
            return Ok(server.peer_certificates().unwrap()[0].to_vec());
        }
    }
    Err(rustls::Error::General("the handshake did not end".to_owned()))
}

fn port(root: &CertificateDer<'static>) -> Arc<ServerConfig> {
    let other = Authority::new().chain((-1, 1), (-1, 1), ExtendedKeyUsagePurpose::ServerAuth);
    let key = PrivatePkcs8KeyDer::from(other.key.serialize_der()).into();
    node_port(Arc::new(ServerCertificate::new(other.chain, &key).unwrap()), root).unwrap()
}

/// The rule, in words: our root, a client's usage, and an issuer that was good when the leaf was, at the moment of the
/// leaf's life nearest to now. The leaf's own time is for the call to judge.
#[test]
fn a_chain_passes_only_if_our_root_stands_behind_it_whatever_its_times_are() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let port = port(&ours.root_der);
    for leaf in LIVES {
        for issuing in LIVES {
            for usage in [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth] {
                for (authority, is_ours) in [(&ours, true), (&foreign, false)] {
                    let shown = authority.chain(leaf.days(), issuing.days(), usage.clone());
                    let passed = handshake_with(&port, &shown);
                    let expected = is_ours && usage == ExtendedKeyUsagePurpose::ClientAuth && leaf == issuing;
                    let case = format!("ours: {is_ours}, leaf {leaf:?}, issuer {issuing:?}, {usage:?}");
                    assert_eq!(passed.is_ok(), expected, "{case}: {passed:?}");
                }
            }
        }
    }
}

#[test]
fn a_node_that_was_off_for_weeks_gets_through_to_be_told_that_it_has_to_recover() {
    let ours = Authority::new();
    let shown = ours.chain((-60, -50), (-1_000, 800), ExtendedKeyUsagePurpose::ClientAuth);
    let seen = handshake_with(&port(&ours.root_der), &shown).unwrap();
    let certificate = read_node_certificate(&seen).unwrap();
    assert!(certificate.expires < crate::clock::now(), "the call sees that it has run out");
    // So does one that was issued by a manager whose clock ran ahead.
    let shown = ours.chain((5, 10), (-1_000, 800), ExtendedKeyUsagePurpose::ClientAuth);
    let seen = handshake_with(&port(&ours.root_der), &shown).unwrap();
    assert!(read_node_certificate(&seen).unwrap().begins > crate::clock::now());
}

/// The forged chain that once passed: a foreign root of our root's name, an intermediate that has run out, and a leaf
/// with the node's id. And its relatives: our issuer's own certificate under a foreign leaf, and no issuer at all.
#[test]
fn a_foreign_leaf_never_borrows_our_issuer() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let port = port(&ours.root_der);
    let good = ours.chain((-5, 5), (-5, 5), ExtendedKeyUsagePurpose::ClientAuth);
    for life in [(-60, -50), (-5, 5), (5, 60)] {
        let forged = foreign.chain(life, (-1_000, -10), ExtendedKeyUsagePurpose::ClientAuth);
        for intermediates in [forged.chain[1..].to_vec(), good.chain[1..].to_vec(), Vec::new()] {
            let chain = forged.chain[..1].iter().cloned().chain(intermediates).collect();
            let shown = Shown { chain, key: KeyPair::try_from(forged.key.serialize_der()).unwrap() };
            handshake_with(&port, &shown).unwrap_err();
        }
    }
}

/// A call is bound to the key that the handshake proved, and not only to a number that everybody can read.
#[test]
fn the_same_serial_number_over_another_key_is_another_certificate() {
    use crate::store::fleet::CertificateRecord;
    let ours = Authority::new();
    let one = ours.chain((-5, 5), (-5, 5), ExtendedKeyUsagePurpose::ClientAuth);
    let certificate = read_node_certificate(&one.chain[0]).unwrap();
    let serial = certificate.serial.clone();
    let known = CertificateRecord { serial: serial.clone(), key: Some(certificate.key) };
    assert!(known.is(&certificate));
    let other = NodeCertificate { key: atoll_domain::id::Digest::of(b"another key"), ..certificate.clone() };
    assert!(!known.is(&other));
    // Issued before the key was recorded: the number over a verified chain counts until it is renewed.
    assert!(CertificateRecord { serial, key: None }.is(&other));
}

#[test]
fn a_leaf_never_outlives_its_issuer() {
    let now = crate::clock::now();
    let made = crate::authority::NewAuthority::generate(now).unwrap();
    let authority = crate::authority::Authority::load(
        made.root_certificate.clone(),
        made.issuing_certificate.clone(),
        &made.issuing_key,
    )
    .unwrap();
    let (_, issuer_ends) = validity_seconds(&made.issuing_certificate).unwrap();
    let years = now.plus_ms(4 * 365 * 86_400_000);
    let key = key();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    let node = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let issued = authority.issue_node(node, request.der(), years, 3 * 365 * 86_400_000).unwrap();
    let (_, ends) = validity_seconds(&issued.chain[0]).unwrap();
    assert_eq!(ends, issuer_ends);
    assert_eq!(u64::try_from(issued.expires.0 / 1000).unwrap(), issuer_ends);
    let (chain, _) = authority.issue_server(&[], years.plus_ms(364 * 86_400_000)).unwrap();
    assert!(validity_seconds(&chain[0]).unwrap().1 <= issuer_ends);
    let late = now.plus_ms(6 * 365 * 86_400_000);
    assert_eq!(authority.issue_node(node, request.der(), late, 1_000).unwrap_err().reason, "AUTHORITY_EXPIRED");
}
