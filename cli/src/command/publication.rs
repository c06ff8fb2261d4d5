//! Publications.

use atoll_domain::kind::Kind;
use atoll_proto::v1;
use atoll_proto::v1::preview_change_request::Change;

use super::{Session, confirm, pages, pairs, preview, request_id};
use crate::arguments::{ListArguments, PublicationArguments, PublicationCommand};
use crate::failure::{Failure, NOT_FOUND, Result};
use crate::output::{Column, say};

const COLUMNS: [Column; 6] = [
    ("name", "name"),
    ("group", "selector.group"),
    ("labels", "selector.labels"),
    ("mode", "editMode"),
    ("priority", "priority"),
    ("nodes", "nodes"),
];

pub async fn run(session: &mut Session, command: PublicationCommand) -> Result<()> {
    match command {
        PublicationCommand::List(list) => {
            let publications = all(session, &list).await?;
            session.output.list(&publications, &COLUMNS, &[("id", "id")])
        }
        PublicationCommand::Get { name } => {
            let found = get(session, &name).await?;
            session.output.one(&found, &COLUMNS)?;
            if session.output.is_for_people() {
                say_unreleased(&found);
                session.output.list(
                    &found.items,
                    &[
                        ("resource", "name"),
                        ("kind", "kind"),
                        ("policy", "policy"),
                        ("version", "version"),
                        ("brings", "offeredVersion"),
                    ],
                    &[],
                )?;
            }
            Ok(())
        }
        PublicationCommand::Set(arguments) => {
            session.widen = arguments.widen;
            let publication = wished(session, arguments).await?;
            save(session, publication, false).await
        }
        PublicationCommand::Preview(arguments) => {
            let publication = wished(session, arguments).await?;
            preview_set(session, publication).await
        }
        PublicationCommand::Add { name, templates, sets, dry_run: true, .. } => {
            let publication = with_added(session, &name, items(&templates, &sets)).await?;
            preview_set(session, publication).await
        }
        PublicationCommand::Add { name, templates, sets, widen, .. } => {
            session.widen = widen;
            let publication = v1::Publication { name, items: items(&templates, &sets), ..v1::Publication::default() };
            save(session, publication, true).await
        }
        PublicationCommand::Delete { name, dry_run: true } => {
            preview::change(session, Change::DeletePublication(name)).await
        }
        PublicationCommand::Delete { name, .. } => {
            confirm(session, &format!("delete {name} and remove from its nodes what only it provides?"))?;
            session
                .client
                .sharing
                .delete_publication(v1::DeletePublicationRequest { name: name.clone(), expected_etag: "*".to_owned() })
                .await?;
            say(&format!("{name} is deleted"));
            Ok(())
        }
    }
}

async fn wished(session: &mut Session, arguments: PublicationArguments) -> Result<v1::Publication> {
    let PublicationArguments { name, group, labels, priority, mode, templates, sets, all, widen: _ } = arguments;
    let mut items = items(&templates, &sets);
    if all {
        items.extend(everything(session).await?);
    }
    let selector = Some(v1::Selector { group, labels: pairs(&labels)? });
    Ok(v1::Publication { name, selector, priority, edit_mode: mode, items, ..v1::Publication::default() })
}

async fn preview_set(session: &mut Session, publication: v1::Publication) -> Result<()> {
    let request = v1::PreviewPublicationRequest { publication: Some(publication) };
    let seen = session.client.sharing.preview_publication(request).await?.into_inner();
    session.output.one(
        &seen,
        &[
            ("nodes", "nodes"),
            ("gained", "gained"),
            ("lost", "lost"),
            ("gains", "gainedNodes"),
            ("loses", "lostNodes"),
            ("problem", "problem"),
        ],
    )?;
    if session.output.is_for_people() {
        let affected = preview::Affected {
            nodes: seen.changed,
            cordoned: seen.cordoned,
            own_edits: seen.own_edits,
            stopped_edits: seen.stopped_edits,
        };
        affected.lines().iter().for_each(|line| say(line));
        preview::values(session, &seen.values, seen.values_total, seen.not_looked_at)?;
    }
    if seen.problem.is_empty() { preview::refused(&seen.refusal) } else { Err(Failure::negative()) }
}

/// Names what nodes do not get, because it was deleted or for want of a release.
fn say_unreleased(publication: &v1::Publication) {
    for item in publication.items.iter().filter(|item| item.offered_version.is_empty()) {
        if item.deleted {
            say(&format!("{} is deleted: nodes do not get it until it is restored and published", item.name));
            continue;
        }
        let what = if item.policy == "pin" { format!("{} of it", item.version) } else { "it".to_owned() };
        say(&format!("{} is not released yet: nodes do not get it until {what} is published", item.name));
    }
}

