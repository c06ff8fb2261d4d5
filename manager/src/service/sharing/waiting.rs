//! Which proposals wait for a person, and how many, without loading histories again and again.

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

/// Most forks of which it is remembered whether they are accepted.
const ANSWERED_LIMIT: usize = 100_000;

/// What is known already of forks that wait.
#[derive(Debug, Default)]
pub struct Answered(DashMap<Uuid, Known>);

impl Answered {
    fn get(&self, fork: &ForkRecord, resource: &ResourceRecord) -> Option<bool> {
        let known = self.0.get(&fork.id)?;
        let (head, version, is_accepted) = *known;
        (head == fork.head && version == resource.heads_version).then_some(is_accepted)
    }

    fn put(&self, fork: &ForkRecord, resource: &ResourceRecord, is_accepted: bool) {
        // Most are decided long before; the few that wait are looked up again.
        if self.0.len() >= ANSWERED_LIMIT {
            self.0.clear();
        }
        self.0.insert(fork.id, (fork.head, resource.heads_version, is_accepted));
    }
}

/// Proposals that nobody has decided yet.
///
/// # Errors
/// The database does not answer.
pub async fn count(services: &Services) -> Result<usize> {
    let unapplied = fork_count(&services.store, ForkState::Unapplied).await?;
    let forks = forks_in(&services.store, ForkState::Proposed).await?;
    let ids: BTreeSet<ResourceId> = forks.iter().map(|fork| fork.resource).collect();
    let resources = resources_of(&services.store, &ids).await?;
    let accepted = accepted(services, &forks, &resources).await?;
    let open = forks.iter().filter(|fork| !accepted.contains(&fork.id)).count();
    Ok(open + unapplied)
}

/// The forks among these that are part of what counts for everybody. An accepted proposal stays one until the next
/// release; whether it is accepted is in the history, which is loaded where that is not known yet.
///
/// # Errors
/// The database does not answer.
pub async fn accepted(
    services: &Services,
    forks: &[ForkRecord],
    resources: &[ResourceRecord],
) -> Result<BTreeSet<Uuid>> {
    let mut by_resource: BTreeMap<ResourceId, Vec<&ForkRecord>> = BTreeMap::new();
    for fork in forks {
        by_resource.entry(fork.resource).or_default().push(fork);
    }
    let mut accepted = BTreeSet::new();
    for resource in resources {
        for fork in accepted_of(services, resource, &by_resource.remove(&resource.id).unwrap_or_default()).await? {
            accepted.insert(fork);
        }
    }
    Ok(accepted)
}

async fn accepted_of(services: &Services, resource: &ResourceRecord, forks: &[&ForkRecord]) -> Result<Vec<Uuid>> {
    let known = |fork: &ForkRecord| services.answered.get(fork, resource);
    if forks.iter().all(|fork| known(fork).is_some()) {
        return Ok(forks.iter().filter(|fork| known(fork) == Some(true)).map(|fork| fork.id).collect());
    }
    let loaded = load(&services.store, resource.clone()).await?;
    let mut accepted = Vec::new();
    for fork in forks {
        let is_accepted = loaded.record.heads.iter().any(|head| loaded.history.descends(*head, fork.head));
        services.answered.put(fork, resource, is_accepted);
        accepted.extend(is_accepted.then_some(fork.id));
    }
    Ok(accepted)
}
