//! What goes up: the outbox, oldest first, each report until the manager has stored it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use atoll_domain::canonical;
use atoll_domain::document::{Purpose, Report, sign};
use atoll_domain::id::RevisionId;
use atoll_domain::link::node::retry_delay_ms;
use atoll_domain::link::replica::{Replica, Write};
use atoll_proto::v1::node_link_client::NodeLinkClient;
use atoll_proto::v1::{PushRequest, ReportOutcome, ReportResult};
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;

use super::{End, refusal};
use crate::channel::CALL_TIMEOUT;
use crate::node::blocking;
use crate::state::Inner;
use crate::{NodeError, random};

const BATCH_REPORTS: usize = 64;
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// The outbox is looked at this often even if nobody says that something is in it.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// What this connection has learned about the order of delivery.
#[derive(Debug, Default)]
struct Order {
    /// Revisions that the manager asked for: they go before everything else.
    first: BTreeSet<u64>,
    /// Reports that need a revision which this node does not hold either. Tried again with the next connection.
    blocked: BTreeSet<u64>,
    /// Revisions that were returned. One that the manager still asks for afterwards is not sent in a circle.
    returned: BTreeSet<RevisionId>,
}

/// Delivers reports for as long as the connection lasts.
pub(super) async fn deliver(inner: &Arc<Inner>, mut client: NodeLinkClient<Channel>) -> End {
    let mut order = Order::default();
    let mut attempt = 0;
    loop {
        let reports = next_batch(inner, &order);
        if reports.is_empty() {
            tokio::select! {
                () = inner.outbox_wake.notified() => {}
                () = sleep(LOOK_INTERVAL) => {}
            }
            continue;
        }
        let failure = match push(inner, &mut client, reports, &mut order).await {
            Ok(true) => {
                attempt = 0;
                delivery_failure(inner, None);
                continue;
            }
            Ok(false) => "the manager took none of the reports it was sent".to_owned(),
            Err(error) => match End::from(error) {
                End::Failed(reason) => reason,
                end => return end,
            },
        };
        tracing::warn!(reason = failure, "reports could not be delivered; it is tried again");
        delivery_failure(inner, Some(failure));
        sleep(Duration::from_millis(retry_delay_ms(attempt, random::jitter()))).await;
        attempt = attempt.saturating_add(1);
    }
}

fn delivery_failure(inner: &Inner, failure: Option<String>) {
    if inner.link().connection.delivery_failure != failure {
        inner.update_link(|link| link.connection.delivery_failure = failure);
    }
}

/// The next reports to send, signed. Those that others wait for go alone, so that they are stored first.
fn next_batch(inner: &Inner, order: &Order) -> Vec<atoll_proto::v1::Report> {
    let replica = inner.replica();
    let outbox = replica.outbox();
    let urgent: Vec<u64> = order.first.iter().copied().filter(|number| outbox.contains_key(number)).collect();
    let numbers = if urgent.is_empty() {
        outbox.keys().copied().filter(|number| !order.blocked.contains(number)).take(BATCH_REPORTS).collect()
    } else {
        urgent
    };
    let mut batch = Vec::new();
    let mut size_bytes = 0;
    for number in numbers.into_iter().take(BATCH_REPORTS) {
        let Some(report) = outbox.get(&number).and_then(|report| signed(inner, number, report)) else { continue };
        size_bytes += report.report.len() + report.signature.len();
        // One report alone is always sent, whatever its size.
        if size_bytes > BATCH_BYTES && !batch.is_empty() {
            break;
        }
        batch.push(report);
    }
    batch
}

fn signed(inner: &Inner, number: u64, report: &Report) -> Option<atoll_proto::v1::Report> {
    let value = serde_json::to_value(report).ok()?;
    let bytes = canonical::to_bytes(&value);
    let signature = sign(Purpose::Report, &bytes, &inner.signing_key).to_vec();
    Some(atoll_proto::v1::Report { number, report: bytes, signature })
}

