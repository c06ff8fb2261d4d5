//! What nodes may send that is not as it should be, and what becomes of it.

use std::collections::BTreeSet;

use atoll_domain::document::{
    Audience, Document, DocumentKind, Lane, Purpose, Report, ReturnedReport, RevisionReport, sign,
};
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::fleet::selector::Selector;
use atoll_domain::id::{Digest, NodeId, PublicationId, RevisionId, TokenId};
use atoll_domain::kind::Kind;
use atoll_domain::secret::SymmetricKey;
use atoll_domain::sharing::history::Meeting;
use atoll_domain::sharing::offer::{EditMode, Offer, VersionPolicy};
use atoll_domain::sharing::path::TouchedPaths;
use atoll_domain::sharing::revision::{Origin, Provenance, Revision};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::{Outcome, SignedReport, receive};
use crate::config::Given;
use crate::hub::Hub;
use crate::keys::Keyring;
use crate::service::sharing::history::{Loaded, load};
use crate::service::sharing::{publication, release, save};
use crate::service::{Caller, Services};
use crate::store::Store;
use crate::store::fleet::{CertificateRecord, NodeRecord, node_create_many};
use crate::store::sharing::{fork_list, resource_get};
use crate::{clock, rpc};

struct Setting {
    services: Services,
    node: NodeRecord,
    identity: SigningKey,
    resource: atoll_domain::id::ResourceId,
    head: RevisionId,
    body: Value,
    _directory: tempfile::TempDir,
}

async fn setting() -> Setting {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open_sqlite(directory.path()).await.unwrap();
    let keys = Keyring::open(&store, &SymmetricKey::new([1; 32])).await.unwrap();
    let (hub, settings) = (Hub::new(rpc::encode_document), Given::default().check().unwrap());
    let services = Services::load(store, keys, hub, settings, clock::now()).await.unwrap();
    let identity = SigningKey::from_bytes(&[5; 32]);
    let node = node(&services, &identity).await;
    let caller = Caller::manager(clock::now());
    let content = json!({ "Name": "T", "ActionType": "Octopus.Script", "Properties": { "a": "1", "b": "1" } });
    let wish = save::Save {
        kind: Kind::StepTemplate,
        resource: None,
        content: content.to_string().into_bytes(),
        base: None,
        message: String::new(),
        imported: true,
        request_id: None,
    };
    let saved = save::save(&services, &caller, wish).await.unwrap();
    let wish = release::Wish { expected: "*", ..Default::default() };
    release::release(&services, &caller, Kind::StepTemplate, "T", wish).await.unwrap();
    let wish = publication::Wish {
        name: "all".to_owned(),
        selector: Selector { group: "/".parse().unwrap(), labels: Default::default() },
        priority: 0,
        edit_mode: EditMode::Propose,
        items: vec![publication::WishedItem {
            kind: Kind::StepTemplate,
            resource: "T".to_owned(),
            policy: VersionPolicy::Latest,
        }],
        add_items: false,
        request_id: None,
        expected: String::new(),
    };
    publication::save(&services, &caller, wish).await.unwrap();
    let body = saved.loaded.body(&services.store, saved.revision).await.unwrap().unwrap();
    let resource = saved.loaded.record.id;
    Setting { services, node, identity, resource, head: saved.revision, body, _directory: directory }
}

async fn node(services: &Services, identity: &SigningKey) -> NodeRecord {
    let record = NodeRecord {
        id: NodeId(clock::new_id()),
        name: "n".parse().unwrap(),
        group: "/".parse().unwrap(),
        labels: Default::default(),
        standing: NodeStanding::Active,
        standing_reason: String::new(),
        standing_since_ms: 0,
        joined_ms: 0,
        identity_key: identity.verifying_key().to_bytes().to_vec(),
        sealing_key: vec![0; 32],
        join_token: TokenId(clock::new_id()),
        certificate: CertificateRecord::default(),
        next_certificate: None,
        certificate_expires_ms: 0,
        recoveries: 0,
        name_key: clock::new_id().to_string(),
        confirmed: true,
    };
    let tx = services.store.begin_ordered().await.unwrap();
    node_create_many(&tx, std::slice::from_ref(&record)).await.unwrap();
    tx.commit().await.unwrap();
    record
}

