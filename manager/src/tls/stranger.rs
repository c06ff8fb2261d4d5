//! What somebody may hold of this process who has not proved who they are: places in a handshake, and time.
//!
//! Counted per address, because an address is all that is known of them; a network of IPv6 is one address, because whoever
//! has one has all of it. Nodes are not counted: a whole fleet may come from behind one address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atoll_domain::id::NodeId;
use tokio_util::sync::CancellationToken;

use crate::counts::{Counts, Held};

/// Silent connections, handshakes and connections without a certificate from one address, at most: so many that a fleet
/// behind one address comes back at once. Then whoever has been silent for longest gives way to a newcomer.
const PER_ADDRESS: usize = 4_096;
/// The first byte must come within this time, or nobody is there.
pub const FIRST_BYTE: Duration = Duration::from_secs(10);
/// How long somebody without a certificate may stay on the node port: a join or a recovery takes moments.
pub const STAY: Duration = Duration::from_secs(120);

/// Connections that one node may have: two processes of it at most, each with a few.
const PER_NODE: usize = 16;

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    Address(IpAddr),
    Node(NodeId),
}

/// The address of a seat, and the order in which they give way there.
type SeatNumber = (IpAddr, Rank, u64);

/// Who gives way before others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Nothing is known of them yet.
    Silent,
    /// They have shown that they are no node of the fleet.
    Stranger,
}

/// How many connections there are, of strangers by address and of nodes by node.
#[derive(Debug)]
pub struct Strangers {
    counts: Arc<Counts<Who>>,
    per_address: usize,
    /// Connections that give way to newcomers.
    seats: Mutex<BTreeMap<SeatNumber, CancellationToken>>,
    next_seat: AtomicU64,
}

/// A stranger's place; leaving is dropping it.
#[derive(Debug)]
pub struct Place {
    strangers: Arc<Strangers>,
    _held: Held<Who>,
    seat: Option<Arc<Seat>>,
}

/// A connection of somebody who has not said who they are. When all places of an address are taken the oldest gives way to
/// a newcomer: whoever has nothing to say must not keep out who has. Whoever is in a handshake has no seat: a fleet that
/// comes back at once is about to show who it is.
#[derive(Debug)]
pub struct Seat {
    strangers: Arc<Strangers>,
    number: SeatNumber,
    gives_way: CancellationToken,
}

impl Seat {
    /// Its holder has said who they are, and gives way to nobody any more.
    pub fn keep(&self) {
        self.strangers.forget(self.number);
    }

    /// Ends when it has to give way.
    #[must_use]
    pub fn gives_way(&self) -> CancellationToken {
        self.gives_way.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.keep();
    }
}

impl Strangers {
    /// Room that leaves most of `file_limit`, how many files this process may have open, to those who are known.
    #[must_use]
    pub fn new(file_limit: Option<u64>) -> Self {
        let quarter = file_limit.and_then(|limit| usize::try_from(limit / 4).ok()).unwrap_or(PER_ADDRESS);
        let per_address = quarter.min(PER_ADDRESS);
        Self { counts: Arc::default(), per_address, seats: Mutex::default(), next_seat: AtomicU64::new(0) }
    }

    /// Takes a place. `None` where too many of one address are here, and none of them gives way.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = network_of(address);
        let mut place = self.take(Who::Address(address), self.per_address);
        if place.is_none() {
            self.oldest(address)?.cancel();
            // The one that gives way is gone in a moment. There are never more than twice as many.
            place = self.take(Who::Address(address), 2 * self.per_address);
        }
        if let Some(place) = &mut place {
            place.seat = Some(self.seat(address, Rank::Silent));
        }
        place
    }

    fn seat(self: &Arc<Self>, address: IpAddr, rank: Rank) -> Arc<Seat> {
        let number = (address, rank, self.next_seat.fetch_add(1, Ordering::Relaxed));
        let gives_way = CancellationToken::new();
        self.seats().insert(number, gives_way.clone());
        Arc::new(Seat { strangers: Arc::clone(self), number, gives_way })
    }

    /// Whoever gives way first at an address.
    fn oldest(&self, address: IpAddr) -> Option<CancellationToken> {
        let mut seats = self.seats();
        let of_address = (address, Rank::Silent, 0)..=(address, Rank::Stranger, u64::MAX);
        let number = *seats.range(of_address).next()?.0;
        seats.remove(&number)
    }

    fn forget(&self, number: SeatNumber) {
        self.seats().remove(&number);
    }

    fn seats(&self) -> MutexGuard<'_, BTreeMap<SeatNumber, CancellationToken>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, who: Who, limit: usize) -> Option<Place> {
        let held = self.counts.take(who, limit)?;
        Some(Place { strangers: Arc::clone(self), _held: held, seat: None })
    }
}

