//! Becoming a node: keys are made here, the manager's root is checked against the token, and asking twice is safe.

use std::path::{Path, PathBuf};

use atoll_domain::fleet::enrolment::{JoinStatement, JoinToken};
use atoll_domain::fleet::name::NodeName;
use atoll_domain::id::NodeId;
use atoll_proto::v1::{JoinRequest, JoinResponse};
use tokio::time::timeout;

use crate::channel::{self, CALL_TIMEOUT};
use crate::identity::{Hex, Identity, Membership};
use crate::link::refusal;
use crate::store::Store;
use crate::{NodeError, file, tls};

/// What joining needs.
#[derive(Debug, Clone)]
pub struct JoinOptions {
    /// Where the node keeps everything. Made with mode 0700 if it is not there.
    pub data_directory: PathBuf,
    /// What an administrator handed out.
    pub token: JoinToken,
    /// The name that the node wishes to have in the fleet.
    pub name: String,
    /// Name and version of the program, for people.
    pub program: String,
}

impl JoinOptions {
    /// Options for a program that does not say who it is.
    pub fn new(data_directory: impl Into<PathBuf>, token: JoinToken, name: impl Into<String>) -> Self {
        let program = crate::node::PROGRAM.to_owned();
        Self { data_directory: data_directory.into(), token, name: name.into(), program }
    }
}

/// What came of joining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The node's id, for ever.
    pub node_id: NodeId,
    /// The home group, as it was when the node joined.
    pub group: String,
    /// The directory was a node of this manager before; nothing was asked.
    pub already: bool,
}

/// Makes this server a node. Doing it again, after a failure or a success, is safe.
///
/// # Errors
/// Says what is wrong and what to do; whatever was stored makes the next attempt ask for the same node.
pub async fn join(options: JoinOptions) -> Result<Joined, NodeError> {
    let name: NodeName = options.name.parse()?;
    let directory = options.data_directory.as_path();
    file::create_private_directory(directory).map_err(|error| NodeError::file(directory, &error))?;
    if let Some(identity) = Identity::load(directory)?
        && let Some(membership) = identity.membership.clone()
    {
        return already(directory, identity, &membership, &options.token);
    }
    // Held until the end: two joins at once would make two nodes of one directory.
    let _lock = Store::open(directory)?;
    let mut identity = prepared(directory, &options.token)?;
    let membership = ask(&identity, &options, &name).await?;
    let joined = Joined { node_id: membership.node_id, group: membership.group.to_string(), already: false };
    identity.membership = Some(membership);
    identity.save(directory)?;
    Ok(joined)
}

fn already(
    directory: &Path,
    mut identity: Identity,
    membership: &Membership,
    token: &JoinToken,
) -> Result<Joined, NodeError> {
    if identity.root_pin != token.root_pin {
        return Err(NodeError::OtherFleet(directory.to_owned()));
    }
    if identity.manager_address != token.address {
        // The manager has moved. A running node would overwrite the file, so it must not run.
        let _lock = Store::open(directory)?;
        identity.manager_address.clone_from(&token.address);
        identity.save(directory)?;
    }
    Ok(Joined { node_id: membership.node_id, group: membership.group.to_string(), already: true })
}

/// The keys of an earlier attempt, or fresh ones; on the disk before anybody is asked.
fn prepared(directory: &Path, token: &JoinToken) -> Result<Identity, NodeError> {
    let identity = match Identity::load(directory)?.filter(|found| found.root_pin == token.root_pin) {
        Some(found) => Identity { manager_address: token.address.clone(), ..found },
        None => Identity::generate(token.address.clone(), token.root_pin)?,
    };
    identity.save(directory)?;
    Ok(identity)
}

async fn ask(identity: &Identity, options: &JoinOptions, name: &NodeName) -> Result<Membership, NodeError> {
    let request = request(identity, options, name)?;
    let mut client = channel::connect(identity, false).await?;
    let response = timeout(CALL_TIMEOUT, client.join(request)).await.map_err(|_| NodeError::Unreachable {
        address: identity.manager_address.clone(),
        reason: "it did not answer in time".to_owned(),
    })?;
    let response = response.map_err(|status| refusal(&status, &identity.manager_address))?;
    accept(identity, name, response.into_inner())
}

