//! Who has what they should have.

use std::time::{Duration, Instant};

use atoll_proto::v1;

use super::{Session, duration_ms};
use crate::arguments::SyncCommand;
use crate::failure::{Failure, Result, TIMED_OUT};
use crate::output::{print_line, say, time};

pub async fn run(session: &mut Session, command: SyncCommand) -> Result<()> {
    let SyncCommand::Status { template, vars, node, wait, timeout } = command;
    let (kind, resource) = match (template.is_empty(), vars.is_empty()) {
        (false, true) => ("step_template", template),
        (true, false) => ("variable_set", vars),
        (true, true) => ("", String::new()),
        (false, false) => return Err(Failure::usage("give either --template or --vars, not both")),
    };
    let question = v1::GetSyncStatusRequest { kind: kind.to_owned(), resource, node, behind_limit: 20 };
    let status = if wait { until_synced(session, &question, &timeout).await? } else { ask(session, &question).await? };
    if !session.output.is_for_people() {
        return session.output.one(&status, &[("have", "have")]);
    }
    print_line(&sentence(&status))?;
    if !status.behind.is_empty() {
        let columns = [("node", "node"), ("state", "state"), ("since", "sinceMs"), ("missing", "outstanding")];
        session.output.list(&status.behind, &columns, &[])?;
    }
    Ok(())
}

async fn ask(session: &mut Session, question: &v1::GetSyncStatusRequest) -> Result<v1::GetSyncStatusResponse> {
    Ok(session.client.sharing.get_sync_status(question.clone()).await?.into_inner())
}

/// Waits until it is on its way to nobody any more: who is offline or cordoned, or goes on with something of its own, must
/// not hold up the answer.
pub async fn until_synced(
    session: &mut Session,
    question: &v1::GetSyncStatusRequest,
    timeout: &str,
) -> Result<v1::GetSyncStatusResponse> {
    let until = Instant::now() + Duration::from_millis(u64::try_from(duration_ms(timeout)?).unwrap_or(0));
    let mut said = String::new();
    loop {
        let status = ask(session, question).await?;
        if status.waiting == 0 {
            return Ok(status);
        }
        let now = sentence(&status);
        if now != said {
            say(&now);
            said = now;
        }
        if Instant::now() >= until {
            return Err(Failure::new(TIMED_OUT, format!("timed out after {timeout}: {said}")));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// "9,998 of 10,000 have it, 2 offline since ..."
pub fn sentence(status: &v1::GetSyncStatusResponse) -> String {
    let mut text = format!("{} of {} have it", grouped(status.have), grouped(status.expected));
    if status.offline > 0 {
        let first = status.behind.iter().filter(|node| node.state == "offline").map(|node| node.since_ms).min();
        let since = first.map(|since| format!(" since {}", time(since))).unwrap_or_default();
        text.push_str(&format!(", {} offline{since}", grouped(status.offline)));
    }
    let others = [
        (status.cordoned, "cordoned", "cordoned"),
        (status.own_edits, "runs a local edit", "run local edits"),
        (status.pinned, "is pinned to another release", "are pinned to another release"),
        (status.applied, "applied it", "applied it"),
        (status.incomplete, "lacks a value", "lack a value"),
        (status.drifting, "has drifted", "have drifted"),
        (status.unknown, "does not report what it runs", "do not report what they run"),
        (status.failed, "failed to apply it", "failed to apply it"),
    ];
    for (count, one, many) in others.into_iter().filter(|(count, ..)| *count > 0) {
        text.push_str(&format!(", {} {}", grouped(count), if count == 1 { one } else { many }));
    }
    text
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped_and_the_offline_are_named() {
        let status = v1::GetSyncStatusResponse { expected: 10_000, have: 9_998, offline: 2, ..Default::default() };
        assert_eq!(sentence(&status), "9,998 of 10,000 have it, 2 offline");
    }

    #[test]
    fn who_does_not_have_it_and_why_is_said() {
        let status = v1::GetSyncStatusResponse {
            expected: 5,
            have: 1,
            own_edits: 2,
            pinned: 1,
            cordoned: 1,
            ..Default::default()
        };
        assert_eq!(sentence(&status), "1 of 5 have it, 1 cordoned, 2 run local edits, 1 is pinned to another release");
    }
}
