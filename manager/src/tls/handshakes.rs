//! Places for handshakes under way: so many in all, and so many of them for one address, so that nobody takes all of them.

use std::net::IpAddr;
use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::network_of;

/// Handshakes under way at once.
const IN_ALL: usize = 512;
/// Of these, handshakes with one address. A whole fleet behind one address gets through, one after the other.
const WITH_ONE: usize = 32;
/// Addresses that are remembered before those without a handshake are forgotten.
const REMEMBERED: usize = 10_000;

#[derive(Debug)]
pub(super) struct Handshakes {
    all: Arc<Semaphore>,
    each: DashMap<IpAddr, Arc<Semaphore>>,
}

/// A place, for as long as it is held.
#[derive(Debug)]
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Handshakes {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(IN_ALL)), each: DashMap::new() }
    }
}

impl Handshakes {
    /// Waits for a place: first among those of the same address.
    pub(super) async fn begin(&self, address: IpAddr) -> Option<Place> {
        if self.each.len() > REMEMBERED {
            self.each.retain(|_, places| Arc::strong_count(places) > 1 || places.available_permits() < WITH_ONE);
        }
        let places = || Arc::new(Semaphore::new(WITH_ONE));
        let own = Arc::clone(&self.each.entry(network_of(address)).or_insert_with(places));
        let own = own.acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place { _own: own, _all: all })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn who_takes_all_places_of_an_address_takes_nobody_elses() {
        let handshakes = Handshakes::default();
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let mut held = Vec::new();
        for _ in 0..WITH_ONE {
            held.push(handshakes.begin(one).now_or_never().unwrap().unwrap());
        }
        assert!(handshakes.begin(one).now_or_never().is_none(), "its next one waits");
        assert!(handshakes.begin(other).now_or_never().unwrap().is_some());
        held.pop();
        assert!(handshakes.begin(one).now_or_never().unwrap().is_some(), "it goes on once one is over");
    }
}
