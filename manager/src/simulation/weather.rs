//! What happens to machines: lines that break, answers that are lost, processes that end, and backups.

use std::collections::BTreeSet;

use rand::Rng;

use super::content::{RESOURCES, words};
use super::world::{Backup, World};
use crate::service::sharing::receive::Outcome;
use crate::testing::TestManager;

impl World {
    pub fn any_node(&mut self) -> usize {
        self.random.random_range(0..self.nodes.len())
    }

    /// Delivers reports of a node, and writes down what was answered.
    pub async fn deliver(&mut self, at: usize, most: usize, hears: bool) {
        for (revision, outcome) in self.nodes[at].node.push_some(&self.manager, most, hears).await {
            let Some(revision) = revision else { continue };
            self.say(format!("{}: {} {outcome:?}", self.nodes[at].name, revision.short()));
            match outcome {
                Outcome::Stored(_) | Outcome::Duplicate => self.ledger.acknowledge(revision, self.step),
                // It stays readable on its node; what the manager may not know, it does not keep.
                Outcome::Rejected(_) => self.ledger.reject(revision),
                Outcome::NeedParents(_) => {}
            }
        }
    }

    pub async fn connect(&mut self) {
        let at = self.any_node();
        self.say(format!("{} connects", self.nodes[at].name));
        self.deliver(at, 20, true).await;
        if self.random.random_bool(0.7) {
            self.manager.work().await;
        }
        self.nodes[at].node.pull(&self.manager).await;
    }

    /// Some reports arrive and their answers do not, some batches are stored and the next is not.
    pub async fn connect_badly(&mut self) {
        let at = self.any_node();
        let (reports, hears) = (self.random.random_range(0..4), self.random.random_bool(0.3));
        let batches = self.random.random_range(0..3);
        let name = &self.nodes[at].name;
        self.say(format!("{name} connects for {reports} reports (answers: {hears}) and {batches} batches"));
        self.deliver(at, reports, hears).await;
        if self.random.random_bool(0.5) {
            self.nodes[at].node.pull_some(&self.manager, batches, false).await;
        }
    }

    pub async fn restart_a_node(&mut self) {
        let at = self.any_node();
        self.say(format!("{} restarts", self.nodes[at].name));
        self.nodes[at].node.restart();
    }

    pub fn back_up(&mut self) {
        if self.random.random_bool(0.5) {
            let at = self.any_node();
            self.say(format!("{} is backed up", self.nodes[at].name));
            self.nodes[at].backup = Some((self.nodes[at].node.written(), self.step));
        } else if self.second.is_none() {
            self.say("the manager is backed up");
            self.backup = Some(Backup {
                directory: self.manager.backup(),
                step: self.step,
                publications: self.publications.clone(),
                environments: self.nodes.iter().map(|node| node.environment).collect(),
            });
        }
    }

    /// What was made since, and is on no node any more, is gone as backups lose things. Whatever a node holds comes back.
    pub async fn restore_the_manager(&mut self) {
        let Some(backup) = self.backup.take() else { return };
        self.say(format!("the manager is restored to step {}", backup.step));
        let mut held = self.held_on_nodes();
        self.manager = TestManager::restored(&backup.directory).await;
        for resource in 0..RESOURCES.len() {
            held.extend(self.found(resource).await);
        }
        for (word, entry) in &mut self.ledger.entries {
            // It has forgotten decisions too, and nodes do not tell of them.
            entry.is_declined = false;
            entry.forgotten |= entry.acknowledged.is_some_and(|step| step > backup.step);
            if entry.forgotten && !held.contains(word) {
                entry.excused = Some("lost with a backup");
            }
        }
        self.publications = backup.publications;
        for (node, environment) in self.nodes.iter_mut().zip(backup.environments) {
            node.environment = environment;
        }
    }

    /// The words that nodes run, or have still to deliver.
    fn held_on_nodes(&self) -> BTreeSet<String> {
        let mut held = BTreeSet::new();
        for node in &self.nodes {
            for report in node.node.replica.outbox().values() {
                held.extend(words(&serde_json::to_value(report).unwrap()));
            }
            for id in &self.ids {
                held.extend(node.node.runs(&id.to_string()).and_then(|running| running.body).iter().flat_map(words));
            }
        }
        held
    }

    /// Edits that it had not delivered are gone with it, and so is what a restored manager had forgotten and this node alone
    /// still held.
    pub async fn restore_a_node(&mut self) {
        let at = self.any_node();
        let Some((written, step)) = self.nodes[at].backup.take() else { return };
        let held_before = self.held_on_nodes();
        self.say(format!("{} is restored to step {step}", self.nodes[at].name));
        let id = self.nodes[at].node.id;
        for entry in self.ledger.entries.values_mut() {
            if entry.node == Some(id) && entry.step > step && (entry.acknowledged.is_none() || entry.forgotten) {
                entry.excused = Some("lost with a backup");
            }
        }
        self.nodes[at].node.put_back(written);
        self.nodes[at].editors.clear();
        self.nodes[at].saves.clear();
        let mut held = self.held_on_nodes();
        for resource in 0..RESOURCES.len() {
            held.extend(self.found(resource).await);
        }
        for (word, entry) in &mut self.ledger.entries {
            if entry.forgotten && held_before.contains(word) && !held.contains(word) {
                entry.excused = Some("lost with two backups");
            }
        }
    }
}
