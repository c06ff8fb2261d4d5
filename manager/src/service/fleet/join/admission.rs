//! Everybody who waits to be admitted, in one transaction.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atoll_domain::fleet::name::folded;
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::{Digest, NodeId, TokenId};
use atoll_domain::time::Timestamp;
use serde_json::json;
use tokio::sync::oneshot;

use super::{JoinWish, bad_token, issue};
use crate::authority::Issued;
use crate::error::{Error, ErrorKind, Result};
use crate::service::fleet::credential;
use crate::service::fleet::node::check_script;
use crate::service::sharing::membership;
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::fleet::{
    CertificateRecord, JoinTokenRecord, NodeRecord, join_token_use, join_tokens_locked, node_create_many,
    node_keys_taken, nodes_with_identities,
};

/// Nodes admitted in one transaction.
const BATCH_LIMIT: usize = 256;
/// Where several came together, more are on their way: so long the next transaction waits for them. A transaction costs the
/// same for one node as for many, and whoever comes alone waits for nobody.
const GATHER: Duration = Duration::from_millis(5);
/// Nodes that may wait. Each holds an open call; past it they are told to come back.
const WAITING_LIMIT: usize = 8_192;

/// Somebody whose token and proof are good, with the certificate it would get as a new node.
#[derive(Debug)]
pub(super) struct Candidate {
    pub wish: JoinWish,
    pub id: NodeId,
    pub issued: Issued,
    pub now: Timestamp,
}

type Answer = Result<(NodeRecord, Issued)>;

#[derive(Debug)]
struct Waiting {
    candidate: Candidate,
    answer: oneshot::Sender<Answer>,
}

/// Those who wait, and whose turn it is to admit them.
#[derive(Debug, Default)]
pub struct Admissions {
    waiting: Mutex<VecDeque<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

impl Admissions {
    fn push(&self, waiting: Waiting) -> Result<()> {
        let mut queue = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= WAITING_LIMIT {
            let text = "too many nodes are joining at this moment; try again in a minute";
            return Err(Error::new(ErrorKind::Exhausted, "TOO_MANY_JOINS", text));
        }
        queue.push_back(waiting);
        Ok(())
    }

    /// The next ones. Of two wishes of one node the later waits for the next batch, where it finds the earlier.
    fn take(&self) -> Vec<Waiting> {
        let mut queue = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch: Vec<Waiting> = Vec::new();
        let mut keys = BTreeSet::new();
        while batch.len() < BATCH_LIMIT {
            let is_again = queue.front().is_some_and(|next| keys.contains(&next.candidate.wish.identity_key));
            if is_again {
                break;
            }
            let Some(next) = queue.pop_front() else { break };
            keys.insert(next.candidate.wish.identity_key.clone());
            batch.push(next);
        }
        batch
    }
}

/// Waits to be admitted. The transaction runs on its own: a caller that hangs up takes nobody else down with it.
pub(super) async fn admit(services: &Arc<Services>, candidate: Candidate) -> Answer {
    let (answer, answered) = oneshot::channel();
    services.admissions.push(Waiting { candidate, answer })?;
    tokio::spawn(drain(Arc::clone(services)));
    answered.await.map_err(|_| Error::internal("an admission ended without an answer"))?
}

async fn drain(services: Arc<Services>) {
    let _turn = services.admissions.turn.lock().await;
    let mut came_together = false;
    loop {
        if came_together {
            tokio::time::sleep(GATHER).await;
        }
        let batch = services.admissions.take();
        if batch.is_empty() {
            return;
        }
        came_together = batch.len() > 1;
        let (candidates, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.candidate, waiting.answer)).unzip();
        for (answer, result) in answers.into_iter().zip(admit_all(&services, candidates).await) {
            // Whoever hung up asks again with the same keys and is found.
            let _ = answer.send(result);
        }
    }
}

/// One transaction for all; if the database refuses it, one for each, so that everybody gets the answer that is theirs.
async fn admit_all(services: &Services, candidates: Vec<Candidate>) -> Vec<Answer> {
    match try_all(services, &candidates).await {
        Ok(results) => candidates.into_iter().zip(results).map(|(one, result)| finished(one, result)).collect(),
        Err(error) if candidates.len() == 1 => vec![Err(error)],
        Err(error) => {
            tracing::debug!(reason = error.reason, "joins are admitted one by one: {error}");
            let mut answers = Vec::with_capacity(candidates.len());
            for candidate in candidates {
                let result = try_all(services, std::slice::from_ref(&candidate)).await;
                answers.push(result.and_then(|mut results| match results.pop() {
                    Some(result) => finished(candidate, result),
                    None => Err(Error::internal("an admission ended without an answer")),
                }));
            }
            answers
        }
    }
}

fn finished(candidate: Candidate, result: Result<Admitted>) -> Answer {
    result.map(|admitted| (admitted.record, admitted.issued.unwrap_or(candidate.issued)))
}

struct Admitted {
    record: NodeRecord,
    /// Of a node that was known already: signed for its own id.
    issued: Option<Issued>,
}

/// What a batch is decided by, read once for all of it.
struct Known {
    tokens: BTreeMap<TokenId, JoinTokenRecord>,
    nodes: BTreeMap<Vec<u8>, NodeRecord>,
    names: BTreeSet<String>,
}

