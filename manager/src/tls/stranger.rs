//! What somebody may hold of this process who has not proved who they are: places in a handshake, and time.
//!
//! Counted per address, because an address is all that is known of them; a network of IPv6 is one address, because whoever
//! has one has all of it. Nodes are not counted: a whole fleet may come from behind one address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;

/// Silent connections, handshakes and connections without a certificate from one address, at most: so many that a fleet
/// behind one address comes back at once.
const PER_ADDRESS: usize = 4_096;
/// The first byte must come within this time, or nobody is there.
pub const FIRST_BYTE: Duration = Duration::from_secs(10);
/// How long somebody without a certificate may stay on the node port: a join or a recovery takes moments.
pub const STAY: Duration = Duration::from_secs(120);

/// How many strangers there are, by address.
#[derive(Debug)]
pub struct Strangers {
    counts: DashMap<IpAddr, usize>,
    per_address: usize,
}

/// A stranger's place; leaving is dropping it.
#[derive(Debug)]
pub struct Place {
    strangers: Arc<Strangers>,
    address: IpAddr,
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
        let address = network_of(address);
        let mut count = self.counts.entry(address).or_insert(0);
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        drop(count);
        Some(Place { strangers: Arc::clone(self), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut count) = self.strangers.counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
        }
        self.strangers.counts.remove_if(&self.address, |_, count| *count == 0);
    }
}

/// The address, or the /64 that one of IPv6 lies in.
fn network_of(address: IpAddr) -> IpAddr {
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
        drop(places);
        assert!(strangers.counts.is_empty(), "nothing is kept of who is gone");
    }
}