fn request(identity: &Identity, options: &JoinOptions, name: &NodeName) -> Result<JoinRequest, NodeError> {
    let signing = identity.signing_key()?;
    let identity_key = signing.verifying_key().to_bytes();
    let sealing_key = identity.sealing_key()?.public();
    let certificate_request = tls::certificate_request(&identity.tls_key, name.as_str())?;
    let statement = JoinStatement {
        token: options.token.id,
        name: name.as_str(),
        certificate_request: &certificate_request,
        identity_key: &identity_key,
        sealing_key: &sealing_key,
    };
    let proof = statement.sign(&signing).to_vec();
    Ok(JoinRequest {
        protocol_version: atoll_proto::PROTOCOL_VERSION,
        token_id: options.token.id.to_string(),
        token_secret: options.token.secret.reveal(),
        name: name.to_string(),
        certificate_request,
        identity_key: identity_key.to_vec(),
        sealing_key: sealing_key.to_vec(),
        proof,
        agent_version: options.program.clone(),
    })
}

/// Believes an answer only as far as it can be checked.
fn accept(identity: &Identity, name: &NodeName, answer: JoinResponse) -> Result<Membership, NodeError> {
    let bad = |text: &str| NodeError::BadAnswer(text.to_owned());
    if tls::pin_of(&answer.root_certificate) != Some(identity.root_pin) {
        return Err(bad("its root certificate is not the one that the join token names"));
    }
    tls::check_chain(&answer.certificate_chain, &identity.tls_key)?;
    let membership = Membership {
        node_id: answer.node_id.parse().map_err(|_| bad("the node id is not one"))?,
        name: name.to_string(),
        group: answer.group.parse()?,
        certificate_chain: answer.certificate_chain.into_iter().map(Hex).collect(),
        root_certificate: Hex(answer.root_certificate),
        document_key: Hex(answer.document_key),
        manager_sealing_key: Hex(answer.sealing_key),
        manager_epoch: answer.manager_epoch.parse().map_err(|_| bad("the manager epoch is not one"))?,
    };
    membership.document_key()?;
    atoll_domain::secret::public_sealing_key(&membership.manager_sealing_key.0)
        .map_err(|_| bad("the manager's sealing key is not a key"))?;
    Ok(membership)
}

#[cfg(test)]
mod tests {
    use atoll_domain::fleet::enrolment::JoinSecret;
    use atoll_domain::id::{Digest, TokenId};

    use super::*;

    fn token(address: &str, root: &[u8]) -> JoinToken {
        JoinToken {
            address: address.to_owned(),
            root_pin: Digest::of(root),
            id: TokenId(uuid::Uuid::from_u128(1)),
            secret: JoinSecret::new([1; 32]),
        }
    }

    #[tokio::test]
    async fn a_join_that_failed_is_tried_again_with_the_same_keys() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("node");
        // Nobody listens on port 1.
        let options = JoinOptions::new(&data, token("127.0.0.1:1", b"root"), "web-1");
        let first = join(options.clone()).await.unwrap_err();
        assert!(first.is_temporary(), "{first}");
        let before = Identity::load(&data).unwrap().unwrap();
        join(options).await.unwrap_err();
        let after = Identity::load(&data).unwrap().unwrap();
        assert_eq!(before, after);

        // The manager has moved: the same node asks there.
        join(JoinOptions::new(&data, token("127.0.0.1:2", b"root"), "web-1")).await.unwrap_err();
        let moved = Identity::load(&data).unwrap().unwrap();
        assert_eq!((moved.identity_seed, moved.manager_address.as_str()), (before.identity_seed, "127.0.0.1:2"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn keys_are_for_their_owner_only_and_never_print() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("node");
        join(JoinOptions::new(&data, token("127.0.0.1:1", b"root"), "web-1")).await.unwrap_err();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data), mode(&crate::identity::path(&data))), (0o700, 0o600));
        let identity = Identity::load(&data).unwrap().unwrap();
        assert!(!format!("{identity:?}").contains(&hex::encode(&*identity.identity_seed.0)));
    }

    #[tokio::test]
    async fn a_directory_of_another_fleet_is_refused_and_of_this_one_is_fine() {
        let directory = tempfile::tempdir().unwrap();
        let mut identity = Identity::generate("m:1".to_owned(), Digest::of(b"root")).unwrap();
        identity.membership = Some(crate::state::tests::membership());
        identity.save(directory.path()).unwrap();
        let again = join(JoinOptions::new(directory.path(), token("m:1", b"root"), "web-1")).await.unwrap();
        assert!(again.already);
        let other = join(JoinOptions::new(directory.path(), token("m:1", b"other"), "web-1")).await.unwrap_err();
        assert!(matches!(other, NodeError::OtherFleet(_)), "{other}");
    }
}
