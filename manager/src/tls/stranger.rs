//! What somebody may hold of this process who has not proved who they are: places in a handshake, and time.
//!
//! Counted per address, because an address is all that is known of them; a network of IPv6 is one address, because whoever
//! has one has all of it. Nodes are not counted: a whole fleet may come from behind one address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use atoll_domain::id::NodeId;
use dashmap::DashMap;

/// Silent connections, handshakes and connections without a certificate from one address, at most: so many that a fleet
/// behind one address comes back at once.
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

/// How many connections there are, of strangers by address and of nodes by node.
#[derive(Debug)]
pub struct Strangers {
    counts: DashMap<Who, usize>,
    per_address: usize,
}

/// A stranger's place; leaving is dropping it.
#[derive(Debug)]
pub struct Place {
    strangers: Arc<Strangers>,
    who: Who,
}

impl Strangers {
    /// Room that leaves most of `file_limit`, how many files this process may have open, to those who are known.
    #[must_use]
    pub fn new(file_limit: Option<u64>) -> Self {
        let quarter = file_limit.and_then(|limit| usize::try_from(limit / 4).ok()).unwrap_or(PER_ADDRESS);
        Self { counts: DashMap::new(), per_address: quarter.min(PER_ADDRESS) }
    }

    /// Takes a place. `None` where too many of one address are here.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        self.take(Who::Address(network_of(address)), self.per_address)
    }

    fn take(self: &Arc<Self>, who: Who, limit: usize) -> Option<Place> {
        let mut count = self.counts.entry(who).or_insert(0);
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(count);
        Some(Place { strangers: Arc::clone(self), who })
    }
}

impl Place {
    /// The place of a node that has shown who it is, in place of a stranger's. `None` where the node has enough of them.
    #[must_use]
    pub fn of_node(&self, node: NodeId) -> Option<Self> {
        self.strangers.take(Who::Node(node), PER_NODE)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut count) = self.strangers.counts.get_mut(&self.who) {
            *count = count.saturating_sub(1);
        }
        self.strangers.counts.remove_if(&self.who, |_, count| *count == 0);
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
        assert!(from("2001:db8::ffff:2").is_none(), "the same network");
        assert!(from("2001:db8:0:1::1").is_some() && from("192.0.2.1").is_some());
        places.pop();
        assert!(from("2001:db8::3").is_some());
        // A node that shows who it is leaves its stranger's place to the next one, and has a few of its own.
        let node = NodeId(uuid::Uuid::from_u128(7));
        let own: Vec<Place> = (0..PER_NODE).map(|_| places[0].of_node(node).unwrap()).collect();
        assert!(places[0].of_node(node).is_none());
        drop((places, own));
        assert!(strangers.counts.is_empty(), "nothing is kept of who is gone");
    }
}
