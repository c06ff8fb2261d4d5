//! What people do, at the manager and on nodes.

use std::collections::BTreeSet;

use atoll_domain::id::RevisionId;
use atoll_domain::kind::Kind;
use atoll_domain::link::replica::EditBase;
use atoll_domain::sharing::offer::EditMode;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::content::{ENVIRONMENTS, RESOURCES, change, rescope, reseal, words};
use super::ledger::Entry;
use super::world::{Editor, Publication, World};
use crate::service::sharing::conflict::Take;
use crate::service::sharing::save;
use crate::store::sharing::{ForkRecord, ResourceState, release_list};

impl World {
    fn any_resource(&mut self) -> usize {
        self.random.random_range(0..RESOURCES.len())
    }

    /// Somebody saves a file on a node: one that was opened now, or one that has been open for a while.
    pub async fn edit_on_a_node(&mut self) {
        let (at, resource) = (self.any_node(), self.any_resource());
        let (kind, id) = self.key(resource);
        let name = RESOURCES[resource].1;
        let open: Vec<Editor> =
            self.nodes[at].editors.iter().filter(|editor| editor.resource == resource).cloned().collect();
        let editor = match open.choose(&mut self.random) {
            Some(editor) if self.random.random_bool(0.4) => editor.clone(),
            _ => {
                let Some(running) = self.nodes[at].node.runs(&id).filter(|running| running.body.is_some()) else {
                    return;
                };
                let taken = self.nodes[at].saves.get(&resource).map_or(0, Vec::len);
                let content = self.nodes[at].node.content(&id);
                Editor { resource, claimed: running.revision, content, taken }
            }
        };
        let word = self.word();
        let mut content = editor.content.clone();
        change(kind, &mut content, &word, &mut self.random);
        if kind == Kind::VariableSet && self.random.random_bool(0.3) {
            rescope(&mut content, &mut self.random);
        }
        if self.is_wide && self.random.random_bool(0.1) {
            self.change_name(&mut content, &word);
        }
        let is_fresh = editor.taken == self.nodes[at].saves.get(&resource).map_or(0, Vec::len);
        // A tool that keeps the content and drops `$revision`.
        let base = match self.is_wide && is_fresh && self.random.random_bool(0.08) {
            true => EditBase::Unknown,
            false => EditBase::Revision(editor.claimed),
        };
        let made = self.nodes[at].node.edit_of(Some(self.ids[resource]), kind, base, &content);
        let said = match &made {
            Ok(Some(revision)) => format!("is {}", revision.short()),
            Ok(None) => "changes nothing".to_owned(),
            Err(error) => format!("is refused: {error}"),
        };
        self.say(format!("{} saves {word} in {name} over {base:?}: {said}", self.nodes[at].name));
        let Ok(Some(revision)) = made else { return };
        self.ledger.replaced(&editor.content, &content);
        // An editor that has this file open since has saved before: what stood in its earlier saves and does not stand in
        // this one is its own decision. A second editor with as old a buffer cannot be told apart from it.
        let saves = self.nodes[at].saves.entry(resource).or_default();
        for earlier in saves.iter().skip(editor.taken) {
            self.ledger.replaced(earlier, &content);
        }
        saves.push(content.clone());
        self.written(&word, resource, Some(at), revision, &content);
        if !self.nodes[at].editors.iter().any(|known| known.claimed == editor.claimed && known.resource == resource) {
            self.nodes[at].editors.push(editor);
        }
    }

    fn written(&mut self, word: &str, resource: usize, node: Option<usize>, revision: RevisionId, content: &Value) {
        if words(content).contains(word) {
            let node = node.map(|at| self.nodes[at].node.id);
            let entry = Entry {
                resource,
                node,
                revision,
                step: self.step,
                acknowledged: node.is_none().then_some(self.step),
                forgotten: false,
                excused: None,
                is_agreed: false,
                is_declined: false,
            };
            self.ledger.entries.insert(word.to_owned(), entry);
        }
    }

    /// An administrator saves, now and then from a page that was open for long.
    pub async fn save_at_the_manager(&mut self) {
        let resource = self.any_resource();
        self.save(resource, |world, kind, content, word| change(kind, content, word, &mut world.random)).await;
    }

    pub async fn seal_or_rescope(&mut self) {
        let resource = RESOURCES.iter().position(|(kind, _)| *kind == Kind::VariableSet).unwrap();
        self.save(resource, |world, _, content, _| {
            let number = world.number;
            if world.random.random_bool(0.5) {
                rescope(content, &mut world.random);
            } else {
                reseal(content, number, &mut world.random);
            }
        })
        .await;
    }

