//! Edits that are made on the node.

use std::collections::BTreeSet;

use serde_json::Value;

use super::returning::report_of;
use super::trail::Content;
use super::{Replica, Write};
use crate::document::{Report, RevisionReport};
use crate::id::{NodeId, ResourceId, RevisionId};
use crate::kind::{Kind, Problem};
use crate::sharing::fork::{Fork, ForkState, OwnRevision};
use crate::sharing::history::merge_checked;
use crate::sharing::merge::Side;
use crate::sharing::offer::{EditMode, Offer, winning};
use crate::sharing::path::Path;
use crate::sharing::revision::{Origin, Provenance, Revision};
use crate::sharing::take_back::taken_back;
use crate::sharing::text::TextMode;
use crate::sharing::touched::difference;
use crate::time::Timestamp;

/// Why an edit cannot be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    #[error("this node holds no {kind} named \"{name}\"; publish it to the node first")]
    Unknown { kind: Kind, name: String },
    #[error("this node holds several resources of kind {kind} named \"{name}\"; say which one by its id")]
    Ambiguous { kind: Kind, name: String },
    #[error("\"{0}\" is locked by its publication; edit it on the manager, or change the edit mode of the publication")]
    Locked(String),
    #[error(
        "it was made from \"{other}\", and would replace \"{name}\"; save it under the name of what it was made from"
    )]
    OfAnother { name: String, other: String },
    #[error("{0}")]
    Malformed(String),
    #[error("the edit breaks a rule: {}", list(.0))]
    Invalid(Vec<Problem>),
    #[error("the outbox holds {0} edits that are not delivered yet; connect this node before making more")]
    OutboxFull(usize),
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// Most undelivered reports. Far beyond what people type in months; it bounds what a broken reload loop can do.
pub const OUTBOX_LIMIT: usize = 10_000;

/// What an edit was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditBase {
    /// What the node runs.
    Running,
    /// A revision that the editor started from. What was taken from it since counts too: see [`super::trail`].
    Revision(RevisionId),
    /// Nobody knows: proposed, and not run.
    Unknown,
}

impl EditBase {
    /// The revision that the editor says it started from, and will say again when it saves once more.
    fn named(self) -> Option<RevisionId> {
        match self {
            Self::Revision(revision) => Some(revision),
            Self::Running | Self::Unknown => None,
        }
    }
}

/// An edit on the node.
#[derive(Debug, Clone)]
pub struct Edit<'a> {
    /// Which resource, where its name alone does not say so.
    pub resource: Option<ResourceId>,
    pub kind: Kind,
    pub name: &'a str,
    pub base: EditBase,
    /// The whole new content in the outside form.
    pub content: &'a Value,
    pub author: &'a str,
    pub message: &'a str,
    pub now: Timestamp,
}

/// What the editor last had, and the revision that this became a part of.
struct Prior {
    revision: RevisionId,
    /// As the editor had it.
    content: Option<Value>,
    /// The revision's own body.
    body: Option<Value>,
    /// The claimed base, and what was taken from it since before the last save.
    overtaken: Vec<Option<Value>>,
    is_unknown: bool,
}

/// What was handed out of a resource, as far as the node knows.
struct HandedOut<'a> {
    resource: ResourceId,
    content: &'a Content,
    /// Found by the base that the edit names; else it is what was there last.
    is_known: bool,
}

