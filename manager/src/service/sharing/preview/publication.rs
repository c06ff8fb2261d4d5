//! What saving a publication would change, without saving it.

use std::collections::BTreeSet;

use atoll_domain::document::Audience;
use atoll_domain::id::NodeId;
use atoll_domain::kind::Kind;

use super::Foreseen;
use super::offers::Offers;
use super::values::ValueChanges;
use crate::error::{Error, Result};
use crate::service::sharing::gets::{Gets, Receiver, carried, loaded_among, own_edits, sets_among};
use crate::service::sharing::publication::{Wish, check_pins, check_policies, wish_or_problem};
use crate::service::sharing::reach;
use crate::service::{Caller, Services};
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{PublicationRecord, publication_list};

/// Nodes that are named; the rest is counted.
const NAMED: usize = 50;

/// What would change.
#[derive(Debug)]
pub struct Preview {
    pub nodes: usize,
    pub gained: usize,
    pub lost: usize,
    pub gained_nodes: Vec<String>,
    pub lost_nodes: Vec<String>,
    pub foreseen: Foreseen,
    /// Why it could not be saved as it is.
    pub problem: Option<String>,
}

/// Compares a publication as it would be with what there is under its name. Nothing is written.
///
/// # Errors
/// The database does not answer.
pub async fn preview(services: &Services, caller: &Caller, wish: &Wish) -> Result<Preview> {
    let all = publication_list(&services.store).await?;
    let before = all.iter().find(|publication| publication.name == wish.name);
    let (after, problem) = match wish_or_problem(&services.store, wish, &all).await? {
        Ok(record) => (Some(record), None),
        Err(problem) => (None, Some(problem)),
    };
    services.hub.refresh(&services.store).await?;
    let present: BTreeSet<NodeId> = match before {
        Some(before) => services.hub.read(|feed| feed.members(&Audience::Publication(before.id)).collect()),
        None => BTreeSet::new(),
    };
    let nodes = services.nodes().await?;
    let wanted: Vec<_> = nodes.iter().filter(|node| wish.selector.matches(&node.group, &node.labels)).collect();
    let gained: Vec<String> =
        wanted.iter().filter(|node| !present.contains(&node.id)).map(|node| node.name.to_string()).collect();
    let kept: BTreeSet<NodeId> = wanted.iter().map(|node| node.id).collect();
    let lost = nodes.iter().filter(|node| present.contains(&node.id) && !kept.contains(&node.id));
    let lost: Vec<String> = lost.map(|node| node.name.to_string()).collect();
    let foreseen = match &after {
        Some(after) => {
            // Dropped at the end without a commit: it only reads.
            let tx = services.store.begin().await?;
            let checked = match check_pins(&tx, caller, after, before).await {
                Ok(()) => check_policies(&tx, caller, after, before).await,
                refused => refused,
            };
            let refusal = checked.map_or_else(reach::refusal_or, |()| Ok(None))?;
            drop(tx);
            Foreseen { refusal, ..replaced(services, &all, (before, Some(after))).await? }
        }
        None => Foreseen::default(),
    };
    Ok(Preview {
        foreseen,
        nodes: wanted.len(),
        gained: gained.len(),
        lost: lost.len(),
        gained_nodes: gained.into_iter().take(NAMED).collect(),
        lost_nodes: lost.into_iter().take(NAMED).collect(),
        problem,
    })
}

/// What becomes of nodes where there is a publication no longer: another may bring the same to them.
///
/// # Errors
/// There is none of this name.
pub async fn without(services: &Services, name: &str) -> Result<Foreseen> {
    let all = publication_list(&services.store).await?;
    let found = all.iter().find(|publication| publication.name == name);
    let found = found.ok_or_else(|| Error::not_found("publication", name))?;
    replaced(services, &all, (Some(found), None)).await
}

/// What would change where one publication takes the place of another.
async fn replaced(
    services: &Services,
    all: &[PublicationRecord],
    (before, after): (Option<&PublicationRecord>, Option<&PublicationRecord>),
) -> Result<Foreseen> {
    let own = own_edits(&services.store).await?;
    let both: Vec<&PublicationRecord> = before.into_iter().chain(after).collect();
    let carried = carried(both.iter().copied());
    let rest = all.iter().filter(|publication| before.is_none_or(|before| publication.id != before.id));
    let then: Vec<PublicationRecord> = rest.chain(after).cloned().collect();
    let offers = Offers::between(services, (all, &then), &carried, &own).await?;
    let nodes = services.nodes().await?;
    let is_reached =
        |node: &NodeRecord| both.iter().any(|publication| publication.selector.matches(&node.group, &node.labels));
    let receivers = nodes.iter().filter(|node| is_reached(node)).map(|node| Receiver::with_edits(node, &own));
    let sets = sets_among(&services.store, &carried).await?;
    let templates = loaded_among(&services.store, Kind::StepTemplate, &carried).await?;
    let mut gets = Gets::of_sets(sets, all.to_vec(), Box::new(|_| true)).with_templates(templates);
    let values = ValueChanges::around(&services.store, &mut gets, receivers, |gets| gets.publish(then)).await?;
    Ok(Foreseen { values, ..offers.foreseen() })
}
