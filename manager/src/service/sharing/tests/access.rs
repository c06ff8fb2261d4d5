//! What is said beforehand of access to sensitive values is what nodes can read afterwards.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::document::Audience;
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::effective::Outcome;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::offer::EditMode;
use serde_json::{Value, json};

use crate::service::fleet::act::Act;
use crate::service::fleet::node as fleet_node;
use crate::service::fleet::selection::{freeze, preview};
use crate::service::sharing::preview::values::{Access, ValueChanges};
use crate::service::sharing::preview::{Planned, foresee, publication};
use crate::service::sharing::required;
use crate::service::sharing::variable::{Asked, effective_variables};
use crate::store::feed::document_keys;
use crate::testing::{TestManager, TestNode};

const SET: Kind = Kind::VariableSet;
const TEMPLATE: Kind = Kind::StepTemplate;

/// A variable whose sealed value is called as it is.
fn secret(name: &str, scope: &Value) -> Value {
    json!({"Id": name, "Name": name, "Type": "Sensitive", "Scope": scope, "Value": name})
}

fn plain(name: &str, value: &str) -> Value {
    json!({"Id": name, "Name": name, "Value": value})
}

fn production() -> Value {
    json!({"Environment": ["production"]})
}

fn set(variables: &[Value]) -> Value {
    json!({"Name": "S", "Variables": variables})
}

/// A set as it is written anew: what is sealed there stays.
fn left(mut variable: Value) -> Value {
    variable["Value"] = Value::Null;
    variable
}

struct Fleet {
    manager: TestManager,
    nodes: Vec<TestNode>,
}

type Reads = BTreeMap<String, BTreeSet<String>>;

impl Fleet {
    async fn start() -> Self {
        let manager = TestManager::start().await;
        manager.written(SET, &set(&[secret("K", &production()), plain("A", "1"), plain("B", "1")])).await;
        manager.publish("low", "/", 0, EditMode::Propose, &[(SET, "S", None)]).await;
        let nodes = vec![
            manager.node("a", "/eu", &[("environment", "production")]).await,
            manager.node("b", "/eu/test", &[("environment", "staging")]).await,
            manager.node("c", "/eu", &[("environment", "staging")]).await,
        ];
        let mut fleet = Self { manager, nodes };
        fleet.settle().await;
        fleet
    }

    async fn settle(&mut self) {
        self.manager.work().await;
        for node in &mut self.nodes {
            node.sync(&self.manager).await;
        }
    }

    fn reads(&self) -> Reads {
        let one = |node: &TestNode, name: &str| (name.to_owned(), node.plaintexts().into_iter().collect());
        self.nodes.iter().zip(["a", "b", "c"]).map(|(node, name)| one(node, name)).collect()
    }

    /// After something was done: what was said beforehand is what has become of it.
    async fn agrees(&mut self, before: &Reads, said: &ValueChanges, what: &str) {
        self.settle().await;
        let after = self.reads();
        let told = |access: Access| -> BTreeSet<(String, String)> {
            let is_meant = |one: Access| one == access || one == Access::Replaced;
            let changes = said.listed.iter().filter(|change| is_meant(change.access));
            changes.map(|change| (change.node.clone(), change.name.clone())).collect()
        };
        let differs = |one: &Reads, other: &Reads| -> BTreeSet<(String, String)> {
            let of = |(node, reads): (&String, &BTreeSet<String>)| {
                reads.difference(&other[node]).map(|name| (node.clone(), name.clone())).collect::<Vec<_>>()
            };
            one.iter().flat_map(of).collect()
        };
        assert_eq!(told(Access::Gained), differs(&after, before), "{what}: gained");
        assert_eq!(told(Access::Lost), differs(before, &after), "{what}: lost");
    }

    async fn release(&mut self, kind: Kind, name: &str, what: &str) {
        let planned = Planned::Release { kind, resource: name.to_owned(), revision: None, version: None };
        let (before, said) =
            (self.reads(), foresee(&self.manager.services, &self.manager.caller, &planned).await.unwrap().values);
        self.manager.release(kind, name).await.unwrap();
        self.agrees(&before, &said, what).await;
    }

