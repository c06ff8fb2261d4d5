//! Which of the manager's replicas are alive that share a database.
//!
//! Each counts up a number of its own in the database, again and again. One whose number stands still at look after look is gone,
//! and so are the connections of nodes to it. No clock decides: those of different machines differ, and where the database hangs
//! nobody counts and nobody looks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use atoll_domain::time::Timestamp;
use uuid::Uuid;

use crate::error::Result;
use crate::store::Store;
use crate::store::replica::{replica_beat, replica_forget, replica_list};

/// A replica whose number stands still for so many looks is gone. Each moves its own number and looks every second.
const GONE_AFTER: u32 = 15;
/// What is gone for so many looks is forgotten.
const FORGOTTEN_AFTER: u32 = 3_600;

/// What this replica knows of the others.
#[derive(Debug)]
pub struct Replicas {
    own: Uuid,
    signs: Mutex<HashMap<Uuid, Sign>>,
}

/// The last number of a replica.
#[derive(Debug, Clone, Copy)]
struct Sign {
    beat: i64,
    /// For so many looks it is the same.
    still: u32,
    /// When it was seen to move last; never, where it is just what somebody left behind.
    moved: Option<Timestamp>,
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
                Some(known) if known.beat == beat => Sign { still: known.still.saturating_add(1), ..*known },
                known => Sign { beat, still: 0, moved: known.map(|_| now) },
            };
            signs.insert(replica, sign);
        }
        signs.iter().filter(|(_, sign)| sign.still >= FORGOTTEN_AFTER).map(|(replica, _)| *replica).collect()
    }

    /// Whether a replica is there: this one, or another whose number has moved of late.
    #[must_use]
    pub fn is_alive(&self, replica: Uuid) -> bool {
        let signs = self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        let moves = |sign: &Sign| sign.moved.is_some() && sign.still < GONE_AFTER;
        replica == self.own || signs.get(&replica).is_some_and(moves)
    }

    /// When another replica gave its last sign of life.
    #[must_use]
    pub fn last_sign(&self, replica: Uuid) -> Option<Timestamp> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner).get(&replica)?.moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_alive_for_as_long_as_its_number_moves() {
        let [own, other, left_behind] = [1, 2, 3].map(Uuid::from_u128);
        let replicas = Replicas::new(own);
        let look = |beat: i64, at: i64| replicas.look(vec![(own, at), (other, beat), (left_behind, 9)], Timestamp(at));
        let alive = || [own, other, left_behind].map(|one| replicas.is_alive(one));
        look(7, 0);
        assert_eq!(alive(), [true, false, false], "nobody knows yet whether they still count");
        look(8, 1_000);
        assert_eq!((alive(), replicas.last_sign(other)), ([true, true, false], Some(Timestamp(1_000))));
        // However long it takes until the next look: where the database hangs, nobody counts.
        look(8, 90_000);
        assert_eq!(alive(), [true, true, false]);
        (3..=GONE_AFTER).for_each(|_| drop(look(8, 91_000)));
        assert_eq!(alive(), [true, true, false]);
        look(8, 91_000);
        assert_eq!(alive(), [true, false, false], "it has stood still for as long as it may");
        assert_eq!(replicas.last_sign(other), Some(Timestamp(1_000)));
        let forgotten = (0..FORGOTTEN_AFTER).map(|_| look(8, 92_000)).find(|forgotten| !forgotten.is_empty());
        assert_eq!(forgotten, Some(vec![left_behind]), "the other one stands still for less long");
    }
}
