//! Two acts at the same moment, on PostgreSQL, where transactions really run beside each other: whatever the order, nodes
//! are in the audiences that they should be in, get the newest release, and no two resources have one name.

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_domain::document::Audience;
use atoll_domain::fleet::selector::{Labels, Selector};
use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::offer::EditMode;
use serde_json::json;
use uuid::Uuid;

use crate::error::ErrorKind;
use crate::service::fleet::act::Act as NodeAct;
use crate::service::fleet::selection;
use crate::service::sharing::{offer, publication};
use crate::store::feed::{audiences_of, document_keys};
use crate::store::fleet::node_list;
use crate::store::gate::Gate;
use crate::store::sharing::{ResourceState, publication_list, resource_list};
use crate::testing::TestManager;

const KIND: Kind = Kind::StepTemplate;

/// What an administrator, a node or a joiner does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Label,
    Unlabel,
    Join,
    Publish,
    Retarget,
    Release,
    Import,
    Edit,
    /// One of many nodes at once.
    LabelMany,
    Rename,
    Unpublish,
}

const ACTS: [Act; 11] = [
    Act::Label,
    Act::Unlabel,
    Act::Join,
    Act::Publish,
    Act::Retarget,
    Act::Release,
    Act::Import,
    Act::Edit,
    Act::LabelMany,
    Act::Rename,
    Act::Unpublish,
];

fn template(name: &str, a: &str) -> serde_json::Value {
    json!({"Name": name, "ActionType": "Octopus.Script", "Properties": {"a": a, "b": "1"}})
}

async fn label(manager: &TestManager, role: &str) {
    let act = NodeAct::Label { set: [("role".to_owned(), role.to_owned())].into(), remove: Vec::new() };
    crate::service::fleet::node::act(&manager.services, &manager.caller, "first", &act).await.unwrap();
}

/// Publishes the resource to all nodes of a role.
async fn target(manager: &TestManager, role: &str) {
    let wish = publication::Wish {
        selector: Selector { group: "/".parse().unwrap(), labels: [("role".to_owned(), role.to_owned())].into() },
        ..manager.wish("web", "/", 5, EditMode::WriteThrough, &[(KIND, "T", None)])
    };
    publication::save(&manager.services, &manager.caller, wish).await.unwrap();
}

/// Before each pair nothing is yet as any of the acts makes it, so that each of them matters to the other.
async fn begin(manager: &TestManager, acts: [Act; 2]) -> Uuid {
    label(manager, if acts.contains(&Act::Unlabel) { "web" } else { "none" }).await;
    target(manager, "database").await;
    let _ = publication::delete(&manager.services, &manager.caller, "more", "*").await;
    if acts.contains(&Act::Unpublish) && !acts.contains(&Act::Publish) {
        manager.publish("more", "/", 7, EditMode::Propose, &[(KIND, "T", None)]).await;
    }
    let unlabel = NodeAct::Label { set: Labels::new(), remove: vec!["role".to_owned()] };
    crate::service::fleet::node::act(&manager.services, &manager.caller, &second(manager).await, &unlabel)
        .await
        .unwrap();
    manager.work().await;
    // What is acted on is chosen before, and nothing of that is held up.
    let chosen = [second(manager).await];
    selection::freeze(&manager.services, &manager.caller, &chosen, "").await.unwrap().record.id
}

/// The id of the node that is renamed.
async fn second(manager: &TestManager) -> String {
    let nodes = node_list(&manager.services.store).await.unwrap();
    nodes.into_iter().find(|node| node.labels.contains_key("renamed")).unwrap().id.to_string()
}

