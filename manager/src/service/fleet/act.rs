//! What administrators do to nodes, one node or many at a time.

use atoll_domain::fleet::name::{GroupPath, check_label};
use atoll_domain::fleet::node::{NodeEvent, NodeStanding};
use atoll_domain::fleet::selector::Labels;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::service::sharing::gets::{Gets, OwnEdits};
use crate::service::sharing::preview::edit::Stopping;
use crate::service::sharing::preview::for_node;
use crate::service::sharing::{membership, reach};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::fleet::{NodeRecord, group_exists, node_update};
use crate::store::sharing::{PublicationRecord, publication_list};

const LABEL_LIMIT: usize = 64;

/// One thing to do to a node.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sets and removes labels, and with them what is published to the node.
    Label { set: Labels, remove: Vec<String> },
    /// Gives it another home group, and with it what is published there.
    Move { group: GroupPath },
    /// Holds it back from new content, or lets it follow again.
    Cordon { cordoned: bool, reason: String },
    /// Ends its membership for good.
    Remove,
}

/// A node as it will be, and how that is recorded.
struct Decided {
    record: NodeRecord,
    action: &'static str,
    detail: Value,
}

/// An act that can be done in a transaction, with what is the same for every node.
#[derive(Debug)]
pub struct Prepared<'a> {
    act: &'a Act,
    publications: Vec<PublicationRecord>,
    sealed: Vec<reach::Sealed>,
}

impl Act {
    /// Checks what does not depend on the node, and reads what every node needs.
    ///
    /// # Errors
    /// A label that cannot be, or a group that does not exist.
    pub async fn prepare(&self, tx: &Tx) -> Result<Prepared<'_>> {
        match self {
            Self::Label { set, .. } => {
                for (key, value) in set {
                    check_label(key, value).map_err(|error| Error::invalid("BAD_LABEL", error.to_string()))?;
                }
            }
            Self::Move { group } if !group_exists(tx, group).await? => {
                return Err(Error::not_found("group", group.as_str()));
            }
            Self::Move { .. } | Self::Cordon { .. } | Self::Remove => {}
        }
        let publications = publication_list(tx).await?;
        let sealed = match self {
            Self::Label { .. } | Self::Move { .. } => reach::sealed(tx, &publications).await?,
            Self::Cordon { .. } | Self::Remove => Vec::new(),
        };
        Ok(Prepared { act: self, publications, sealed })
    }

    fn decide(&self, mut record: NodeRecord, caller: &Caller) -> Result<Decided> {
        let (action, detail) = match self {
            Self::Label { set, remove } => {
                in_fleet(&record)?;
                relabel(&mut record.labels, set, remove)?;
                ("node.label", json!({ "set": set, "remove": remove }))
            }
            Self::Move { group } => {
                in_fleet(&record)?;
                let from = std::mem::replace(&mut record.group, group.clone());
                ("node.move", json!({ "from": from, "to": record.group }))
            }
            Self::Cordon { cordoned, reason } => {
                let event = if *cordoned { NodeEvent::Cordon } else { NodeEvent::Uncordon };
                stand(&mut record, event, caller)?;
                record.standing_reason.clone_from(reason);
                let action = if *cordoned { "node.cordon" } else { "node.uncordon" };
                (action, json!({ "reason": reason }))
            }
            Self::Remove => {
                stand(&mut record, NodeEvent::Remove, caller)?;
                ("node.remove", json!({ "id": record.id }))
            }
        };
        Ok(Decided { record, action, detail })
    }
}

impl Prepared<'_> {
    /// Does it to one node. Everything is decided before anything is written: after an error the transaction can go on
    /// with other nodes, unless the database itself failed.
    ///
    /// # Errors
    /// It cannot be done to this node.
    pub async fn apply(
        &self,
        services: &Services,
        tx: &mut Tx,
        caller: &Caller,
        record: NodeRecord,
    ) -> Result<NodeRecord> {
        let before = record.clone();
        let Decided { record, action, detail } = self.act.decide(record, caller)?;
        reach::check_node(&self.sealed, &before, &record, caller)?;
        node_update(tx, &record).await?;
        if !matches!(self.act, Act::Cordon { .. }) {
            membership::refresh_node_in(services, tx, &record, &self.publications).await?;
        }
        caller.record(tx, action, &record.name, detail);
        Ok(record)
    }

    /// What a node gets and loses where it becomes another, in the order of the publications.
    pub fn reach(&self, record: &NodeRecord, after: &NodeRecord) -> impl Iterator<Item = Option<bool>> {
        let stays = after.standing != NodeStanding::Removed;
        let change = move |publication: &PublicationRecord| {
            let before = publication.selector.matches(&record.group, &record.labels);
            let now = stays && publication.selector.matches(&after.group, &after.labels);
            (before != now).then_some(now)
        };
        self.publications.iter().map(change)
    }

    /// The node as it would be.
    ///
    /// # Errors
    /// It cannot be done to this node.
    pub fn after(&self, caller: &Caller, record: &NodeRecord) -> Result<NodeRecord> {
        Ok(self.act.decide(record.clone(), caller)?.record)
    }

    /// Which values nodes get by what is published.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn gets(&self, tx: &Tx) -> Result<Gets> {
        for_node(tx, self.publications.clone()).await
    }

    /// Why it is refused for a node without the word.
    ///
    /// # Errors
    /// It is refused for something else.
    pub fn refusal(&self, caller: &Caller, record: &NodeRecord, after: &NodeRecord) -> Result<Option<String>> {
        reach::refusal_of_node(&self.sealed, record, after, caller)
    }

    /// Which nodes would run an edit of their own no more.
    #[must_use]
    pub fn stopping<'a>(&'a self, own: &'a OwnEdits) -> Stopping<'a> {
        Stopping::new(own, &self.publications)
    }

    pub fn publications(&self) -> impl Iterator<Item = &str> {
        self.publications.iter().map(|publication| publication.name.as_str())
    }

    /// Takes up what was committed: caches, the node's stream, and who watches.
    pub fn done(&self, services: &Services, caller: &Caller, record: &NodeRecord) {
        services.node_changed(record, caller.now);
        if matches!(self.act, Act::Remove) {
            services.hub.disconnect(record.id);
        } else {
            services.hub.wake(record.id);
        }
    }
}

/// A removed node is nobody's to change.
pub(super) fn in_fleet(record: &NodeRecord) -> Result<()> {
    if record.standing == NodeStanding::Removed {
        return Err(Error::precondition("NODE_REMOVED", format!("{} was removed from the fleet", record.name)));
    }
    Ok(())
}

fn relabel(labels: &mut Labels, set: &Labels, remove: &[String]) -> Result<()> {
    labels.retain(|key, _| !remove.contains(key));
    labels.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
    if labels.len() > LABEL_LIMIT {
        return Err(Error::invalid("TOO_MANY_LABELS", format!("a node has at most {LABEL_LIMIT} labels")));
    }
    Ok(())
}

fn stand(record: &mut NodeRecord, event: NodeEvent, caller: &Caller) -> Result<()> {
    let after = record.standing.after(event);
    record.standing = after.map_err(|error| Error::precondition("NODE_REMOVED", error.to_string()))?;
    record.standing_since_ms = caller.now.0;
    Ok(())
}