impl Setting {
    fn edited(&self, value: &str) -> Value {
        let mut body = self.body.clone();
        body["Properties"]["a"] = json!(value);
        body
    }

    fn report_of(&self, revision: &Revision, body: Option<Value>) -> RevisionReport {
        let provenance = Provenance {
            author: "somebody".to_owned(),
            node: Some(self.node.id),
            at: clock::now(),
            origin: Origin::Edit,
            message: String::new(),
            metadata: Value::Null,
        };
        RevisionReport {
            id: revision.id,
            header: revision.header.clone(),
            provenance,
            body,
            base_unknown: false,
            lost_parents: false,
            claimed: None,
            takes_back: Vec::new(),
        }
    }

    fn edit(&self, parent: RevisionId, parent_body: &Value, body: Value) -> RevisionReport {
        let parents = BTreeSet::from([parent]);
        let revision = Revision::child(self.resource, Kind::StepTemplate, parents, Some(parent_body), &body);
        self.report_of(&revision, Some(body))
    }

    async fn send(&self, report: RevisionReport) -> Outcome {
        let report = serde_json::to_vec(&Report::Revision(Box::new(report))).unwrap();
        let signature = sign(Purpose::Report, &report, &self.identity).to_vec();
        self.send_signed(SignedReport { number: 1, report, signature }).await
    }

    async fn send_signed(&self, signed: SignedReport) -> Outcome {
        receive(&self.services, &self.node, &signed, clock::now()).await.unwrap()
    }
}

fn rejected_with(outcome: &Outcome, says: &str) {
    let Outcome::Rejected(reason) = outcome else { panic!("not rejected: {outcome:?}") };
    assert!(reason.contains(says), "{reason}");
}

#[tokio::test]
async fn an_edit_is_stored_and_one_that_comes_twice_changes_nothing() {
    let setting = setting().await;
    let report = setting.edit(setting.head, &setting.body, setting.edited("2"));
    assert!(matches!(setting.send(report.clone()).await, Outcome::Stored(_)));
    assert_eq!(setting.send(report).await, Outcome::Duplicate);
}

#[tokio::test]
async fn reordered_edits_are_asked_for_in_order_and_none_is_lost() {
    let setting = setting().await;
    let (first_body, second_body) = (setting.edited("2"), setting.edited("3"));
    let first = setting.edit(setting.head, &setting.body, first_body.clone());
    let second = setting.edit(first.id, &first_body, second_body);
    assert_eq!(setting.send(second.clone()).await, Outcome::NeedParents(vec![first.id]));
    assert!(matches!(setting.send(first).await, Outcome::Stored(_)));
    assert!(matches!(setting.send(second).await, Outcome::Stored(_)));
}

#[tokio::test]
async fn forged_hashes_bodies_and_signatures_are_kept_aside() {
    let setting = setting().await;
    let good = setting.edit(setting.head, &setting.body, setting.edited("2"));
    let forged_id = RevisionReport { id: Digest::of(b"another"), ..good.clone() };
    rejected_with(&setting.send(forged_id).await, "altered or built wrongly");
    let forged_body = RevisionReport { body: Some(setting.edited("evil")), ..good.clone() };
    rejected_with(&setting.send(forged_body).await, "altered on the way");
    let bytes = serde_json::to_vec(&Report::Revision(Box::new(good.clone()))).unwrap();
    let signature = sign(Purpose::Report, &bytes, &SigningKey::from_bytes(&[6; 32])).to_vec();
    let stranger = SignedReport { number: 2, report: bytes, signature };
    rejected_with(&setting.send_signed(stranger).await, "signature does not fit");
    assert!(matches!(setting.send(good).await, Outcome::Stored(_)), "the good one is not held up");
}

#[tokio::test]
async fn an_edit_that_hides_what_it_changes_is_kept_aside() {
    let setting = setting().await;
    let body = setting.edited("2");
    let parents = BTreeSet::from([setting.head]);
    let touched = TouchedPaths::default();
    let hiding = Revision::writing(setting.resource, Kind::StepTemplate, parents, Some(&body), touched);
    rejected_with(&setting.send(setting.report_of(&hiding, Some(body))).await, "does not admit");
}