async fn act(manager: &TestManager, act: Act, round: &str, frozen: Uuid) {
    match act {
        Act::Label => label(manager, "web").await,
        Act::Unlabel => label(manager, "none").await,
        Act::Join => {
            manager.node(&format!("joined-{round}"), "/", &[("role", "web")]).await;
        }
        Act::LabelMany => {
            let (services, caller) = (&manager.services, &manager.caller);
            let label = NodeAct::Label { set: [("role".to_owned(), "web".to_owned())].into(), remove: Vec::new() };
            selection::act(services, caller, frozen, 1, &label).await.unwrap();
        }
        Act::Rename => {
            let name = format!("renamed-{}", crate::clock::new_id()).parse().unwrap();
            let id = second(manager).await;
            crate::service::fleet::node::rename(&manager.services, &manager.caller, &id, name).await.unwrap();
        }
        Act::Unpublish => {
            // The other act may have deleted it, and it goes wrong in no other way.
            let deleted = publication::delete(&manager.services, &manager.caller, "more", "*").await;
            assert!(deleted.as_ref().err().is_none_or(|error| error.kind == ErrorKind::NotFound), "{deleted:?}");
        }
        Act::Publish => manager.publish("more", "/", 7, EditMode::Propose, &[(KIND, "T", None)]).await,
        Act::Retarget => target(manager, "web").await,
        Act::Release => {
            // Somebody may have written meanwhile: what counts is that nothing is half done.
            let _ = manager.write(KIND, &template("T", round)).await;
            let _ = manager.release(KIND, "T").await;
        }
        Act::Import => {
            let _ = manager.write_from(KIND, &template("Twin", round), None, false).await;
        }
        Act::Edit => {
            let mut node = manager.node(&format!("editor-{round}"), "/", &[("role", "database")]).await;
            node.pull(manager).await;
            if node.runs("T").is_some() {
                let mut content = node.content("T");
                content["Properties"]["b"] = json!(round);
                node.edit(KIND, EditBase::Running, &content).unwrap();
                node.push(manager).await;
            }
        }
    }
}

async fn holds(manager: &TestManager, after: &str) {
    manager.work().await;
    let store = &manager.services.store;
    let publications = publication_list(store).await.unwrap();
    for node in node_list(store).await.unwrap() {
        let present: BTreeSet<Audience> = audiences_of(store, node.id).await.unwrap().into_iter().collect();
        let reached = publications.iter().filter(|publication| publication.selector.matches(&node.group, &node.labels));
        let mut wanted: BTreeSet<Audience> = reached.map(|publication| Audience::Publication(publication.id)).collect();
        wanted.insert(Audience::Node(node.id));
        assert_eq!(present, wanted, "{after}: {}", node.name);
    }
    let newest = manager.loaded(KIND, "T").await.record.released.unwrap().1.to_string();
    for publication in publications {
        let audience = Audience::Publication(publication.id);
        for item in &publication.items {
            let key = atoll_domain::link::feed::RowKey {
                audience: audience.clone(),
                key: offer::resource_key(item.resource),
            };
            let document = crate::store::feed::document_get(store, &key).await.unwrap().unwrap();
            let text = String::from_utf8(document.document).unwrap();
            assert!(text.contains(&newest), "{after}: {} brings an old release", publication.name);
        }
        assert!(!document_keys(store, &audience).await.unwrap().is_empty());
    }
    let live = resource_list(store).await.unwrap().into_iter().filter(|one| one.state != ResourceState::Deleted);
    let names: Vec<String> = live.map(|one| one.name_key).collect();
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(names.len(), distinct.len(), "{after}: {names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_two_acts_at_once_leave_the_fleet_as_one_after_the_other_would() {
    let gate = Arc::new(Gate::default());
    let Some(manager) = TestManager::held_by(&gate).await else { return };
    manager.written(KIND, &template("T", "1")).await;
    manager.publish("web", "/", 5, EditMode::WriteThrough, &[(KIND, "T", None)]).await;
    manager.node("first", "/", &[]).await;
    manager.node("second", "/", &[("renamed", "yes")]).await;
    for (index, one) in ACTS.into_iter().enumerate() {
        for other in ACTS.into_iter().skip(index) {
            let round = format!("{one:?}-{other:?}").to_lowercase();
            let (left, right) = (format!("{round}-1"), format!("{round}-2"));
            let frozen = begin(&manager, [one, other]).await;
            gate.both(act(&manager, one, &left, frozen), act(&manager, other, &right, frozen)).await;
            holds(&manager, &round).await;
        }
    }
}