/// Sends a batch and settles what was answered. Whether anything moved.
async fn push(
    inner: &Arc<Inner>,
    client: &mut NodeLinkClient<Channel>,
    reports: Vec<atoll_proto::v1::Report>,
    order: &mut Order,
) -> Result<bool, NodeError> {
    let address = inner.identity().manager_address.clone();
    let request = PushRequest { incarnation: inner.identity().incarnation.to_string(), reports };
    let response = timeout(CALL_TIMEOUT, client.push(request)).await.map_err(|_| NodeError::Unreachable {
        address: address.clone(),
        reason: "it did not answer in time".to_owned(),
    })?;
    let results = response.map_err(|status| refusal(&status, &address))?.into_inner().results;
    let returned = order.returned.clone();
    let settled = blocking(inner, move |inner| settle(inner, &results, &returned)).await?;
    order.returned.extend(&settled.returned);
    order.first.retain(|number| !settled.delivered.contains(number));
    order.first.extend(&settled.first);
    order.first.retain(|number| !settled.blocked.contains(number));
    order.blocked.extend(&settled.blocked);
    if !settled.delivered.is_empty() {
        // Somebody else's revision may have arrived by now as well.
        order.blocked.retain(|number| settled.blocked.contains(number));
    }
    let moved = [&settled.delivered, &settled.first, &settled.blocked].iter().any(|numbers| !numbers.is_empty());
    Ok(moved || settled.without_parents > 0)
}

/// What the answers mean for what is sent next.
#[derive(Debug, Default)]
struct Settled {
    delivered: BTreeSet<u64>,
    first: BTreeSet<u64>,
    blocked: BTreeSet<u64>,
    returned: BTreeSet<RevisionId>,
    /// Reports that say now that nobody holds their parents: they can be sent again.
    without_parents: usize,
}

fn settle(inner: &Inner, results: &[ReportResult], returned: &BTreeSet<RevisionId>) -> Result<Settled, NodeError> {
    let settled = inner.change(|replica| Ok(plan_settling(replica, results, returned)))?;
    let texts = |number: &u64| {
        let result = results.iter().find(|result| result.number == *number);
        let missing = result.map(|result| result.missing_revisions.join(", ")).unwrap_or_default();
        format!("the manager needs revisions that this node does not hold either: {missing}")
    };
    inner.update_link(|link| {
        link.blocked.retain(|number, _| !settled.delivered.contains(number));
        link.blocked.extend(settled.blocked.iter().map(|number| (*number, texts(number))));
    });
    Ok(settled)
}

fn plan_settling(
    replica: &Replica,
    results: &[ReportResult],
    returned: &BTreeSet<RevisionId>,
) -> (Vec<Write>, Settled) {
    let mut settled = Settled::default();
    let mut writes = Vec::new();
    let waiting = waiting_revisions(replica);
    let mut wanted: BTreeSet<RevisionId> = BTreeSet::new();
    for result in results {
        match ReportOutcome::try_from(result.outcome).unwrap_or(ReportOutcome::Unspecified) {
            ReportOutcome::Stored | ReportOutcome::Duplicate => {
                settled.delivered.insert(result.number);
            }
            ReportOutcome::Quarantined => {
                tracing::warn!(number = result.number, reason = result.text, "the manager keeps a report aside");
                settled.delivered.insert(result.number);
            }
            ReportOutcome::NeedParents => {
                let missing: Vec<RevisionId> =
                    result.missing_revisions.iter().filter_map(|text| text.parse().ok()).collect();
                let mut held = held(replica, &waiting, &missing);
                held.retain(|revision| !returned.contains(revision));
                if held.is_empty() {
                    tracing::warn!(
                        number = result.number,
                        missing = result.missing_revisions.join(", "),
                        "the manager has lost revisions that this node does not hold either"
                    );
                    // The manager takes it in without them then. It asks again only if it cannot.
                    match replica.outbox().get(&result.number).and_then(Report::without_parents) {
                        Some(report) => {
                            writes.push(Write::PutReport(result.number, Box::new(report)));
                            settled.without_parents += 1;
                        }
                        None => {
                            settled.blocked.insert(result.number);
                        }
                    }
                }
                wanted.extend(held);
            }
            ReportOutcome::Unspecified => {}
        }
    }
    // The same for one that was already in the outbox: once it was put first, it is not put first again.
    settled.returned.extend(wanted.iter().filter(|revision| waiting.contains_key(revision)));
    writes.extend(settled.delivered.iter().map(|number| Write::RemoveReport(*number)));
    settled.first.extend(wanted.iter().filter_map(|revision| waiting.get(revision)));
    let unsent: Vec<RevisionId> = wanted.into_iter().filter(|revision| !waiting.contains_key(revision)).collect();
    let returning = replica.plan_returning(&unsent);
    settled.returned.extend(unsent);
    settled.first.extend(returning.iter().filter_map(|write| match write {
        Write::PutReport(number, _) => Some(*number),
        _ => None,
    }));
    writes.extend(returning);
    (writes, settled)
}