impl Place {
    /// The same place of somebody who has shown that they are no node: they give way again.
    #[must_use]
    pub fn of_stranger(mut self) -> Self {
        let address = self.seat.as_ref().map(|seat| seat.number.0);
        self.seat = address.map(|address| self.strangers.seat(address, Rank::Stranger));
        self
    }

    /// What gives way to newcomers, where something does.
    #[must_use]
    pub fn seat(&self) -> Option<Arc<Seat>> {
        self.seat.clone()
    }

    /// The place of a node that has shown who it is, in place of a stranger's. `None` where the node has enough of them.
    #[must_use]
    pub fn of_node(&self, node: NodeId) -> Option<Self> {
        self.strangers.take(Who::Node(node), PER_NODE)
    }
}

/// The address, or the /64 that one of IPv6 lies in: whoever has one address of it has all of them.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => IpAddr::V4(four),
            None => {
                let [a, b, c, d, ..] = six.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_a_network_is_one_address() {
        let strangers = Arc::new(Strangers::new(Some(32)));
        let from = |text: &str| strangers.enter(text.parse().unwrap());
        let mut places: Vec<Place> = (0..8).map(|_| from("2001:db8::1").unwrap()).collect();
        places.iter().for_each(|place| place.seat().unwrap().keep());
        assert!(from("2001:db8::ffff:2").is_none(), "the same network");
        assert!(from("2001:db8:0:1::1").is_some() && from("192.0.2.1").is_some());
        places.pop();
        assert!(from("2001:db8::3").is_some());
        // A node that shows who it is leaves its stranger's place to the next one, and has a few of its own.
        let node = NodeId(uuid::Uuid::from_u128(7));
        let own: Vec<Place> = (0..PER_NODE).map(|_| places[0].of_node(node).unwrap()).collect();
        assert!(places[0].of_node(node).is_none());
        drop((places, own));
        assert_eq!(strangers.counts.len(), 0, "nothing is kept of who is gone");
    }

    #[test]
    fn the_oldest_that_has_not_said_who_it_is_gives_way_to_a_newcomer() {
        let strangers = Arc::new(Strangers::new(Some(16)));
        let enter = || strangers.enter("127.0.0.1".parse().unwrap());
        let mut places: Vec<Place> = (0..4).map(|_| enter().unwrap()).collect();
        places[0].seat().unwrap().keep();
        let is_over = |place: &Place| place.seat().unwrap().gives_way().is_cancelled();
        let newcomer = enter().unwrap();
        assert_eq!(places.iter().map(is_over).collect::<Vec<_>>(), [false, true, false, false]);
        newcomer.seat().unwrap().keep();
        places.remove(1);
        let more: Vec<Place> = (0..2).map(|_| enter().unwrap()).collect();
        assert_eq!(places.iter().map(is_over).collect::<Vec<_>>(), [false, true, true]);
        more.iter().for_each(|place| place.seat().unwrap().keep());
        assert!(enter().is_none(), "all that are left have said who they are, or are on their way out");
        assert!(strangers.enter("192.0.2.1".parse().unwrap()).is_some(), "another address has places of its own");
        drop((places, more, newcomer));
        assert!(strangers.seats().is_empty());
        assert_eq!(strangers.counts.len(), 0);
    }

    #[test]
    fn who_is_silent_gives_way_first_then_who_is_no_node_and_never_who_is_in_a_handshake() {
        let strangers = Arc::new(Strangers::new(Some(16)));
        let enter = || strangers.enter("127.0.0.1".parse().unwrap());
        let is_over = |place: &Place| place.seat().unwrap().gives_way().is_cancelled();
        let stranger = enter().unwrap();
        stranger.seat().unwrap().keep();
        let stranger = stranger.of_stranger();
        let in_handshake: Vec<Place> = (0..2).map(|_| enter().unwrap()).collect();
        in_handshake.iter().for_each(|place| place.seat().unwrap().keep());
        let silent = enter().unwrap();
        let next = enter().unwrap();
        assert!(is_over(&silent) && !is_over(&stranger));
        next.seat().unwrap().keep();
        let last = enter().unwrap();
        assert!(is_over(&stranger) && !in_handshake.iter().any(is_over));
        last.seat().unwrap().keep();
        assert!(enter().is_none());
    }
}
