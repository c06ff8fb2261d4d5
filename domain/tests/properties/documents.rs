//! What the model manager publishes, and how a document is signed and named.

use atoll_domain::document::{Audience, Document, DocumentKind, Lane, Purpose, sign};
use atoll_domain::id::{AudienceKeyId, NodeId, PublicationId, ResourceId, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::link::feed::RowKey;
use atoll_domain::link::replica::Stored;
use atoll_domain::secret::SealedValue;
use atoll_domain::sharing::fork::ForkDecision;
use atoll_domain::sharing::offer::Offer;
use ed25519_dalek::SigningKey;
use serde::Serialize;
use uuid::Uuid;

pub const NODES: usize = 3;
pub const RESOURCES: usize = 3;
pub const PUBLICATIONS: usize = 2;
/// Of these an even number travels in one lane and an odd number in the other, so that parts end anywhere.
pub const SECRETS: usize = 7;

pub fn node_id(number: usize) -> NodeId {
    NodeId(Uuid::from_u128(0x100 + number as u128))
}

pub fn resource_id(number: usize) -> ResourceId {
    ResourceId(Uuid::from_u128(0x200 + number as u128))
}

pub fn publication_id(number: usize) -> PublicationId {
    PublicationId(Uuid::from_u128(0x300 + number as u128))
}

pub fn audience(publication: usize) -> Audience {
    Audience::Publication(publication_id(publication))
}

pub fn resource_kind(number: usize) -> Kind {
    if number == 1 { Kind::VariableSet } else { Kind::StepTemplate }
}

pub fn resource_name(number: usize) -> String {
    format!("resource-{number}")
}

/// The manager's signing key.
pub fn manager_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// A state of a row, before it has a generation.
#[derive(Debug, Clone)]
pub struct Draft {
    pub row: RowKey,
    pub lane: Lane,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub enum Content {
    Offer(Box<Offer>),
    /// A document that passes for an offer and cannot be used.
    Poison,
    Decision(Box<ForkDecision>),
    Secret(SealedValue),
    Gone(DocumentKind),
}

impl Draft {
    pub fn offer(publication: usize, offer: Offer) -> Self {
        Self {
            row: offer_row(publication, offer.resource),
            lane: Lane::Content,
            content: Content::Offer(Box::new(offer)),
        }
    }

    pub fn decision(node: NodeId, decision: ForkDecision) -> Self {
        // A row for each edit: a word on a later one must not replace a word that the node has not heard yet.
        let row = RowKey { audience: Audience::Node(node), key: format!("fork/{}", decision.of) };
        Self { row, lane: Lane::Content, content: Content::Decision(Box::new(decision)) }
    }

    pub fn secret(publication: usize, slot: usize, version: u64) -> Self {
        let sealed = SealedValue {
            version: SecretId(Uuid::from_u128(version.into())),
            key: AudienceKeyId(Uuid::from_u128(publication as u128)),
            sealed: vec![1, 2, 3],
        };
        Self { content: Content::Secret(sealed), ..Self::no_secret(publication, slot) }
    }

    /// The values of a publication travel in different lanes.
    pub fn no_secret(publication: usize, slot: usize) -> Self {
        let row = RowKey { audience: audience(publication), key: format!("secret/{slot}") };
        Self { row, lane: Lane::ALL[slot % 2], content: Content::Gone(DocumentKind::Secret) }
    }

    pub fn is_gone(&self) -> bool {
        matches!(self.content, Content::Gone(_))
    }

    /// The signed document of this state.
    pub fn stored(&self, generation: u64, sequence: u64) -> Stored {
        let document = match &self.content {
            Content::Offer(offer) => self.document(DocumentKind::Resource, generation, offer),
            Content::Poison => self.document(DocumentKind::Resource, generation, &"not an offer"),
            Content::Decision(decision) => self.document(DocumentKind::Fork, generation, decision),
            Content::Secret(sealed) => self.document(DocumentKind::Secret, generation, sealed),
            Content::Gone(kind) => {
                let row = self.row.clone();
                Document::deletion(row.audience, self.lane, *kind, row.key, generation)
            }
        };
        let bytes = document.to_bytes().unwrap();
        let signature = sign(Purpose::Document, &bytes, &manager_key()).to_vec();
        Stored { document: bytes, signature, sequence }
    }

    fn document<P: Serialize>(&self, kind: DocumentKind, generation: u64, payload: &P) -> Document {
        let row = self.row.clone();
        Document::new(row.audience, self.lane, kind, row.key, generation, payload).unwrap()
    }
}

pub fn offer_row(publication: usize, resource: ResourceId) -> RowKey {
    RowKey { audience: audience(publication), key: format!("resource/{resource}") }
}
