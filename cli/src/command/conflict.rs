//! Questions that need a person.

use atoll_proto::v1;

use super::proposal::lines;
use super::{Session, pages};
use crate::arguments::ConflictCommand;
use crate::failure::{Failure, Result};
use crate::output::{print_line, say, time};

pub async fn run(session: &mut Session, command: ConflictCommand) -> Result<()> {
    match command {
        ConflictCommand::List(list) => {
            let client = &mut session.client.sharing;
            let conflicts = pages(&list, async |options| {
                let request = v1::ListConflictsRequest { options: Some(options) };
                let page = client.list_conflicts(request).await?.into_inner();
                Ok((page.conflicts, page.summary))
            });
            session.output.list(
                &conflicts.await?,
                &[
                    ("id", "id"),
                    ("resource", "resource.name"),
                    ("kind", "resource.kind"),
                    ("node", "node"),
                    ("since", "openedMs"),
                    ("state", "state"),
                ],
                &[],
            )
        }
        ConflictCommand::Show { id } => {
            let conflict = get(session, &id).await?;
            if session.output.is_for_people() {
                show(&conflict)
            } else {
                session.output.one(&conflict, &[("id", "id")])
            }
        }
        ConflictCommand::Resolve { id, take, choices, file, message, publish } => {
            let conflict = get(session, &id).await?;
            let content = match file {
                Some(file) => super::resource::read_document(&file)?.to_string(),
                None => String::new(),
            };
            let request = v1::ResolveConflictRequest {
                id: conflict.id.clone(),
                take: side(&conflict, &take)?,
                choices: choices.iter().map(|choice| choose(&conflict, choice)).collect::<Result<_>>()?,
                content,
                message,
                release: publish,
            };
            let resolved = session.client.sharing.resolve_conflict(request).await?.into_inner();
            let revision = resolved.revision.unwrap_or_default();
            match resolved.release {
                Some(release) => say(&format!("resolved, and released as {}", release.version)),
                None => say(&format!(
                    "resolved as revision {}; release it when you are ready",
                    revision.id.get(..12).unwrap_or_default()
                )),
            }
            Ok(())
        }
    }
}

async fn get(session: &mut Session, id: &str) -> Result<v1::Conflict> {
    let request = v1::GetConflictRequest { id: id.to_owned() };
    Ok(session.client.sharing.get_conflict(request).await?.into_inner().conflict.unwrap_or_default())
}

fn show(conflict: &v1::Conflict) -> Result<()> {
    let resource = conflict.resource.clone().unwrap_or_default();
    print_line(&format!(
        "{} ({}), {} since {}",
        resource.name,
        resource.kind,
        conflict.state,
        time(conflict.opened_ms)
    ))?;
    for (side, revision) in ["ours", "theirs"].iter().zip(&conflict.revisions) {
        let from = if revision.node.is_empty() { "manager" } else { "node" };
        print_line(&format!(
            "{side:<7} {}  by {} on the {from}, {}  {}",
            revision.id.get(..12).unwrap_or_default(),
            revision.author,
            time(revision.at_ms),
            revision.message
        ))?;
    }
    for place in &conflict.places {
        print_line("")?;
        print_line(&format!("{}  ({}) {}", place.path, place.reason, place.message))?;
        for (name, value) in
            [("base", &place.base), ("ours", &place.ours), ("theirs", &place.theirs), ("proposal", &place.proposal)]
        {
            if name == "proposal" && value.is_empty() {
                continue;
            }
            print_line(&format!("  {name}{}", if value.is_empty() { ": (nothing)" } else { ":" }))?;
            lines(" ", value)?;
        }
    }
    Ok(())
}

/// `node` and `manager` are the sides by where they were made.
fn side(conflict: &v1::Conflict, take: &str) -> Result<String> {
    let is_node = |revision: &v1::Revision| !revision.node.is_empty();
    let wanted = match take {
        "node" => conflict.revisions.iter().position(is_node),
        "manager" => conflict.revisions.iter().position(|revision| !is_node(revision)),
        other => return Ok(other.to_owned()),
    };
    match wanted {
        Some(0) => Ok("ours".to_owned()),
        Some(1) => Ok("theirs".to_owned()),
        _ => Err(Failure::usage(format!("no side of this conflict was made on the {take}; use ours or theirs"))),
    }
}

fn choose(conflict: &v1::Conflict, text: &str) -> Result<v1::Choice> {
    let (path, take) = text
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("\"{text}\" is not PATH=ours|theirs|base|proposal|value:JSON")))?;
    let choice = match take.strip_prefix("value:") {
        Some(value) => v1::Choice { path: path.to_owned(), take: "value".to_owned(), value: value.to_owned() },
        None => v1::Choice { path: path.to_owned(), take: side(conflict, take)?, value: String::new() },
    };
    Ok(choice)
}
