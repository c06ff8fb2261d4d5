//! Failed authentications: counted at once and recorded in batches, so that guessing is seen and cannot fill the record.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use atoll_domain::time::Timestamp;
use serde_json::json;

use crate::error::{Error, ErrorKind, Result};
use crate::service::{Caller, Services};

/// Addresses and reasons that are told apart between two batches; the rest is counted together.
const TOLD_APART: usize = 256;
/// Nothing was shown: whoever has yet to sign in calls so.
const NOTHING_SHOWN: [&str; 2] = ["NO_TOKEN", "NO_CERTIFICATE"];
/// What happens to honest nodes that were away for long; they recover by themselves.
const ORDINARY: [&str; 1] = ["CERTIFICATE_EXPIRED"];

#[derive(Debug, Clone, Copy)]
struct Counted {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

/// By address and reason.
type Batch = BTreeMap<(String, &'static str), Counted>;

/// What was refused since the last batch was recorded.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Batch>);

impl Refusals {
    /// Counts a call that was refused for who makes it. Any other error is none.
    pub fn add(&self, now: Timestamp, address: Option<IpAddr>, error: &Error) {
        let is_about_the_caller =
            matches!(error.kind, ErrorKind::Unauthenticated) || matches!(error.reason, "CROSS_ORIGIN" | "NODE_REMOVED");
        if !is_about_the_caller || NOTHING_SHOWN.contains(&error.reason) || ORDINARY.contains(&error.reason) {
            return;
        }
        metrics::counter!("atoll_authentications_failed_total", "reason" => error.reason).increment(1);
        let mut batch = self.batch();
        let mut key = (address.map_or_else(|| "unknown".to_owned(), place), error.reason);
        if batch.len() >= TOLD_APART && !batch.contains_key(&key) {
            key.0 = "other addresses".to_owned();
        }
        add(&mut batch, key, Counted { count: 1, first: now, last: now });
    }

    fn batch(&self) -> std::sync::MutexGuard<'_, Batch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(batch: &mut Batch, key: (String, &'static str), more: Counted) {
    let counted = batch.entry(key).or_insert(Counted { count: 0, ..more });
    counted.count += more.count;
    counted.first = counted.first.min(more.first);
    counted.last = counted.last.max(more.last);
}

/// An address as it is recorded: of IPv6 the network, since whoever has one address has all of it.
fn place(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX));
            if address.is_loopback() { address.to_string() } else { format!("{network}/64") }
        }
    }
}

/// Records what was refused since the last time: one event for each address and reason.
///
/// # Errors
/// The database does not answer; it is recorded with the next batch then.
pub async fn record(services: &Services, now: Timestamp) -> Result<()> {
    let batch = std::mem::take(&mut *services.refusals.batch());
    if batch.is_empty() {
        return Ok(());
    }
    let written = async {
        let mut tx = services.store.begin().await?;
        for ((address, reason), counted) in &batch {
            let Counted { count, first, last } = counted;
            let detail = json!({ "reason": reason, "count": count, "first_ms": first.0, "last_ms": last.0 });
            Caller::manager(now).record(&mut tx, "access.refuse", address, detail);
        }
        tx.commit().await
    };
    let written = written.await.map(|_| ());
    if written.is_err() {
        let mut waiting = services.refusals.batch();
        batch.into_iter().for_each(|(key, counted)| add(&mut waiting, key, counted));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_told_apart_by_network_and_reason_up_to_a_bound() {
        let refusals = Refusals::default();
        let bad = Error::unauthenticated("BAD_TOKEN", "no");
        let add = |address: &str, error: &Error| refusals.add(Timestamp(7), address.parse().ok(), error);
        add("2001:db8::1", &bad);
        add("2001:db8::2:1", &bad);
        add("192.0.2.7", &bad);
        add("192.0.2.7", &Error::unauthenticated("NO_TOKEN", "nothing was shown"));
        add("192.0.2.7", &Error::not_found("node", "x"));
        let counts = |refusals: &Refusals| {
            refusals.batch().iter().map(|(key, counted)| (key.0.clone(), counted.count)).collect::<Vec<_>>()
        };
        assert_eq!(counts(&refusals), [("192.0.2.7".to_owned(), 1), ("2001:db8::/64".to_owned(), 2)]);
        for number in 0..10_000_u32 {
            add(&IpAddr::from(number.to_be_bytes()).to_string(), &bad);
        }
        assert!(refusals.batch().len() <= TOLD_APART + 1);
        assert_eq!(refusals.batch().values().map(|counted| counted.count).sum::<u64>(), 10_003);
    }
}
