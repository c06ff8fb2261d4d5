//! How the fleet was over time.

use atoll_domain::time::Timestamp;

use super::status::count_nodes;
use crate::error::{Error, Result};
use crate::service::Services;
use crate::service::list::{Options, Page, page_size};
use crate::store::sharing::conflicts_open_count;
use crate::store::telemetry::{SampleRecord, sample_count, sample_list, sample_put, samples_prune};

const DAY_MS: i64 = 86_400_000;
const KEPT_MS: i64 = 90 * DAY_MS;
/// Samples stand at whole minutes, so that replicas write each minute once.
const SPACING_MS: i64 = 60_000;

/// Writes how the fleet is now, and forgets what is too old.
///
/// # Errors
/// The database does not answer.
pub async fn take(services: &Services, now: Timestamp) -> Result<()> {
    let nodes = services.nodes().await?;
    let (online, in_sync) = count_nodes(services, &nodes);
    let record = SampleRecord {
        at_ms: now.0 - now.0.rem_euclid(SPACING_MS),
        nodes: nodes.iter().len() as u64,
        online: online as u64,
        in_sync: in_sync as u64,
        conflicts: conflicts_open_count(&services.store).await? as u64,
    };
    let tx = services.store.begin().await?;
    sample_put(&tx, &record).await?;
    samples_prune(&tx, now.0 - KEPT_MS).await?;
    tx.commit().await?;
    Ok(())
}

/// The samples since a moment, thinned out evenly to as many as are wanted.
///
/// # Errors
/// A filter or an order: this list has none.
pub async fn list(services: &Services, from_ms: i64, now: Timestamp, options: &Options) -> Result<Page<SampleRecord>> {
    if !(options.filter.is_empty() && options.order_by.is_empty() && options.page_token.is_empty()) {
        let text = "samples come in one page by time, without filter or order; give a time and a number of points";
        return Err(Error::invalid("BAD_FILTER", text));
    }
    let from_ms = if from_ms <= 0 { now.0 - DAY_MS } else { from_ms };
    let total = sample_count(&services.store, from_ms).await?;
    let items = sample_list(&services.store, from_ms, total.div_ceil(page_size(options) as u64)).await?;
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    Ok(Page { items, next_page_token: String::new(), total, facets: Vec::new() })
}