impl Replica {
    /// Plans an edit: a revision that goes into the outbox, and runs here as its edit mode allows. `None` when it
    /// changes nothing.
    ///
    /// # Errors
    /// Says why the edit cannot be taken; nothing has changed then.
    pub fn plan_edit(&self, node: NodeId, edit: &Edit<'_>) -> Result<Option<(RevisionId, Vec<Write>)>, EditError> {
        if self.outbox.len() >= OUTBOX_LIMIT {
            return Err(EditError::OutboxFull(self.outbox.len()));
        }
        let offer = match (self.offer_for(edit), self.handed_out(edit)) {
            (Err(EditError::Unknown { .. }), Some(handed)) => return self.plan_late_edit(node, edit, &handed),
            (found, _) => found?,
        };
        if offer.edit_mode == EditMode::Locked {
            return Err(EditError::Locked(edit.name.to_owned()));
        }
        let fork = self.forks.get(&offer.resource).filter(|fork| fork.runs());
        let prior = self.prior(offer, fork, edit.base);
        if let Some(other) = self.base_of_another(offer, &prior, edit.base) {
            return Err(EditError::OfAnother { name: edit.name.to_owned(), other });
        }
        let (saved, metadata) = imported(edit, prior.content.as_ref())?;
        let running = fork.map_or(Some(&offer.body), |fork| fork.body.as_ref());
        if prior.content.as_ref() == Some(&saved) {
            return Ok(None);
        }
        if prior.is_unknown && running == Some(&saved) {
            return Ok(None);
        }
        let body = body_of(edit.kind, prior.content.as_ref(), &saved, prior.body.as_ref())?;
        let parents = BTreeSet::from([prior.revision]);
        let revision = Revision::child(offer.resource, edit.kind, parents, prior.body.as_ref(), &body);
        if self.contains(offer, revision.id) {
            return Ok(None);
        }
        let provenance = made_here(node, edit, metadata);
        let made = Made { revision, body, saved, provenance, prior };
        Ok(Some((made.revision.id, self.edit_writes(offer, fork, made, edit))))
    }