async fn all(session: &mut Session, list: &ListArguments) -> Result<Vec<v1::Publication>> {
    let client = &mut session.client.sharing;
    pages(list, async |options| {
        let request = v1::ListPublicationsRequest { options: Some(options) };
        let page = client.list_publications(request).await?.into_inner();
        Ok((page.publications, page.summary))
    })
    .await
}

async fn get(session: &mut Session, name: &str) -> Result<v1::Publication> {
    let list = ListArguments { filter: format!("name={name}"), order_by: String::new(), limit: 1 };
    let found = all(session, &list).await?.into_iter().next();
    found.ok_or_else(|| Failure::new(NOT_FOUND, format!("there is no publication \"{name}\"")))
}

/// A publication as it would be with these resources. Of one that it brings already the policy that is said last counts.
async fn with_added(session: &mut Session, name: &str, added: Vec<v1::PublicationItem>) -> Result<v1::Publication> {
    let mut publication = get(session, name).await?;
    publication.items.extend(added);
    Ok(publication)
}

async fn save(session: &mut Session, publication: v1::Publication, add_items: bool) -> Result<()> {
    let request = v1::SavePublicationRequest {
        publication: Some(publication),
        request_id: request_id(),
        add_items,
        expected_etag: "*".to_owned(),
        widen: session.widen,
    };
    let saved = session.client.sharing.save_publication(request).await?.into_inner().publication.unwrap_or_default();
    say_unreleased(&saved);
    session.output.list(&[saved], &COLUMNS, &[])
}

/// Whether there is a publication of this name, before anything is done that it is named for. Empty means none is named.
pub async fn check(session: &mut Session, name: &str) -> Result<()> {
    if name.is_empty() { Ok(()) } else { get(session, name).await.map(|_| ()) }
}

/// Whether a publication includes a resource already.
///
/// # Errors
/// It pins the resource to a version, and whoever adds it does not say that the pin is to go.
pub async fn includes(session: &mut Session, publication: &str, kind: Kind, name: &str) -> Result<bool> {
    let found = get(session, publication).await?;
    let is_it = |item: &&v1::PublicationItem| item.kind == kind.to_string() && item.name.eq_ignore_ascii_case(name);
    match found.items.iter().find(is_it) {
        Some(item) if item.policy == "pin" => Err(Failure::usage(format!(
            "publication {publication} pins {name} to {}; to let it follow the newest version, say so first: \
             atoll publication set",
            item.version
        ))),
        item => Ok(item.is_some()),
    }
}

/// Adds one resource to a publication.
pub async fn add(session: &mut Session, publication: &str, kind: Kind, name: &str) -> Result<()> {
    let publication =
        v1::Publication { name: publication.to_owned(), items: vec![item(kind, name)], ..v1::Publication::default() };
    let request = v1::SavePublicationRequest {
        publication: Some(publication),
        request_id: request_id(),
        add_items: true,
        expected_etag: String::new(),
        widen: session.widen,
    };
    session.client.sharing.save_publication(request).await?;
    Ok(())
}

fn items(templates: &[String], sets: &[String]) -> Vec<v1::PublicationItem> {
    let templates = templates.iter().map(|name| item(Kind::StepTemplate, name));
    templates.chain(sets.iter().map(|name| item(Kind::VariableSet, name))).collect()
}

/// `NAME` follows the newest version; `NAME@1.2.3` stays at that one.
fn item(kind: Kind, text: &str) -> v1::PublicationItem {
    let pinned = text.rsplit_once('@').filter(|(_, version)| version.split('.').count() == 3);
    let (name, policy, version) = match pinned {
        Some((name, version)) => (name, "pin", version),
        None => (text, "latest", ""),
    };
    v1::PublicationItem {
        resource_id: String::new(),
        kind: kind.to_string(),
        name: name.to_owned(),
        policy: policy.to_owned(),
        version: version.to_owned(),
        offered_version: String::new(),
        deleted: false,
    }
}

async fn everything(session: &mut Session) -> Result<Vec<v1::PublicationItem>> {
    let list = ListArguments { filter: String::new(), order_by: String::new(), limit: 10_000 };
    let client = &mut session.client.sharing;
    let resources = pages(&list, async |options| {
        let page = client.list_resources(v1::ListResourcesRequest { options: Some(options) }).await?.into_inner();
        Ok((page.resources, page.summary))
    });
    Ok(resources
        .await?
        .into_iter()
        .map(|resource| v1::PublicationItem {
            resource_id: resource.id,
            kind: resource.kind,
            name: resource.name,
            policy: "latest".to_owned(),
            version: String::new(),
            offered_version: String::new(),
            deleted: false,
        })
        .collect())
}
