//! How many proposals wait for a person, counted without loading histories again and again.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::id::{ResourceId, RevisionId};
use atoll_domain::sharing::fork::ForkState;
use dashmap::DashMap;
use uuid::Uuid;

use super::history::load;
use crate::error::Result;
use crate::service::Services;
use crate::store::sharing::{ForkRecord, ResourceRecord, fork_count, forks_in, resources_of};

/// Whether a fork at a head is part of a resource whose heads have a version: what never changes once it is known.
type Known = (RevisionId, u64, bool);

/// What is known already of forks that wait.
#[derive(Debug, Default)]
pub struct Answered(DashMap<Uuid, Known>);

impl Answered {
    fn get(&self, fork: &ForkRecord, resource: &ResourceRecord) -> Option<bool> {
        let known = self.0.get(&fork.id)?;
        let (head, version, is_accepted) = *known;
        (head == fork.head && version == resource.heads_version).then_some(is_accepted)
    }

    /// Forgets forks that wait no longer.
    fn retain(&self, forks: &[ForkRecord]) {
        if self.0.len() > forks.len() {
            let waiting: BTreeSet<Uuid> = forks.iter().map(|fork| fork.id).collect();
            self.0.retain(|id, _| waiting.contains(id));
        }
    }
}

/// Proposals that nobody has decided yet.
///
/// # Errors
/// The database does not answer.
pub async fn count(services: &Services) -> Result<usize> {
    let unapplied = fork_count(&services.store, ForkState::Unapplied).await?;
    let forks = forks_in(&services.store, ForkState::Proposed).await?;
    services.answered.retain(&forks);
    let ids: BTreeSet<ResourceId> = forks.iter().map(|fork| fork.resource).collect();
    let mut waiting: BTreeMap<ResourceId, Vec<ForkRecord>> = BTreeMap::new();
    for fork in forks {
        waiting.entry(fork.resource).or_default().push(fork);
    }
    let mut open = 0;
    for resource in resources_of(&services.store, &ids).await? {
        let forks = waiting.remove(&resource.id).unwrap_or_default();
        open += count_of(services, resource, &forks).await?;
    }
    Ok(open + unapplied)
}

/// An accepted proposal stays one until the next release; whether it is accepted is in the history.
async fn count_of(services: &Services, resource: ResourceRecord, forks: &[ForkRecord]) -> Result<usize> {
    let answers: Vec<Option<bool>> = forks.iter().map(|fork| services.answered.get(fork, &resource)).collect();
    if answers.iter().all(Option::is_some) {
        return Ok(answers.iter().filter(|answer| **answer == Some(false)).count());
    }
    let loaded = load(&services.store, resource).await?;
    let mut open = 0;
    for fork in forks {
        let is_accepted = loaded.record.heads.iter().any(|head| loaded.history.descends(*head, fork.head));
        services.answered.0.insert(fork.id, (fork.head, loaded.record.heads_version, is_accepted));
        open += usize::from(!is_accepted);
    }
    Ok(open)
}