#[tokio::test]
async fn parents_cannot_form_a_circle() {
    let setting = setting().await;
    // A revision that names itself has another id for naming itself: the claimed one is a forgery.
    let body = setting.edited("2");
    let own = setting.edit(setting.head, &setting.body, body.clone());
    let mut header = own.header.clone();
    header.parents = BTreeSet::from([own.id]);
    let circular = RevisionReport { header, ..own };
    rejected_with(&setting.send(circular).await, "altered or built wrongly");
}

#[tokio::test]
async fn unknown_kinds_broken_rules_and_foreign_resources_are_kept_aside() {
    let setting = setting().await;
    let good = setting.edit(setting.head, &setting.body, setting.edited("2"));
    let text = serde_json::to_string(&Report::Revision(Box::new(good))).unwrap();
    let unknown = text.replace("step_template", "recipe").into_bytes();
    let signature = sign(Purpose::Report, &unknown, &setting.identity).to_vec();
    let unknown = SignedReport { number: 3, report: unknown, signature };
    rejected_with(&setting.send_signed(unknown).await, "cannot be read");
    let mut nameless = setting.body.clone();
    nameless["Name"] = json!("");
    let nameless = setting.edit(setting.head, &setting.body, nameless);
    rejected_with(&setting.send(nameless).await, "Name must be a text");
    let elsewhere = atoll_domain::id::ResourceId(clock::new_id());
    let foreign = Revision::child(elsewhere, Kind::StepTemplate, BTreeSet::new(), None, &setting.body);
    rejected_with(&setting.send(setting.report_of(&foreign, Some(setting.body.clone()))).await, "does not have");
}

impl Setting {
    async fn loaded(&self) -> Loaded {
        let record = resource_get(&self.services.store, self.resource).await.unwrap().unwrap();
        load(&self.services.store, record).await.unwrap()
    }

    /// An administrator's edit of the one head.
    async fn saved(&self, content: &Value) -> RevisionId {
        let wish = save::Save {
            kind: Kind::StepTemplate,
            resource: Some("T".to_owned()),
            content: content.to_string().into_bytes(),
            base: Some(self.head.to_string()),
            message: String::new(),
            imported: false,
            request_id: None,
        };
        save::save(&self.services, &Caller::manager(clock::now()), wish).await.unwrap().revision
    }

    /// A report of something that this node did not make.
    fn held(&self, revision: &Revision, body: Value, origin: Origin) -> RevisionReport {
        let own = self.report_of(revision, Some(body));
        let provenance = Provenance { node: None, author: "root".to_owned(), origin, ..own.provenance.clone() };
        RevisionReport { provenance, ..own }
    }

    fn offered(&self, version: &str, key: &SigningKey) -> ReturnedReport {
        let body = self.edited("released");
        let parents = BTreeSet::from([Digest::of(b"lost")]);
        let revision = Revision::child(self.resource, Kind::StepTemplate, parents, Some(&self.body), &body);
        let held = self.held(&revision, body.clone(), Origin::Edit);
        let publication = PublicationId(clock::new_id());
        let offer = Offer {
            publication,
            priority: 0,
            edit_mode: EditMode::Propose,
            resource: self.resource,
            kind: Kind::StepTemplate,
            name: "T".to_owned(),
            version: version.parse().unwrap(),
            revision: revision.id,
            header: revision.header,
            provenance: held.provenance,
            body,
        };
        let audience = Audience::Publication(publication);
        let document =
            Document::new(audience, Lane::Content, DocumentKind::Resource, "resource".to_owned(), 1, &offer).unwrap();
        let bytes = document.to_bytes().unwrap();
        let signature = sign(Purpose::Document, &bytes, key).to_vec();
        let document = String::from_utf8(bytes).unwrap();
        ReturnedReport { revision: offer.revision, brings_nothing: false, document, signature, lost_parents: false }
    }

    async fn give_back(&self, report: ReturnedReport) -> Outcome {
        let report = serde_json::to_vec(&Report::Returned(Box::new(report))).unwrap();
        let signature = sign(Purpose::Report, &report, &self.identity).to_vec();
        self.send_signed(SignedReport { number: 1, report, signature }).await
    }
}