impl Known {
    async fn read(tx: &Tx, candidates: &[Candidate]) -> Result<Self> {
        let tokens: BTreeSet<TokenId> = candidates.iter().map(|one| one.wish.token).collect();
        let keys: Vec<Vec<u8>> = candidates.iter().map(|one| one.wish.identity_key.clone()).collect();
        let names: Vec<String> = candidates.iter().map(|one| folded(one.wish.name.as_str())).collect();
        Ok(Self {
            tokens: join_tokens_locked(tx, &tokens).await?,
            nodes: nodes_with_identities(tx, keys).await?,
            names: node_keys_taken(tx, &names).await?,
        })
    }

    /// What was remembered of a token before may have been revoked since: this counts, for a repeated wish too.
    fn is_good(&self, token: TokenId) -> bool {
        self.tokens.get(&token).is_some_and(|token| !token.revoked)
    }
}

async fn try_all(services: &Services, candidates: &[Candidate]) -> Result<Vec<Result<Admitted>>> {
    let mut tx = services.store.begin_ordered().await?;
    let mut known = Known::read(&tx, candidates).await?;
    let mut results = Vec::with_capacity(candidates.len());
    let mut admitted = Vec::new();
    let mut uses: BTreeMap<TokenId, u64> = BTreeMap::new();
    for candidate in candidates {
        let result = match known.nodes.remove(&candidate.wish.identity_key) {
            _ if !known.is_good(candidate.wish.token) => Err(bad_token()),
            Some(node) => rejoin(services, &tx, node, candidate).await,
            None => new_node(&mut known, candidate).map(|record| Admitted { record, issued: None }),
        };
        if let Ok(one) = &result {
            record_join(&mut tx, &one.record, candidate);
            if one.issued.is_none() {
                *uses.entry(candidate.wish.token).or_default() += 1;
                admitted.push(one.record.clone());
            }
        }
        results.push(result);
    }
    for (token, count) in uses {
        if !join_token_use(&tx, token, count).await? {
            return Err(Error::internal("a locked join token changed"));
        }
    }
    node_create_many(&tx, &admitted).await?;
    membership::admit_nodes(services, &mut tx, &admitted).await?;
    tx.commit().await?;
    Ok(results)
}

fn record_join(tx: &mut Tx, record: &NodeRecord, candidate: &Candidate) {
    let caller = Caller::node(&record.name, candidate.now);
    let fingerprint = Digest::of(&candidate.wish.identity_key);
    let detail = json!({ "token": candidate.wish.token, "group": record.group, "fingerprint": fingerprint });
    caller.record(tx, "node.join", &record.name, detail);
}

/// The same node asks again: its first answer was lost.
async fn rejoin(services: &Services, tx: &Tx, known: NodeRecord, candidate: &Candidate) -> Result<Admitted> {
    let wish = &candidate.wish;
    if known.standing == NodeStanding::Removed {
        return Err(credential::removed());
    }
    if known.join_token != wish.token {
        return Err(Error::precondition(
            "JOINED_ALREADY",
            format!("this node joined as {} with another token; start it without a token", known.name),
        ));
    }
    let issued = issue(services, known.id, wish, candidate.now)?;
    let record = NodeRecord {
        next_certificate: Some(CertificateRecord::of(&issued)),
        certificate_expires_ms: issued.expires.0,
        sealing_key: wish.sealing_key.clone(),
        ..known
    };
    Ok(Admitted { record: credential::update_certificate(tx, &record).await?, issued: Some(issued) })
}

/// Decides on a new node, and takes its name and a use of its token for the rest of the batch.
fn new_node(known: &mut Known, candidate: &Candidate) -> Result<NodeRecord> {
    let wish = &candidate.wish;
    let token = known.tokens.get_mut(&wish.token).ok_or_else(bad_token)?;
    let key = folded(wish.name.as_str());
    check_script(&wish.name)?;
    let confirmed = match &token.node_name {
        Some(named) if folded(named.as_str()) != key => {
            return Err(Error::unauthenticated(
                "JOIN_TOKEN_OF_ANOTHER",
                format!("the join token is for a node named {named}; join with that name, or ask for another token"),
            ));
        }
        named => named.is_some(),
    };
    if known.names.contains(&key) {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            "NODE_NAME_TAKEN",
            format!("a node named {} is in the fleet already; join with another --name, or remove that one", wish.name),
        ));
    }
    if token.uses >= token.uses_limit {
        return Err(Error::unauthenticated(
            "JOIN_TOKEN_USED_UP",
            format!("the join token was good for {} nodes and they have joined; create a new one", token.uses_limit),
        ));
    }
    token.uses += 1;
    known.names.insert(key.clone());
    Ok(NodeRecord {
        id: candidate.id,
        name: wish.name.clone(),
        group: token.group.clone(),
        labels: token.labels.clone(),
        standing: NodeStanding::Active,
        standing_reason: String::new(),
        standing_since_ms: candidate.now.0,
        joined_ms: candidate.now.0,
        identity_key: wish.identity_key.clone(),
        sealing_key: wish.sealing_key.clone(),
        join_token: wish.token,
        certificate: CertificateRecord::of(&candidate.issued),
        next_certificate: None,
        certificate_expires_ms: candidate.issued.expires.0,
        recoveries: 0,
        name_key: key,
        confirmed,
    })
}
