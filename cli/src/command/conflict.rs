//! Questions that need a person.

use atoll_proto::v1;

use super::proposal::lines;
use super::{Session, pages};
use crate::arguments::ConflictCommand;
use crate::failure::{Failure, Result};
use crate::output::{made_by, print_line, say, time};
use crate::seen;

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
            seen::remember(&session.server, &conflict.id, &conflict.etag);
            if session.output.is_for_people() {
                show(&conflict)
            } else {
                session.output.one(&conflict, &[("id", "id")])
            }
        }
        ConflictCommand::Resolve { id, take, choices, file, message, publish, widen, with_drafts, expect } => {
            let conflict = get(session, &id).await?;
            let look = format!("atoll conflict show {id}");
            let expect = match conflict.state.as_str() {
                // There is nothing to decide, and the manager says so.
                "resolved" => conflict.etag.clone(),
                _ => seen::expected(expect, &session.server, &conflict.id, &look)?,
            };
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
                widen,
                with_drafts,
                expected_etag: expect,
            };
            let resolved = session.client.sharing.resolve_conflict(request).await?.into_inner();
            let revision = resolved.revision.unwrap_or_default();
            let resource = resolved.resource.unwrap_or_default();
            if resource.state == "conflict" {
                say(&format!(
                    "resolved; \"{}\" is still in conflict with another edit: see `atoll conflict list`",
                    resource.name
                ));
                return Ok(());
            }
            match resolved.release {
                Some(release) => say(&format!("resolved, and released as {}", release.version)),
                None => {
                    let next = match conflict.stays_on_node {
                        true => format!("it applies to {} only", conflict.node),
                        false => "publish it when you are ready".to_owned(),
                    };
                    say(&format!("resolved as revision {}; {next}", revision.id.get(..12).unwrap_or_default()));
                }
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
        "{} ({}), {}; opened {}",
        resource.name,
        resource.kind,
        conflict.state,
        time(conflict.opened_ms)
    ))?;
    if conflict.stays_on_node {
        print_line(&format!("the result will apply to {} only: the publication's edit mode is fork", conflict.node))?;
    }
    for place in &conflict.places {
        print_line("")?;
        print_line(&format!("{}  ({}) {}", place.path, place.reason, place.message))?;
        let ours = format!("ours{}{}", made_at(conflict, "ours"), written(place.ours_by.as_ref()));
        let theirs = format!("theirs{}{}", made_at(conflict, "theirs"), written(place.theirs_by.as_ref()));
        let sides = [("base", &place.base), (&*ours, &place.ours), (&*theirs, &place.theirs)];
        let proposal = Some(("proposal", &place.proposal)).filter(|(_, value)| !value.is_empty());
        for (name, value) in sides.into_iter().chain(proposal) {
            print_line(&format!("  {name}{}", if value.is_empty() { ": (nothing)" } else { ":" }))?;
            lines(" ", value)?;
        }
    }
    Ok(())
}

/// Where a side was made, for a conflict that is about a node's edit: `--take node` and `--take manager` name them so.
fn made_at(conflict: &v1::Conflict, side: &str) -> String {
    match conflict.node_side.as_str() {
        "" => String::new(),
        node_side if node_side == side => format!(" (node {})", conflict.node),
        _ => " (manager)".to_owned(),
    }
}

/// Who wrote a value, where and when.
fn written(by: Option<&v1::PlaceAuthor>) -> String {
    let Some(by) = by else { return String::new() };
    let said = if by.message.is_empty() { String::new() } else { format!(" \"{}\"", by.message) };
    format!(", by {}, {}{said}", made_by(&by.author, &by.node), time(by.at_ms))
}

/// `node` and `manager` are the sides by where they were made.
fn side(conflict: &v1::Conflict, take: &str) -> Result<String> {
    match (take, conflict.node_side.as_str()) {
        ("node" | "manager", "") => {
            Err(Failure::usage("this conflict is between administrators; use ours or theirs".to_owned()))
        }
        ("node", side) => Ok(side.to_owned()),
        ("manager", "ours") => Ok("theirs".to_owned()),
        ("manager", _) => Ok("ours".to_owned()),
        (other, _) => Ok(other.to_owned()),
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