    async fn publish(&mut self, name: &str, group: &str, mode: EditMode, item: (Kind, &str, Option<&str>)) {
        let wish = self.manager.wish(name, group, 9, mode, &[item]);
        let said =
            publication::preview(&self.manager.services, &self.manager.caller, &wish).await.unwrap().foreseen.values;
        let before = self.reads();
        self.manager.publish(name, group, 9, mode, &[item]).await;
        self.agrees(&before, &said, name).await;
    }

    async fn label(&mut self, node: usize, value: &str) {
        let name = ["a", "b", "c"][node].to_owned();
        let (services, caller) = (&self.manager.services, &self.manager.caller);
        let frozen = freeze(services, caller, &[name], "").await.unwrap();
        let act = Act::Label { set: [("environment".to_owned(), value.to_owned())].into(), remove: Vec::new() };
        let said = preview(services, caller, frozen.record.id, 1, &act).await.unwrap().values;
        let before = self.reads();
        self.manager.label(&self.nodes[node], "environment", value, true).await.unwrap();
        self.agrees(&before, &said, value).await;
    }

    async fn delete(&mut self, name: &str) {
        let planned = Planned::DeletePublication { name: name.to_owned() };
        let (before, said) =
            (self.reads(), foresee(&self.manager.services, &self.manager.caller, &planned).await.unwrap().values);
        crate::service::sharing::publication::delete(&self.manager.services, &self.manager.caller, name, "*")
            .await
            .unwrap();
        self.agrees(&before, &said, name).await;
    }
}

#[tokio::test]
async fn what_does_not_win_on_a_node_can_be_read_there_and_is_said_so() {
    let mut fleet = Fleet::start().await;
    // A publication that wins keeps a group at the first release; the other one goes on bringing what it has.
    fleet.publish("high", "/eu/test", EditMode::Locked, (SET, "S", Some("1.0.0"))).await;
    let more = [left(secret("K", &production())), plain("A", "1"), plain("B", "1"), secret("N", &json!({}))];
    fleet.manager.write(SET, &set(&more)).await.unwrap();
    fleet.release(SET, "S", "a new one").await;
    assert!(fleet.reads()["b"].contains("N"));
    fleet.label(1, "production").await;
    fleet.label(1, "staging").await;
    fleet.delete("high").await;
    fleet.delete("low").await;
    for node in &fleet.nodes {
        let keys = document_keys(&fleet.manager.services.store, &Audience::Node(node.id)).await.unwrap();
        assert!(keys.is_empty(), "no key stays behind: {keys:?}");
    }
}

#[tokio::test]
async fn a_value_that_another_shadows_and_those_of_templates_are_said_too() {
    let mut fleet = Fleet::start().await;
    let shadowed = json!({"Id": "x", "Name": "K", "Scope": {"Target": ["b"]}, "Value": "plain"});
    let variables = [left(secret("K", &production())), plain("A", "1"), plain("B", "1"), shadowed];
    fleet.manager.write(SET, &set(&variables)).await.unwrap();
    fleet.release(SET, "S", "a plain one beside it").await;
    fleet.label(1, "production").await;
    assert!(fleet.reads()["b"].contains("K"));
    let token = json!({"HasValue": true, "NewValue": "/Properties/Token"});
    let template =
        |token: &Value, x: &str| json!({"Name": "T", "ActionType": "x", "Properties": {"Token": token, "x": x}});
    fleet.manager.written(TEMPLATE, &template(&token, "1")).await;
    fleet.publish("tt", "/eu/test", EditMode::Propose, (TEMPLATE, "T", None)).await;
    assert!(fleet.reads()["b"].contains("/Properties/Token"));
    fleet.label(1, "staging").await;
    fleet.manager.write(TEMPLATE, &template(&Value::Null, "2")).await.unwrap();
    fleet.release(TEMPLATE, "T", "without it").await;
    fleet.delete("tt").await;
}