    /// What the editor had of a resource that this node may hold no longer; what was there last, where nobody knows.
    fn handed_out(&self, edit: &Edit<'_>) -> Option<HandedOut<'_>> {
        let resource = edit.resource?;
        let trail = self.trail(resource)?;
        let claimed = edit.base.named().and_then(|claimed| trail.since(claimed));
        let last = claimed.map(|(handed, taken)| taken.unwrap_or(handed));
        Some(HandedOut { resource, is_known: last.is_some(), content: last.or_else(|| trail.newest())? })
    }

    /// Plans an edit of what has left this node since it was handed out: it was deleted, or is published to others only. It is
    /// somebody's work, so the manager is told of it; here it runs no more.
    fn plan_late_edit(
        &self,
        node: NodeId,
        edit: &Edit<'_>,
        handed: &HandedOut<'_>,
    ) -> Result<Option<(RevisionId, Vec<Write>)>, EditError> {
        let (resource, last) = (handed.resource, handed.content);
        let (saved, metadata) = imported(edit, last.body.as_ref())?;
        if last.body.as_ref() == Some(&saved) {
            return Ok(None);
        }
        let prior = last.revision_body();
        let body = body_of(edit.kind, last.body.as_ref(), &saved, prior)?;
        let revision = Revision::child(resource, edit.kind, BTreeSet::from([last.revision]), prior, &body);
        if self.outbox.values().any(|report| report.revision() == Some(revision.id)) {
            return Ok(None);
        }
        let provenance = made_here(node, edit, metadata);
        let report = report_of(&revision.header, revision.id, provenance, Some(body.clone()), !handed.is_known);
        let own = (saved != body).then_some(body);
        let taken = Content::new(revision.id, Some(saved), own, true, edit.now);
        let mut writes = vec![Write::PutReport(self.next_report, Box::new(report))];
        writes.extend(self.plan_contents(resource, None, Some(taken), edit.base.named()));
        Ok(Some((revision.id, writes)))
    }

    /// The offer that an edit is about. Two resources of one name are told apart by their ids.
    fn offer_for(&self, edit: &Edit<'_>) -> Result<&Offer, EditError> {
        let offers = self.offers();
        let fits = |offer: &Offer| match edit.resource {
            Some(id) => offer.resource == id,
            None => offer.kind == edit.kind && offer.name == edit.name,
        };
        let mut found: Vec<&Offer> =
            offers.values().filter_map(|offers| winning(offers)).filter(|offer| fits(offer)).collect();
        let (kind, name) = (edit.kind, edit.name.to_owned());
        match (found.pop(), found.is_empty()) {
            (Some(offer), true) if offer.kind == edit.kind => Ok(offer),
            (Some(_), false) => Err(EditError::Ambiguous { kind, name }),
            _ => Err(EditError::Unknown { kind, name }),
        }
    }

    fn prior(&self, offer: &Offer, fork: Option<&Fork>, base: EditBase) -> Prior {
        let (revision, content, body) = match fork {
            None => (offer.revision, Some(offer.body.clone()), Some(offer.body.clone())),
            Some(fork) => {
                let own = fork.own().1.filter(|_| fork.head == fork.own_head).or(fork.body.as_ref());
                (fork.head, fork.body.clone(), own.cloned())
            }
        };
        let current = Prior { revision, content, body, overtaken: Vec::new(), is_unknown: false };
        let claimed = match base {
            EditBase::Running => return current,
            EditBase::Revision(id) if id == current.revision => return current,
            EditBase::Revision(id) => id,
            EditBase::Unknown => return Prior { is_unknown: true, ..current },
        };
        match self.trail(offer.resource).and_then(|trail| Some((trail, trail.since(claimed)?))) {
            Some((trail, (handed, taken))) => {
                let last = taken.unwrap_or(handed);
                let overtaken = trail.overtaken(claimed).map(|content| content.body.clone()).collect();
                // What the editor has is what runs, under a newer revision, such as the answer that took this node's side: the
                // file was not rewritten for it, and the edit goes on from there.
                let prior = if last.body == current.content { current } else { prior_of(last) };
                Prior { overtaken, ..prior }
            }
            None if claimed == offer.revision => {
                let body = Some(offer.body.clone());
                Prior { revision: claimed, content: body.clone(), body, overtaken: Vec::new(), is_unknown: false }
            }
            None => Prior { is_unknown: true, ..current },
        }
    }

    /// The name of another resource that the revision is of that an edit was made from: a file was saved under a name that
    /// has come to be another's.
    fn base_of_another(&self, offer: &Offer, prior: &Prior, base: EditBase) -> Option<String> {
        let EditBase::Revision(claimed) = base else { return None };
        if !prior.is_unknown {
            return None;
        }
        let offers = self.offers();
        let mut others =
            offers.values().filter_map(|offers| winning(offers)).filter(|other| other.resource != offer.resource);
        let is_of = |other: &&Offer| {
            let fork = self.forks.get(&other.resource);
            other.revision == claimed
                || fork.is_some_and(|fork| fork.own_head == claimed || fork.head == claimed)
                || self.trail(other.resource).is_some_and(|trail| trail.since(claimed).is_some())
        };
        let offered = others.find(is_of).map(|other| other.name.clone());
        // Of what has left this node nothing is known any more but what was handed out of it.
        offered.or_else(|| {
            let mut gone = self.trails.iter().filter(|(resource, _)| **resource != offer.resource);
            let (_, (handed, _)) = gone.find_map(|(id, trail)| trail.since(claimed).map(|found| (id, found)))?;
            let name = handed.body.as_ref().and_then(|body| body.get("Name")).and_then(Value::as_str);
            Some(name.unwrap_or("another resource").to_owned())
        })
    }

    /// Whether a revision is part of what the node has already: making it once more would be nothing new.
    fn contains(&self, offer: &Offer, id: RevisionId) -> bool {
        let in_fork = self.forks.get(&offer.resource).is_some_and(|fork| {
            let is_own = fork.own_head == id || fork.head == id || fork.header.parents.contains(&id);
            // What was declined or rejected may be made again, knowingly.
            is_own && !fork.state.is_closed()
        });
        in_fork || offer.revision == id || offer.header.parents.contains(&id)
    }

    fn edit_writes(&self, offer: &Offer, fork: Option<&Fork>, made: Made, edit: &Edit<'_>) -> Vec<Write> {
        let Made { revision, body, saved, provenance, prior } = made;
        let is_unknown = prior.is_unknown;
        let running = fork.map_or(Some(&offer.body), |fork| fork.body.as_ref());
        let claimed = match edit.base {
            EditBase::Revision(id) => Some(id),
            EditBase::Running => Some(prior.revision),
            EditBase::Unknown => None,
        };
        let earlier = prior.overtaken.iter().filter(|_| !is_unknown);
        let paths: BTreeSet<Path> =
            earlier.flat_map(|earlier| taken_back(earlier.as_ref(), prior.content.as_ref(), Some(&saved))).collect();
        let takes_back: Vec<Path> = paths.into_iter().collect();
        // What runs until the manager answers: the edit over what runs now, with the editor's own value where they clash.
        let local = match running == prior.content.as_ref() || is_unknown {
            true => saved.clone(),
            false => applied(edit.kind, prior.content.as_ref(), &saved, running),
        };
        let own = (local != body).then(|| {
            let (header, provenance, body) = (revision.header.clone(), provenance.clone(), Some(body.clone()));
            Box::new(OwnRevision { header, provenance, body })
        });
        let mut report = report_of(&revision.header, revision.id, provenance.clone(), Some(body.clone()), is_unknown);
        if let Report::Revision(report) = &mut report {
            **report = RevisionReport { claimed, takes_back: takes_back.clone(), ..(**report).clone() };
        }
        let mut writes = vec![Write::PutReport(self.next_report, Box::new(report))];
        if !is_unknown {
            let own = (saved != body).then(|| body.clone());
            let taken = Content::new(revision.id, Some(saved), own, true, edit.now);
            let handed = self.running_content(offer, fork, edit.now);
            writes.extend(self.plan_contents(offer.resource, Some(handed), Some(taken), edit.base.named()));
        }
        // An edit that must not run never replaces one that does.
        if !is_unknown || self.forks.get(&offer.resource).is_none_or(|fork| !fork.runs()) {
            writes.push(Write::PutFork(Box::new(Fork {
                resource: offer.resource,
                own_head: revision.id,
                head: revision.id,
                header: revision.header,
                provenance,
                body: Some(local),
                state: if is_unknown { ForkState::Unapplied } else { ForkState::Local },
                message: String::new(),
                own,
                claimed,
                takes_back,
                earlier: fork.and_then(|fork| self.stored_below(fork)),
                aside: None,
            })));
        }
        writes
    }
}

/// What was saved, as the kind keeps it, and what the format says beside it.
fn imported(edit: &Edit<'_>, prior: Option<&Value>) -> Result<(Value, Value), EditError> {
    let imported = edit.kind.import(edit.content, prior).map_err(EditError::Malformed)?;
    crate::canonical::check(&imported.body).map_err(|error| EditError::Malformed(error.to_string()))?;
    Ok((imported.body, imported.metadata))
}

/// The body of the revision that a save makes of `prior`, the body of the revision that it was made from.
fn body_of(kind: Kind, opened: Option<&Value>, saved: &Value, prior: Option<&Value>) -> Result<Value, EditError> {
    let body = match opened == prior {
        true => saved.clone(),
        // What the editor opened was put together for the meantime: the edit is the difference to that.
        false => applied(kind, opened, saved, prior),
    };
    let problems = kind.check_change(prior, &body);
    if problems.is_empty() { Ok(body) } else { Err(EditError::Invalid(problems)) }
}

fn made_here(node: NodeId, edit: &Edit<'_>, metadata: Value) -> Provenance {
    Provenance {
        author: edit.author.to_owned(),
        node: Some(node),
        at: edit.now,
        origin: Origin::Edit,
        message: edit.message.to_owned(),
        metadata,
    }
}

/// An edit that is about to be written.
struct Made {
    revision: Revision,
    /// The revision's body.
    body: Value,
    /// The content as it was saved.
    saved: Value,
    provenance: Provenance,
    prior: Prior,
}

fn prior_of(content: &Content) -> Prior {
    Prior {
        revision: content.revision,
        content: content.body.clone(),
        body: content.revision_body().cloned(),
        overtaken: Vec::new(),
        is_unknown: false,
    }
}

/// The change from `from` to `to`, made to `onto`: where they clash, `to` counts. What would break a rule of the kind is
/// not put together: then `to` alone counts.
fn applied(kind: Kind, from: Option<&Value>, to: &Value, onto: Option<&Value>) -> Value {
    let Some(onto) = onto else { return to.clone() };
    let (ours, theirs) = (difference(from, Some(to)), difference(from, Some(onto)));
    let (left, right) = (Side { body: to, touched: &ours }, Side { body: onto, touched: &theirs });
    let merged = merge_checked(kind, from, left, right, TextMode::Auto);
    let mut body = merged.body;
    for conflict in merged.conflicts {
        conflict.path.put(&mut body, conflict.left);
    }
    if kind.check(&body).is_empty() { body } else { to.clone() }
}