#[tokio::test]
async fn merges_answers_and_imports_that_a_node_returns_are_history_and_nothing_more() {
    let setting = setting().await;
    let edit = setting.edit(setting.head, &setting.body, setting.edited("2"));
    setting.send(edit.clone()).await;
    let mut other = setting.body.clone();
    other["Properties"]["b"] = json!("2");
    let other = setting.saved(&other).await;
    let before = setting.loaded().await;
    let Meeting::Settled { revision: merge, body } =
        before.meet(&setting.services.store, edit.id, other).await.unwrap()
    else {
        panic!("the two do not merge");
    };
    let merged = body.unwrap();
    assert!(matches!(setting.send(setting.held(&merge, merged.clone(), Origin::Merge)).await, Outcome::Stored(_)));
    assert_eq!(setting.send(setting.held(&merge, merged.clone(), Origin::Merge)).await, Outcome::Duplicate);

    // Somebody's answer names what it changes beside what merges; one that hides something is kept aside.
    let mut answered = merged.clone();
    answered["Properties"]["a"] = json!("3");
    let answer = |touched: TouchedPaths| {
        let parents = BTreeSet::from([edit.id, other]);
        Revision::writing(setting.resource, Kind::StepTemplate, parents, Some(&answered), touched)
    };
    let hiding = answer(TouchedPaths::default());
    rejected_with(&setting.send(setting.held(&hiding, answered.clone(), Origin::Resolution)).await, "does not admit");
    let honest = answer(std::iter::once("/Properties/a".parse().unwrap()).collect());
    assert!(matches!(
        setting.send(setting.held(&honest, answered.clone(), Origin::Resolution)).await,
        Outcome::Stored(_)
    ));
    let import = Revision::child(setting.resource, Kind::StepTemplate, BTreeSet::new(), None, &setting.edited("4"));
    let import = setting.held(&import, setting.edited("4"), Origin::Import);
    assert!(matches!(setting.send(import).await, Outcome::Stored(_)));

    let after = setting.loaded().await;
    assert_eq!((after.record.heads, after.record.released), (before.record.heads, before.record.released));
    assert_eq!(fork_list(&setting.services.store).await.unwrap().len(), 1, "only its own edit is its wish");
    // Nobody signed that an administrator wrote this.
    assert_eq!(after.provenance[&honest.id].provenance.author, "node:n");
    assert_eq!(after.provenance[&merge.id].provenance.author, "manager");
}

#[tokio::test]
async fn only_the_managers_own_signature_releases_what_comes_back() {
    let setting = setting().await;
    rejected_with(&setting.give_back(setting.offered("2.0.0", &setting.identity)).await, "signature does not fit");
    let offered = setting.offered("2.0.0", &setting.services.keys.documents);
    let lost = Outcome::NeedParents(vec![Digest::of(b"lost")]);
    assert_eq!(setting.give_back(offered.clone()).await, lost);
    let offered = ReturnedReport { lost_parents: true, ..offered };
    assert!(matches!(setting.give_back(offered.clone()).await, Outcome::Stored(_)));
    let released = setting.loaded().await.record.released;
    assert_eq!(released, Some(("2.0.0".parse().unwrap(), offered.revision)));
    assert_eq!(setting.give_back(offered).await, Outcome::Duplicate);
}

#[tokio::test]
async fn an_edit_whose_parents_nobody_has_is_proposed_and_asks_where_it_differs() {
    let setting = setting().await;
    let edit = setting.edit(Digest::of(b"lost"), &setting.body, setting.edited("2"));
    assert_eq!(setting.send(edit.clone()).await, Outcome::NeedParents(vec![Digest::of(b"lost")]));
    let released = setting.loaded().await.record.released;
    let edit = RevisionReport { lost_parents: true, ..edit };
    assert!(matches!(setting.send(edit.clone()).await, Outcome::Stored(_)));
    let after = setting.loaded().await;
    assert_eq!(after.record.released, released);
    let fork = fork_list(&setting.services.store).await.unwrap().remove(0);
    assert_eq!((fork.head, fork.conflict.is_some()), (edit.id, true));
    let Meeting::Open(merged) = after.meet(&setting.services.store, edit.id, setting.head).await.unwrap() else {
        panic!("nobody was asked");
    };
    let places: Vec<String> = merged.conflicts.iter().map(|conflict| conflict.path.to_string()).collect();
    assert_eq!(places, ["/Properties/a"], "it speaks of what it says that it changed");
}