#[tokio::test]
async fn an_edit_that_is_part_of_the_release_goes_on_no_longer() {
    let mut fleet = Fleet::start().await;
    let edited = [left(secret("K", &production())), plain("A", "mine"), plain("B", "1")];
    let mut content = fleet.nodes[0].content("S");
    content["Variables"][1]["Value"] = json!("mine");
    fleet.nodes[0].edit(SET, EditBase::Running, &content).unwrap();
    fleet.settle().await;
    let fork = fleet.manager.forks().await.remove(0);
    fleet.manager.decide(&fork, true, false).await.unwrap();
    // It is in the draft by now, with something else: what its node gets is all of that.
    let mut draft = edited.to_vec();
    draft[2] = plain("B", "2");
    draft[0] = secret("N", &json!({}));
    let base = fleet.manager.loaded(SET, "S").await.shown().unwrap().to_string();
    fleet.manager.write_from(SET, &set(&draft), Some(base), false).await.unwrap();
    let planned = || Planned::Release { kind: SET, resource: "S".to_owned(), revision: None, version: None };
    let seen = foresee(&fleet.manager.services, &fleet.manager.caller, &planned()).await.unwrap();
    assert_eq!((seen.nodes, seen.own_edits), (3, 0), "nobody goes on with an edit of their own");
    let of_a: Vec<&str> = seen.values.listed.iter().filter(|one| one.node == "a").map(|one| &*one.name).collect();
    assert_eq!(of_a, ["B", "K", "N"]);
    fleet.release(SET, "S", "with the edit").await;
    assert_eq!(fleet.reads()["a"], ["N".to_owned()].into());
}

#[tokio::test]
async fn what_needs_the_word_says_so_beforehand() {
    let fleet = Fleet::start().await;
    let manager = &fleet.manager;
    // Everybody reads it by the second release, and production alone by the third.
    let base = [plain("A", "1"), plain("B", "1"), secret("N", &json!({}))];
    manager.written(SET, &set(&base)).await;
    manager.written(SET, &set(&[base[0].clone(), base[1].clone(), left(secret("N", &production()))])).await;
    manager.node("new", "/eu/test", &[]).await;
    let wish = |version| manager.wish("pin", "/eu/test", 9, EditMode::Propose, &[(SET, "S", Some(version))]);
    let said = async |version| {
        publication::preview(&manager.services, &manager.caller, &wish(version)).await.unwrap().foreseen.refusal
    };
    assert_eq!(said("1.0.2").await, None);
    let refusal = said("1.0.1").await.unwrap();
    assert!(refusal.contains("--widen") && refusal.contains("new"), "{refusal}");
    let second = manager.loaded(SET, "S").await.resolve(&manager.services.store, "1.0.1").await.unwrap().to_string();
    let planned = |revision| Planned::Release { kind: SET, resource: "S".to_owned(), revision, version: None };
    let said = async |revision| foresee(&manager.services, &manager.caller, &planned(revision)).await.unwrap().refusal;
    assert_eq!(said(None).await, None);
    assert!(said(Some(second)).await.unwrap().contains("--widen"));
}

#[tokio::test]
async fn a_value_that_was_taken_from_a_local_edit_is_missed() {
    let mut fleet = Fleet::start().await;
    let required = |scope: &Value| {
        let mut variable = secret("N", scope);
        variable["Required"] = json!(true);
        variable
    };
    let with =
        |variable: Value, b: &str| set(&[left(secret("K", &production())), plain("A", "1"), plain("B", b), variable]);
    fleet.manager.write(SET, &with(required(&json!({})), "1")).await.unwrap();
    fleet.release(SET, "S", "for everybody").await;
    // Its node goes on with an edit that does not merge, while the value is kept from it.
    let mut content = fleet.nodes[2].content("S");
    content["Variables"][2]["Value"] = json!("mine");
    fleet.nodes[2].edit(SET, EditBase::Running, &content).unwrap();
    fleet.settle().await;
    fleet.manager.write(SET, &with(left(required(&production())), "theirs")).await.unwrap();
    fleet.release(SET, "S", "for production").await;
    assert!(!fleet.reads()["c"].contains("N"));
    assert_eq!(fleet.nodes[2].content("S")["Variables"][2]["Value"], "mine");
    let services = &fleet.manager.services;
    let asked = Asked { set: Some("S".to_owned()), node: Some("c".to_owned()), ..Asked::default() };
    let views = effective_variables(services, &asked).await.unwrap();
    let found = views.into_iter().find(|view| view.effective.name == "N").unwrap();
    assert_eq!(found.effective.outcome, Outcome::RequiredMissing);
    required::refresh(services).await.unwrap();
    let c = fleet_node::find(&services.store, "c").await.unwrap();
    assert!(services.required.is_missing(c.id));
}
