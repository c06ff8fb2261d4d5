//! The documents that publications bring to their nodes.

use atoll_domain::document::{Audience, Document, DocumentKind, Lane, Purpose, sign};
use atoll_domain::id::{Digest, ResourceId, RevisionId};
use atoll_domain::link::feed::RowKey;
use atoll_domain::sharing::offer::{Offer, Version, VersionPolicy};
use serde::Serialize;

use super::history::{Loaded, load};
use super::secret;
use crate::error::{Error, Result};
use crate::service::Services;
use crate::store::feed::{FeedDocument, document_get, document_keys};
use crate::store::sharing::{ItemRecord, PublicationRecord, publication_list, release_list, resource_get};
use crate::store::tx::SignedRow;
use crate::store::{Database, Tx};

/// Offers a document to an audience, unless exactly that is offered already.
pub async fn put<P: Serialize>(
    services: &Services,
    tx: &mut Tx,
    audience: Audience,
    kind: DocumentKind,
    key: String,
    payload: &P,
) -> Result<()> {
    let (before, document, digest) = next(tx, audience, kind, key, payload).await?;
    if before.is_some_and(|before| !before.deleted && before.content_digest == digest) {
        return Ok(());
    }
    tx.put_document(signed(services, document, digest)?);
    Ok(())
}

/// Offers a document once more, whether it has changed or not.
pub async fn put_again<P: Serialize>(
    services: &Services,
    tx: &mut Tx,
    audience: Audience,
    kind: DocumentKind,
    key: String,
    payload: &P,
) -> Result<()> {
    let (_, document, digest) = next(tx, audience, kind, key, payload).await?;
    tx.put_document(signed(services, document, digest)?);
    Ok(())
}

/// The next generation of a document with the digest of its payload, and what is offered until now.
async fn next<P: Serialize>(
    tx: &Tx,
    audience: Audience,
    kind: DocumentKind,
    key: String,
    payload: &P,
) -> Result<(Option<FeedDocument>, Document, String)> {
    let before = document_get(tx, &RowKey { audience: audience.clone(), key: key.clone() }).await?;
    let generation = before.as_ref().map_or(1, |before| before.generation + 1);
    let document = Document::new(audience, Lane::Content, kind, key, generation, payload).map_err(Error::internal)?;
    let digest = Digest::of(document.payload.get().as_bytes()).to_string();
    Ok((before, document, digest))
}

/// Says that a document is gone, if it is there.
pub async fn remove(
    services: &Services,
    tx: &mut Tx,
    audience: Audience,
    kind: DocumentKind,
    key: String,
) -> Result<()> {
    let before = document_get(tx, &RowKey { audience: audience.clone(), key: key.clone() }).await?;
    let Some(before) = before.filter(|before| !before.deleted) else { return Ok(()) };
    let document = Document::deletion(audience, Lane::Content, kind, key, before.generation + 1);
    tx.put_document(signed(services, document, String::new())?);
    Ok(())
}

fn signed(services: &Services, document: Document, content_digest: String) -> Result<SignedRow> {
    let bytes = document.to_bytes().map_err(Error::internal)?;
    let signature = sign(Purpose::Document, &bytes, &services.keys.documents);
    Ok(SignedRow {
        audience: document.audience,
        key: document.key,
        lane: document.lane,
        generation: document.generation,
        deleted: document.deleted,
        document: bytes,
        signature: signature.to_vec(),
        content_digest,
    })
}

/// The key of a resource's document within an audience.
#[must_use]
pub fn resource_key(resource: ResourceId) -> String {
    format!("resource/{resource}")
}

/// Which revision a publication brings of a resource, if any was released that fits its policy.
pub async fn offered(
    database: &impl Database,
    loaded: &Loaded,
    policy: &VersionPolicy,
) -> Result<Option<(Version, RevisionId)>> {
    Ok(match policy {
        VersionPolicy::Latest => loaded.record.released,
        VersionPolicy::Pin { .. } if loaded.record.released.is_none() => None,
        VersionPolicy::Pin { version } if loaded.record.released.is_some_and(|(newest, _)| newest == *version) => {
            loaded.record.released
        }
        VersionPolicy::Pin { version } => release_list(database, loaded.record.id)
            .await?
            .into_iter()
            .find(|release| release.version == *version)
            .map(|release| (release.version, release.revision)),
    })
}

/// Brings the documents of one resource in one publication up to date.
pub async fn refresh_item(
    services: &Services,
    tx: &mut Tx,
    publication: &PublicationRecord,
    item: &ItemRecord,
    loaded: &Loaded,
) -> Result<()> {
    let audience = Audience::Publication(publication.id);
    let key = resource_key(item.resource);
    let Some((version, revision)) = offered(tx, loaded, &item.policy).await? else {
        return remove(services, tx, audience, DocumentKind::Resource, key).await;
    };
    let record = loaded
        .provenance
        .get(&revision)
        .ok_or_else(|| Error::internal(format!("the released revision {revision} is missing")))?;
    let Some(body) = loaded.body(tx, revision).await? else {
        return remove(services, tx, audience, DocumentKind::Resource, key).await;
    };
    let name = body.get("Name").and_then(serde_json::Value::as_str).unwrap_or(&loaded.record.name).to_owned();
    let offer = Offer {
        publication: publication.id,
        priority: publication.priority,
        edit_mode: publication.edit_mode,
        resource: item.resource,
        kind: loaded.record.kind,
        name,
        version,
        revision,
        header: record.revision.header.clone(),
        provenance: record.provenance.clone(),
        body,
    };
    put(services, tx, audience, DocumentKind::Resource, key, &offer).await
}

/// Brings a whole publication up to date: its documents, and those that it no longer has.
pub async fn refresh_publication(services: &Services, tx: &mut Tx, publication: &PublicationRecord) -> Result<()> {
    let audience = Audience::Publication(publication.id);
    let wanted: Vec<String> = publication.items.iter().map(|item| resource_key(item.resource)).collect();
    for (key, _) in document_keys(tx, &audience).await? {
        if !wanted.contains(&key) {
            remove(services, tx, audience.clone(), DocumentKind::Resource, key).await?;
        }
    }
    for item in &publication.items {
        let record = resource_get(tx, item.resource).await?;
        let Some(record) = record else { continue };
        let loaded = load(tx, record).await?;
        refresh_item(services, tx, publication, item, &loaded).await?;
    }
    secret::refresh_publication(services, tx, publication).await
}

/// Brings a resource up to date in every publication that carries it.
pub async fn refresh_resource(services: &Services, tx: &mut Tx, loaded: &Loaded) -> Result<()> {
    for publication in publication_list(tx).await? {
        let Some(item) = publication.items.iter().find(|item| item.resource == loaded.record.id) else { continue };
        refresh_item(services, tx, &publication, item, loaded).await?;
        secret::refresh_item(services, tx, &publication, item, loaded).await?;
    }
    Ok(())
}

/// Takes a resource away from every node.
pub async fn withdraw(services: &Services, tx: &mut Tx, resource: ResourceId) -> Result<()> {
    for publication in publication_list(tx).await? {
        if publication.items.iter().any(|item| item.resource == resource) {
            let audience = Audience::Publication(publication.id);
            remove(services, tx, audience, DocumentKind::Resource, resource_key(resource)).await?;
            // Its sealed values go with it.
            secret::refresh_publication(services, tx, &publication).await?;
        }
    }
    Ok(())
}
