//! Proposals.

use atoll_proto::v1;

use super::{Session, pages};
use crate::arguments::{ListArguments, ProposalCommand};
use crate::failure::{CONFLICT, Failure, NOT_FOUND, Result};
use crate::output::{print_line, print_text, say};
use crate::seen;

pub async fn run(session: &mut Session, command: ProposalCommand) -> Result<()> {
    match command {
        ProposalCommand::List(list) => {
            let rows = all(session, &list).await?;
            session.output.list(
                &rows,
                &[
                    ("id", "id"),
                    ("resource", "resource.name"),
                    ("node", "node"),
                    ("state", "state"),
                    ("since", "sinceMs"),
                    ("by", "revision.author"),
                ],
                &[("kind", "resource.kind"), ("revision", "revision.id"), ("conflict", "conflictId")],
            )
        }
        ProposalCommand::Show { id } => {
            let proposal = find(session, &id).await?;
            let revision = proposal.revision.clone().unwrap_or_default();
            seen::remember(&session.server, &proposal.id, &revision.id);
            if !session.output.is_for_people() {
                return session.output.one(&proposal, &[("id", "id")]);
            }
            session.output.one(
                &proposal,
                &[
                    ("resource", "resource.name"),
                    ("node", "node"),
                    ("state", "state"),
                    ("by", "revision.author"),
                    ("at", "revision.atMs"),
                    ("message", "revision.message"),
                    ("runs there", "runs"),
                    ("said", "message"),
                ],
            )?;
            for path in &proposal.takes_back {
                print_line(&format!("reverts the previous save at {path}"))?;
            }
            show_differences(&proposal.differences)
        }
        ProposalCommand::Accept { id, message, publish, with_drafts, widen, expect } => {
            let (id, expect) = looked_at(session, &id, expect).await?;
            let request = v1::DecideProposalRequest {
                id,
                accept: true,
                message,
                release: publish,
                expected_revision: expect,
                with_drafts,
                widen,
            };
            decide(session, request).await
        }
        ProposalCommand::Decline { id, message, expect } => {
            let (id, expect) = looked_at(session, &id, expect).await?;
            let request = v1::DecideProposalRequest { id, message, expected_revision: expect, ..Default::default() };
            decide(session, request).await
        }
    }
}

async fn find(session: &mut Session, id: &str) -> Result<v1::Proposal> {
    let list = ListArguments { filter: String::new(), order_by: String::new(), limit: 100_000 };
    let fits = |proposal: &v1::Proposal| proposal.id == id || (id.len() >= 4 && proposal.id.ends_with(id));
    let proposal = all(session, &list).await?.into_iter().find(fits);
    proposal.ok_or_else(|| Failure::new(NOT_FOUND, format!("there is no proposal \"{id}\"")))
}

/// The proposal in full, and which state of it the decision is about.
async fn looked_at(session: &mut Session, id: &str, expect: Option<String>) -> Result<(String, String)> {
    let proposal = find(session, id).await?;
    let look = format!("atoll proposal show {id}");
    let expect = seen::expected(expect, &session.server, &proposal.id, &look)?;
    Ok((proposal.id, expect))
}

async fn all(session: &mut Session, list: &ListArguments) -> Result<Vec<v1::Proposal>> {
    let client = &mut session.client.sharing;
    pages(list, async |options| {
        let page = client.list_proposals(v1::ListProposalsRequest { options: Some(options) }).await?.into_inner();
        Ok((page.proposals, page.summary))
    })
    .await
}

async fn decide(session: &mut Session, request: v1::DecideProposalRequest) -> Result<()> {
    let accept = request.accept;
    let decided = session.client.sharing.decide_proposal(request).await?.into_inner();
    if !decided.conflict_id.is_empty() {
        let text = format!(
            "the proposal does not merge with the shared resource; resolve it with: atoll conflict resolve {}",
            decided.conflict_id
        );
        return Err(Failure::new(CONFLICT, text));
    }
    match (accept, decided.release) {
        (true, Some(release)) => say(&format!("accepted, and released as {}", release.version)),
        (true, None) => say(
            "accepted into the draft; publish it to deliver it to nodes (atoll template publish, atoll vars publish)",
        ),
        (false, _) => say("declined; the node goes back to the release, and the edit stays in the history"),
    }
    Ok(())
}

/// Places that differ, before and after.
pub fn show_differences(differences: &[v1::Difference]) -> Result<()> {
    differences.iter().try_for_each(|difference| {
        print_line(&difference.path)?;
        lines("-", &difference.from)?;
        lines("+", &difference.to)
    })
}

/// A value line by line; a text without its quotes.
pub fn lines(mark: &str, json: &str) -> Result<()> {
    if json.is_empty() {
        return Ok(());
    }
    let text = serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned());
    text.lines().try_for_each(|line| print_text(&format!("  {mark} {line}")))
}
