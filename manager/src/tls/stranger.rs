//! What somebody may hold of this process who has not proved who they are: places in a handshake, and time.
//!
//! Counted per address, because an address is all that is known of them; a network of IPv6 is one address, because whoever
//! has one has all of it. Nodes are not counted: a whole fleet may come from behind one address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use atoll_domain::id::NodeId;
use tokio_util::sync::CancellationToken;

use crate::counts::{Counts, Held};

/// Silent connections, handshakes and connections without a certificate from one address, at most: so many that a fleet
/// behind one address comes back at once. Then whoever has been silent for longest gives way to a newcomer.
const PER_ADDRESS: usize = 4_096;
/// A handshake that takes longer waits for the other side, and gives way like whoever is silent.
const PROMPT: Duration = Duration::from_secs(2);
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

/// The order in which seats give way.
type SeatNumber = (Rank, u64);

/// Who gives way before others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Nothing is known of them yet.
    Silent,
    /// They have shown that they are no node of the fleet.
    Stranger,
    /// They are in a handshake, and may be about to show who they are.
    Handshake,
}

/// How many connections there are, of strangers by address and of nodes by node.
#[derive(Debug)]
pub struct Strangers {
    counts: Arc<Counts<Who>>,
    per_address: usize,
    /// Of all addresses together: the rest of what this process may have open is for those who are known.
    in_all: usize,
    seats: Mutex<Seats>,
    next_seat: AtomicU64,
}

/// Connections that give way to newcomers, in the order in which they do: in all, and of each address.
#[derive(Debug, Default)]
struct Seats {
    all: BTreeMap<SeatNumber, Seated>,
    by_address: BTreeSet<(IpAddr, SeatNumber)>,
}

#[derive(Debug)]
struct Seated {
    address: IpAddr,
    gives_way: CancellationToken,
    since: Instant,
}

impl Seats {
    fn put(&mut self, number: SeatNumber, seated: Seated) {
        self.by_address.insert((seated.address, number));
        self.all.insert(number, seated);
    }

    fn remove(&mut self, number: SeatNumber) -> Option<Seated> {
        let seated = self.all.remove(&number)?;
        self.by_address.remove(&(seated.address, number));
        Some(seated)
    }

    /// Whoever gives way first: at an address, or of all. Handshakes go on for a moment.
    fn take_oldest(&mut self, address: Option<IpAddr>, now: Instant) -> Option<CancellationToken> {
        let ends = ((Rank::Silent, 0), (Rank::Handshake, u64::MAX));
        let number = match address {
            Some(address) => self.by_address.range((address, ends.0)..=(address, ends.1)).next()?.1,
            None => *self.all.keys().next()?,
        };
        let may_go = |seated: &Seated| number.0 != Rank::Handshake || now.duration_since(seated.since) >= PROMPT;
        self.all.get(&number).filter(|seated| may_go(seated))?;
        Some(self.remove(number)?.gives_way)
    }
}

/// A stranger's place; leaving is dropping it.
#[derive(Debug)]
pub struct Place {
    strangers: Arc<Strangers>,
    _held: Held<Who>,
    seat: Option<Arc<Seat>>,
}

/// A connection of somebody who has not said who they are. When all places of an address are taken the oldest gives way to
/// a newcomer: whoever has nothing to say must not keep out who has. Whoever is in a handshake goes last and not at once: a
/// fleet that comes back at once is about to show who it is.
#[derive(Debug)]
pub struct Seat {
    strangers: Arc<Strangers>,
    number: SeatNumber,
    address: IpAddr,
    gives_way: CancellationToken,
}

impl Seat {
    /// Its holder has said who they are, and gives way to nobody any more.
    pub fn keep(&self) {
        self.strangers.seats().remove(self.number);
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
        let part = |of: u64| file_limit.and_then(|limit| usize::try_from(limit / of).ok());
        let per_address = part(4).unwrap_or(PER_ADDRESS).min(PER_ADDRESS);
        Self::with_places(per_address, part(2).unwrap_or(usize::MAX))
    }

    /// The same for so many of each address, and of all together.
    #[must_use]
    pub fn with_places(per_address: usize, in_all: usize) -> Self {
        Self { counts: Arc::default(), per_address, in_all, seats: Mutex::default(), next_seat: AtomicU64::new(0) }
    }

