//! What goes up: the outbox, oldest first, each report until the manager has stored it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use atoll_domain::canonical;
use atoll_domain::document::{Purpose, Report, sign};
use atoll_domain::id::RevisionId;
use atoll_domain::link::delivery::{Answer, Settled, plan_settling};
use atoll_domain::link::node::retry_delay_ms;
use atoll_domain::link::replica::Write;
use atoll_proto::v1::node_link_client::NodeLinkClient;
use atoll_proto::v1::{PushRequest, PushResponse, ReportOutcome, ReportResult};
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
    let answered = response.map_err(|status| refusal(&status, &address))?.into_inner();
    let returned = order.returned.clone();
    let settled = blocking(inner, move |inner| settle(inner, &answered, &returned)).await?;
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

fn answer(result: &ReportResult) -> Option<(u64, Answer)> {
    let answer = match ReportOutcome::try_from(result.outcome).unwrap_or(ReportOutcome::Unspecified) {
        ReportOutcome::Stored | ReportOutcome::Duplicate => Answer::Delivered,
        ReportOutcome::Rejected => Answer::Rejected(result.text.clone()),
        ReportOutcome::NeedParents => {
            Answer::NeedParents(result.missing_revisions.iter().filter_map(|text| text.parse().ok()).collect())
        }
        // Something newer than this program: it is asked again with the next connection.
        ReportOutcome::Unspecified => return None,
    };
    Some((result.number, answer))
}

fn settle(inner: &Inner, answered: &PushResponse, returned: &BTreeSet<RevisionId>) -> Result<Settled, NodeError> {
    let results = &answered.results;
    let answers: Vec<(u64, Answer)> = results.iter().filter_map(answer).collect();
    for (number, answer) in &answers {
        if let Answer::Rejected(reason) = answer {
            tracing::warn!(number, reason, "the manager rejected a report; what it told of is over here");
        }
    }
    let settled = inner.change(|replica| {
        let (mut writes, settled) = plan_settling(replica, &answers, returned);
        // With what is forgotten here: a manager that has forgotten it too is known by this.
        if answered.sequence > 0 {
            writes.push(Write::SetHeard(answered.sequence, answered.mark));
        }
        Ok((writes, settled))
    })?;
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
