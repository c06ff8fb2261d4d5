//! Which of the manager's replicas are alive that share a database.
//!
//! Each counts up a number of its own in the database, again and again. One whose number has not moved for a while is gone, and
//! so are the connections of nodes to it. Clocks of different machines are never compared.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use atoll_domain::time::Timestamp;
use uuid::Uuid;

use crate::error::Result;
use crate::store::Store;
use crate::store::replica::{replica_beat, replica_forget, replica_list};

/// A replica whose number has not moved for so long is gone. Each moves its own every second.
pub const GONE_AFTER_MS: i64 = 15_000;
/// What is gone for so long is forgotten.
const FORGOTTEN_AFTER_MS: i64 = 3_600_000;

/// What this replica knows of the others.
#[derive(Debug)]
pub struct Replicas {
    own: Uuid,
    signs: Mutex<HashMap<Uuid, Sign>>,
}

/// The last number of a replica, and when it was seen first.
#[derive(Debug, Clone, Copy)]
struct Sign {
    beat: i64,
    since: Timestamp,
    /// It has moved since this process looks, so it is not just what somebody left behind.
    has_moved: bool,
}

impl Replicas {
    #[must_use]
    pub fn new(own: Uuid) -> Self {
        Self { own, signs: Mutex::default() }
    }

    /// This replica.
    #[must_use]
    pub fn own(&self) -> Uuid {
        self.own
    }

    /// Gives a sign of life, and looks for those of the others.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn beat(&self, store: &Store, now: Timestamp) -> Result<()> {
        replica_beat(store, self.own).await?;
        let forgotten = self.look(replica_list(store).await?, now);
        if !forgotten.is_empty() {
            replica_forget(store, &forgotten).await?;
        }
        Ok(())
    }

    /// Takes up the numbers of all replicas; tells which of them have been gone for long.
    fn look(&self, beats: Vec<(Uuid, i64)>, now: Timestamp) -> Vec<Uuid> {
        let mut signs = self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *signs);
        for (replica, beat) in beats {
            let sign = match before.get(&replica) {
                Some(known) if known.beat == beat => *known,
                known => Sign { beat, since: now, has_moved: known.is_some() },
            };
            signs.insert(replica, sign);
        }
        let is_forgotten = |sign: &Sign| now.ms_since(sign.since) >= FORGOTTEN_AFTER_MS;
        signs.iter().filter(|(_, sign)| is_forgotten(sign)).map(|(replica, _)| *replica).collect()
    }

    /// Whether a replica is there: this one, or another whose number has moved of late.
    #[must_use]
    pub fn is_alive(&self, replica: Uuid, now: Timestamp) -> bool {
        let signs = self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        let moves = |sign: &Sign| sign.has_moved && now.ms_since(sign.since) < GONE_AFTER_MS;
        replica == self.own || signs.get(&replica).is_some_and(moves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_alive_for_as_long_as_its_number_moves() {
        let [own, other, left_behind] = [1, 2, 3].map(Uuid::from_u128);
        let replicas = Replicas::new(own);
        let at = |seconds: i64| Timestamp(seconds * 1_000);
        let alive = |now| [own, other, left_behind].map(|one| replicas.is_alive(one, now));
        replicas.look(vec![(own, 1), (other, 7), (left_behind, 9)], at(0));
        assert_eq!(alive(at(0)), [true, false, false], "nobody knows yet whether they still count");
        replicas.look(vec![(own, 2), (other, 8), (left_behind, 9)], at(1));
        assert_eq!(alive(at(1)), [true, true, false]);
        replicas.look(vec![(own, 9), (other, 8), (left_behind, 9)], at(15));
        assert_eq!(alive(at(15)), [true, true, false]);
        assert_eq!(alive(at(16)), [true, false, false], "it has stood still for as long as it may");
        let forgotten = replicas.look(vec![(own, 4_000), (other, 8), (left_behind, 9)], at(3_600));
        assert_eq!(forgotten, [left_behind], "the other one moved a second later");
    }
}