/// Which of the missing revisions this node can send.
fn held(replica: &Replica, waiting: &BTreeMap<RevisionId, u64>, missing: &[RevisionId]) -> Vec<RevisionId> {
    let returning: BTreeSet<RevisionId> = replica.plan_returning(missing).iter().filter_map(revision_of).collect();
    missing.iter().copied().filter(|id| waiting.contains_key(id) || returning.contains(id)).collect()
}

fn revision_of(write: &Write) -> Option<RevisionId> {
    match write {
        Write::PutReport(_, report) => report.revision(),
        _ => None,
    }
}

/// The revisions in the outbox, each with the number of its first report.
pub(super) fn waiting_revisions(replica: &Replica) -> BTreeMap<RevisionId, u64> {
    let mut waiting = BTreeMap::new();
    for (number, report) in replica.outbox() {
        if let Some(revision) = report.revision() {
            waiting.entry(revision).or_insert(*number);
        }
    }
    waiting
}

#[cfg(test)]
mod tests {
    use atoll_domain::id::{Digest, ResourceId};
    use atoll_domain::kind::Kind;
    use atoll_domain::sharing::fork::{Fork, ForkState};
    use atoll_domain::sharing::revision::{Origin, Provenance, Revision};
    use atoll_domain::time::Timestamp;
    use serde_json::json;

    use super::*;

    /// A replica with an own edit that was delivered long ago, and whose manager has lost it since.
    fn replica() -> (Replica, RevisionId) {
        let resource = ResourceId(uuid::Uuid::from_u128(1));
        let body = json!({"Name": "demo"});
        let revision = Revision::child(resource, Kind::VariableSet, BTreeSet::new(), None, &body);
        let provenance = Provenance {
            author: "somebody".to_owned(),
            node: None,
            at: Timestamp(0),
            origin: Origin::Edit,
            message: String::new(),
            metadata: json!({}),
        };
        let (head, header, state) = (revision.id, revision.header, ForkState::Proposed);
        let fork = Fork {
            resource,
            own_head: head,
            head,
            header,
            provenance,
            body: Some(body),
            state,
            message: String::new(),
            own: None,
        };
        let mut replica = Replica::default();
        replica.apply(vec![Write::PutFork(Box::new(fork))]);
        replica.set_next_report(7);
        (replica, revision.id)
    }

    fn needs(number: u64, missing: RevisionId) -> ReportResult {
        let outcome = ReportOutcome::NeedParents.into();
        ReportResult { number, outcome, missing_revisions: vec![missing.to_string()], text: String::new() }
    }

    #[test]
    fn a_revision_that_the_manager_lost_goes_first_and_never_in_a_circle() {
        let (mut replica, head) = replica();
        let (writes, settled) = plan_settling(&replica, &[needs(3, head)], &BTreeSet::new());
        assert_eq!((settled.first, settled.blocked.len()), (BTreeSet::from([7]), 0));
        replica.apply(writes);

        // After a restart the returning report is in the outbox already: it is put first, not made again.
        let (writes, settled) = plan_settling(&replica, &[needs(3, head)], &BTreeSet::new());
        assert_eq!((writes.len(), settled.first), (0, BTreeSet::from([7])));

        let (writes, settled) = plan_settling(&replica, &[needs(3, head)], &settled.returned);
        assert_eq!((writes.len(), settled.blocked), (0, BTreeSet::from([3])));
    }

    #[test]
    fn a_report_whose_parents_nobody_holds_says_so_once() {
        let (mut replica, head) = replica();
        replica.apply(replica.plan_returning(&[head]));
        let (writes, settled) = plan_settling(&replica, &[needs(7, Digest::of(b"lost"))], &BTreeSet::new());
        assert_eq!((settled.without_parents, settled.blocked.len()), (1, 0));
        replica.apply(writes);
        assert!(matches!(&replica.outbox()[&7], Report::Revision(report) if report.lost_parents));
        let (_, settled) = plan_settling(&replica, &[needs(7, Digest::of(b"lost"))], &BTreeSet::new());
        assert_eq!((settled.without_parents, settled.blocked), (0, BTreeSet::from([7])));
    }

    #[test]
    fn a_report_whose_parents_nobody_holds_stays_and_holds_nobody_up() {
        let (replica, _) = replica();
        let delivered = ReportResult { number: 4, outcome: ReportOutcome::Quarantined.into(), ..Default::default() };
        let results = [needs(3, Digest::of(b"lost")), delivered];
        let (writes, settled) = plan_settling(&replica, &results, &BTreeSet::new());
        assert_eq!(writes, [Write::RemoveReport(4)]);
        assert_eq!((settled.blocked, settled.delivered), (BTreeSet::from([3]), BTreeSet::from([4])));
    }
}