    /// Takes a place. `None` where too many are here, of one address or of all, and none of them gives way.
    pub fn enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<Place> {
        let address = network_of(address);
        let is_full = self.seats().all.len() >= self.in_all;
        if is_full {
            self.seats().take_oldest(None, now)?.cancel();
        }
        let mut place = self.take(Who::Address(address), self.per_address);
        if place.is_none() {
            self.seats().take_oldest(Some(address), now)?.cancel();
            // The one that gives way is gone in a moment. There are never more than twice as many.
            place = self.take(Who::Address(address), 2 * self.per_address);
        }
        place.map(|place| place.seated(address, Rank::Silent, now))
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, who: Who, limit: usize) -> Option<Place> {
        let held = self.counts.take(who, limit)?;
        Some(Place { strangers: Arc::clone(self), _held: held, seat: None })
    }
}

impl Place {
    fn seated(mut self, address: IpAddr, rank: Rank, now: Instant) -> Self {
        let number = (rank, self.strangers.next_seat.fetch_add(1, Ordering::Relaxed));
        let gives_way = CancellationToken::new();
        self.strangers.seats().put(number, Seated { address, gives_way: gives_way.clone(), since: now });
        self.seat = Some(Arc::new(Seat { strangers: Arc::clone(&self.strangers), number, address, gives_way }));
        self
    }

    /// The same place of somebody of whom more is known by now.
    #[must_use]
    pub fn ranked(self, rank: Rank, now: Instant) -> Self {
        match self.seat.as_ref().map(|seat| seat.address) {
            Some(address) => self.seated(address, rank, now),
            None => self,
        }
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
        let from = |text: &str| strangers.enter(text.parse().unwrap(), Instant::now());
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
        let enter = || strangers.enter("127.0.0.1".parse().unwrap(), Instant::now());
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
        assert!(
            strangers.enter("192.0.2.1".parse().unwrap(), Instant::now()).is_some(),
            "another address has places of its own"
        );
        drop((places, more, newcomer));
        assert!(strangers.seats().all.is_empty() && strangers.seats().by_address.is_empty());
        assert_eq!(strangers.counts.len(), 0);
    }

    #[test]
    fn who_is_silent_gives_way_first_then_who_is_no_node_and_at_last_who_never_goes_on() {
        let strangers = Arc::new(Strangers::new(Some(16)));
        let begun = Instant::now();
        let enter = |now: Instant| strangers.enter("127.0.0.1".parse().unwrap(), now);
        let is_over = |place: &Place| place.seat().unwrap().gives_way().is_cancelled();
        let handshake = enter(begun).unwrap().ranked(Rank::Handshake, begun);
        let later = enter(begun).unwrap().ranked(Rank::Handshake, begun + PROMPT / 2);
        let stranger = enter(begun).unwrap().ranked(Rank::Stranger, begun);
        let silent = enter(begun).unwrap();
        let one = enter(begun).unwrap().ranked(Rank::Handshake, begun + PROMPT);
        assert!(is_over(&silent) && !is_over(&stranger));
        drop(silent);
        let two = enter(begun).unwrap().ranked(Rank::Handshake, begun + PROMPT);
        assert!(is_over(&stranger) && !is_over(&handshake));
        drop(stranger);
        assert!(enter(begun + PROMPT / 2).is_none(), "all of them may be about to show who they are");
        let _newcomer = enter(begun + PROMPT).unwrap();
        assert_eq!([&handshake, &later, &one, &two].map(is_over), [true, false, false, false]);
    }

    #[test]
    fn all_addresses_together_take_half_of_what_this_process_may_have_open() {
        let strangers = Arc::new(Strangers::new(Some(16)));
        let enter = |number: u8| strangers.enter(IpAddr::from([192, 0, 2, number]), Instant::now());
        let places: Vec<Place> = (0..8).map(|number| enter(number).unwrap()).collect();
        let _newcomer = enter(200).unwrap();
        let is_over = |place: &Place| place.seat().unwrap().gives_way().is_cancelled();
        assert_eq!(places.iter().filter(|place| is_over(place)).count(), 1);
        assert!(is_over(&places[0]), "the one that was silent for longest");
    }
}
