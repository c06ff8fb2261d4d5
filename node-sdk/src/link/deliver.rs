//! What goes up: the outbox, oldest first, each report until the manager has stored it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use atoll_domain::canonical;
use atoll_domain::document::{Purpose, Report, sign};
use atoll_domain::link::delivery::{Answer, Order, Settled, plan_settling};
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
            Ok(None) => {
                attempt = 0;
                delivery_failure(inner, None);
                continue;
            }
            Ok(Some(failure)) => failure,
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

/// The next reports to send, signed.
fn next_batch(inner: &Inner, order: &Order) -> Vec<atoll_proto::v1::Report> {
    let replica = inner.replica();
    let outbox = replica.outbox();
    let mut batch = Vec::new();
    let mut size_bytes = 0;
    for number in order.next(&replica).into_iter().take(BATCH_REPORTS) {
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

/// Sends a batch and settles what was answered. Says why nothing moved, where nothing did.
async fn push(
    inner: &Arc<Inner>,
    client: &mut NodeLinkClient<Channel>,
    reports: Vec<atoll_proto::v1::Report>,
    order: &mut Order,
) -> Result<Option<String>, NodeError> {
    let address = inner.identity().manager_address.clone();
    let sent: Vec<u64> = reports.iter().map(|report| report.number).collect();
    let request = PushRequest { incarnation: inner.identity().incarnation.to_string(), reports };
    let response = timeout(CALL_TIMEOUT, client.push(request)).await.map_err(|_| NodeError::Unreachable {
        address: address.clone(),
        reason: "it did not answer in time".to_owned(),
    })?;
    let answered = response.map_err(|status| refusal(&status, &address))?.into_inner();
    let known: BTreeSet<u64> = answered.results.iter().filter_map(answer).map(|(number, _)| number).collect();
    let unanswered = answered.results.iter().find(|result| !known.contains(&result.number));
    let unanswered = unanswered.map(|result| result.text.clone());
    order.put_off(sent.into_iter().filter(|number| !known.contains(number)));
    let learned = std::mem::take(order);
    let (settled, learned) =
        blocking(inner, move |inner| settle(inner, &answered, &learned).map(|settled| (settled, learned))).await?;
    *order = learned;
    match order.learn(&settled) {
        true => Ok(None),
        false => Ok(Some(unanswered.unwrap_or_else(|| "the manager took none of the reports it was sent".to_owned()))),
    }
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

fn settle(inner: &Inner, answered: &PushResponse, order: &Order) -> Result<Settled, NodeError> {
    let results = &answered.results;
    let answers: Vec<(u64, Answer)> = results.iter().filter_map(answer).collect();
    for (number, answer) in &answers {
        if let Answer::Rejected(reason) = answer {
            tracing::warn!(number, reason, "the manager rejected a report; the edit no longer runs here");
        }
    }
    let settled = inner.change(|replica| {
        let (mut writes, settled) = plan_settling(replica, &answers, order);
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