    async fn save(&mut self, resource: usize, edit: impl FnOnce(&mut Self, Kind, &mut Value, &str)) {
        let (kind, name) = RESOURCES[resource];
        let loaded = self.loaded(resource).await;
        let store = self.manager.services.store.clone();
        let old: Vec<_> = release_list(&store, loaded.record.id).await.unwrap();
        let base = match old.choose(&mut self.random) {
            Some(release) if self.random.random_bool(0.2) => release.revision,
            _ => loaded.shown().unwrap(),
        };
        let Some(body) = loaded.body(&store, base).await.unwrap() else { return };
        let before = kind.export(&body, &json!({}));
        let (mut content, word) = (before.clone(), self.word());
        edit(self, kind, &mut content, &word);
        let key = Some(self.key(resource).1);
        let saved = self.manager.write_to(kind, key, &content, Some(base.to_string()), false).await;
        match saved {
            Ok(saved) => {
                self.say(format!("{word} in {name} over {} at the manager: {}", base.short(), saved.revision.short()));
                self.ledger.replaced(&before, &content);
                self.written(&word, resource, None, saved.revision, &content);
            }
            Err(error) => self.say(format!("{word} in {name} at the manager is refused: {}", error.reason)),
        }
    }

    /// Another name: one that nobody ever had, or now and then one that something else has.
    fn change_name(&mut self, content: &mut Value, word: &str) {
        let taken = RESOURCES.choose(&mut self.random).map_or("", |(_, name)| name);
        content["Name"] = match self.random.random_bool(0.7) {
            true => json!(format!("named {word}")),
            false => json!(taken),
        };
    }

    pub async fn rename(&mut self) {
        let resource = self.any_resource();
        self.save(resource, |world, _, content, word| world.change_name(content, word)).await;
    }

    /// Somebody deletes a resource, having seen it, or brings a deleted one back as it was last released.
    pub async fn delete_or_bring_back(&mut self) {
        let resource = self.any_resource();
        let ((kind, id), name) = (self.key(resource), RESOURCES[resource].1);
        let loaded = self.loaded(resource).await;
        if loaded.record.state == ResourceState::Deleted {
            self.take_back_to_a_release(resource, 0).await;
            return;
        }
        let store = self.manager.services.store.clone();
        let mut seen = BTreeSet::new();
        for head in &loaded.record.heads {
            seen.extend(loaded.body(&store, *head).await.unwrap().iter().flat_map(words));
        }
        let caller = self.manager.caller.clone();
        let deleted = save::delete(&self.manager.services, &caller, kind, &id, "", "*").await;
        self.manager.work().await;
        self.say(format!("{name} is deleted: {}", deleted.as_ref().map_or_else(|error| error.reason, |_| "done")));
        if deleted.is_ok() {
            self.ledger.excuse(seen.iter(), "deleted by somebody who saw it");
        }
    }

    /// Somebody takes everything back to a state that was released once.
    pub async fn roll_back(&mut self) {
        let resource = self.any_resource();
        let back = self.random.random_range(0..3);
        self.take_back_to_a_release(resource, back).await;
    }

    async fn take_back_to_a_release(&mut self, resource: usize, back: usize) {
        let ((kind, id), name) = (self.key(resource), RESOURCES[resource].1);
        let (loaded, store) = (self.loaded(resource).await, self.manager.services.store.clone());
        let releases = release_list(&store, loaded.record.id).await.unwrap();
        let Some(to) = releases.get(back).map(|release| release.revision) else { return };
        let after = loaded.body(&store, to).await.unwrap().unwrap_or(Value::Null);
        let rolled = self.manager.roll_back(kind, &id, to).await;
        let said = rolled.as_ref().map_or_else(|error| error.reason, |_| "done");
        self.say(format!("{name} is taken back to {}: {said}", to.short()));
        if rolled.is_ok() {
            for head in loaded.record.heads.iter().copied().chain(loaded.shown().ok()) {
                let before = loaded.body(&store, head).await.unwrap().unwrap_or(Value::Null);
                self.ledger.replaced(&before, &after);
            }
        }
    }

    pub async fn release(&mut self) {
        let resource = self.any_resource();
        let ((kind, id), name) = (self.key(resource), RESOURCES[resource].1);
        let heads = self.words_of_heads(resource).await;
        let said = match self.manager.release(kind, &id).await {
            Ok(version) => {
                self.ledger.agree(&heads);
                version.to_string()
            }
            Err(error) => error.reason.to_owned(),
        };
        self.say(format!("{name} is released: {said}"));
    }

    /// Somebody looks at a proposal and accepts or declines it.
    pub async fn decide(&mut self) {
        let forks: Vec<ForkRecord> = self.manager.forks().await.into_iter().filter(|fork| fork.state.waits()).collect();
        let Some(fork) = forks.choose(&mut self.random).cloned() else { return };
        let (accept, release) = (self.random.random_bool(0.6), self.random.random_bool(0.5));
        let told = self.told_of(&fork).await;
        let resource = self.ids.iter().position(|id| *id == fork.resource).unwrap();
        let released = self.words_of_release(resource).await;
        let decided = self.manager.decide(&fork, accept, release).await;
        let said = decided.as_ref().map_or_else(|error| error.reason.to_owned(), |_| "done".to_owned());
        let id = fork.head.short();
        self.say(format!("proposal {id} of {:?} accepted: {accept}, released: {release}: {said}", fork.node));
        if decided.is_ok() && !accept {
            self.ledger.excuse(told.iter(), "declined");
            self.ledger.decline(fork.node, &told, &released);
        }
        if let Some(decided) = decided.ok().filter(|_| accept) {
            // Accepted alone it is everybody's with the next release, which somebody makes who sees it.
            self.ledger.want(&told);
            if decided.release.is_some() {
                let heads = self.words_of_heads(resource).await;
                self.ledger.agree(&heads);
            }
        }
    }

    async fn words_of(&self, resource: usize, revisions: impl Iterator<Item = RevisionId>) -> BTreeSet<String> {
        let (loaded, mut found) = (self.loaded(resource).await, BTreeSet::new());
        for revision in revisions {
            found.extend(loaded.body(&self.manager.services.store, revision).await.unwrap().iter().flat_map(words));
        }
        found
    }

    async fn words_of_heads(&self, resource: usize) -> BTreeSet<String> {
        let heads = self.loaded(resource).await.record.heads;
        self.words_of(resource, heads.into_iter()).await
    }

    async fn words_of_release(&self, resource: usize) -> BTreeSet<String> {
        let released = self.loaded(resource).await.record.released;
        self.words_of(resource, released.into_iter().map(|(_, revision)| revision)).await
    }

    /// The words that are in a node's edit and not in what everybody has.
    async fn told_of(&self, fork: &ForkRecord) -> BTreeSet<String> {
        let mut told = BTreeSet::new();
        for resource in 0..RESOURCES.len() {
            let loaded = self.loaded(resource).await;
            if loaded.record.id != fork.resource {
                continue;
            }
            let store = &self.manager.services.store;
            let known = [fork.head, fork.node_head].into_iter().filter(|id| loaded.history.contains(*id));
            for revision in known {
                told.extend(loaded.body(store, revision).await.unwrap().iter().flat_map(words));
            }
            for head in &loaded.record.heads {
                for word in loaded.body(store, *head).await.unwrap().iter().flat_map(words) {
                    told.remove(&word);
                }
            }
        }
        told
    }

    pub async fn resolve(&mut self) {
        let conflicts = self.manager.conflicts().await;
        let Some(record) = conflicts.choose(&mut self.random).cloned() else { return };
        let take = [Take::Ours, Take::Theirs].choose(&mut self.random).cloned().unwrap();
        let resolved = self.manager.resolve(&record, take.clone(), false).await;
        let said = resolved.as_ref().map_or_else(|error| error.reason, |_| "done");
        self.say(format!("conflict {:?} is answered with {take:?}: {said}", record.id));
        let Ok(resolved) = resolved else { return };
        // Whoever answered has seen both sides.
        let store = self.manager.services.store.clone();
        let after = resolved.loaded.body(&store, resolved.revision).await.unwrap().unwrap_or(Value::Null);
        for side in record.heads {
            let before = resolved.loaded.body(&store, side).await.unwrap().unwrap_or(Value::Null);
            self.ledger.replaced(&before, &after);
        }
        self.ledger.want(&words(&after));
    }

    /// Another edit mode or pin for everybody, or a stronger publication for some.
    pub async fn change_a_publication(&mut self) {
        let modes = [EditMode::Propose, EditMode::WriteThrough, EditMode::Fork, EditMode::Locked];
        let mode = *modes.choose(&mut self.random).unwrap();
        let at = if self.random.random_bool(0.5) {
            self.publications[0].mode = mode;
            0
        } else {
            let resource = self.any_resource();
            let releases = release_list(&self.manager.services.store, self.ids[resource]).await.unwrap();
            let pin = releases.choose(&mut self.random).map(|release| release.version.to_string());
            let pin = pin.filter(|_| self.random.random_bool(0.6));
            let items = [(resource, pin)].into();
            self.publications.retain(|publication| publication.name == "all");
            self.publications.push(Publication { name: "eu", group: "/eu", priority: 10, mode, items });
            1
        };
        let publication = &self.publications[at];
        let said =
            format!("{} is published to {}: {mode} {:?}", publication.name, publication.group, publication.items);
        self.say(said);
        self.publish(at).await;
    }

    pub async fn publish(&mut self, at: usize) {
        let publication = self.publications[at].clone();
        let keys: Vec<(Kind, String)> = publication.items.keys().map(|resource| self.key(*resource)).collect();
        let pins = publication.items.values().map(Option::as_deref);
        let items: Vec<(Kind, &str, Option<&str>)> =
            keys.iter().zip(pins).map(|((kind, id), pin)| (*kind, id.as_str(), pin)).collect();
        let Publication { name, group, priority, mode, .. } = publication;
        self.manager.publish(name, group, priority, mode, &items).await;
    }

    /// A node comes to another environment, and with it to what is sealed for it: whoever does it says so.
    pub async fn label(&mut self) {
        let at = self.any_node();
        let environment = *ENVIRONMENTS.choose(&mut self.random).unwrap();
        let widen = self.random.random_bool(0.7);
        let labelled = self.manager.label(&self.nodes[at].node, "environment", environment, widen).await;
        let said = labelled.as_ref().map_or_else(|error| error.reason, |()| "done");
        self.say(format!("{} is labelled {environment}: {said}", self.nodes[at].name));
        if labelled.is_ok() {
            self.nodes[at].environment = environment;
            self.nodes[at].environments.insert(environment);
        }
    }
}
