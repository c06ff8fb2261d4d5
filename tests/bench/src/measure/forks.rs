//! A release over many nodes' own edits of one resource: how long others wait who write meanwhile, and whether each edit
//! costs the same however many there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use super::{Plan, progress};
use crate::content::{self, Written};
use crate::error::{Result, failed};
use crate::load::edit::{self, Base};
use crate::load::identity::{self, Identity};
use crate::load::tls::Trust;
use crate::manager::{Manager, Sharing};
use crate::protocol::Side;
use crate::report::{Report, Row, Target};
use crate::statistics::median;

/// Nodes that join or deliver at once.
const CONCURRENCY: usize = 64;
/// As many edits as fewer nodes make: what one costs is held against that.
const FEWER: usize = 4;
const CONTENT_BYTES: usize = 8 * 1024;
/// Between two writes of the one who writes meanwhile.
const PAUSE: Duration = Duration::from_millis(20);
const POLL: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_secs(300);

/// What one release over some edits cost.
#[derive(Debug)]
struct Cost {
    edits_per_second: f64,
    /// From the release until the last edit is held against it.
    us_per_edit: f64,
    /// Of the writes of somebody else, from the release until then.
    waits_ms: Vec<f64>,
    /// Of the same writes while nothing else happened.
    alone_ms: Vec<f64>,
}

pub async fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let fewer = cost(plan.nodes / FEWER).await?;
    let all = cost(plan.nodes).await?;
    let longest = |waits: &[f64]| waits.iter().copied().fold(0.0, f64::max);
    report.raw(
        "forks",
        json!({
            "edits": plan.nodes, "edits_per_second": all.edits_per_second, "us_per_edit": all.us_per_edit,
            "writes_meanwhile": all.waits_ms.len(), "longest_wait_ms": longest(&all.waits_ms),
            "median_wait_ms": median(&all.waits_ms), "median_alone_ms": median(&all.alone_ms),
            "longest_alone_ms": longest(&all.alone_ms),
            "fewer": {
                "edits": plan.nodes / FEWER, "edits_per_second": fewer.edits_per_second,
                "us_per_edit": fewer.us_per_edit, "longest_wait_ms": longest(&fewer.waits_ms),
            },
        }),
    );
    let nodes = plan.nodes;
    report.row(Row::new(
        format!("edits of one template by {nodes} nodes stored per second (floor: by a quarter of them)"),
        all.edits_per_second,
        Some(fewer.edits_per_second),
        Target::RatioAtLeast(0.8),
    ));
    report.row(Row::new(
        format!("release over {nodes} open edits, us each (floor: over a quarter of them)"),
        all.us_per_edit,
        Some(fewer.us_per_edit),
        Target::RatioAtMost(1.25),
    ));
    report.row(Row::new(
        format!("longest write beside a release over {nodes} open edits, ms (floor: the same writes alone)"),
        longest(&all.waits_ms),
        Some(longest(&all.alone_ms)),
        Target::Below(100.0),
    ));
    Ok(())
}

async fn cost(nodes: usize) -> Result<Cost> {
    progress(&format!("forks: {nodes} nodes edit one template"));
    let directory = tempfile::tempdir()?;
    let mut manager = Manager::start(&directory.path().join("manager")).await?;
    let edited = content::create(&mut manager.sharing, "edited", CONTENT_BYTES).await?;
    let other = content::create(&mut manager.sharing, "other", CONTENT_BYTES).await?;
    for resource in [&edited, &other] {
        content::release(&mut manager.sharing, resource).await?;
    }
    content::publish(&mut manager.sharing, &[edited.clone(), other.clone()]).await?;
    let trust = trust(&mut manager).await?;
    let identities = join(&mut manager, &trust, nodes).await?;

    let base = Base { resource: edited.id.parse()?, revision: edited.revision()?, content: edited.content()? };
    let started = Instant::now();
    let address = manager.node_address.to_string();
    let deliveries = identities.iter().enumerate().map(|(number, node)| {
        edit::deliver(&address, &trust, node, &base, format!("This is the text of node {number}."))
    });
    stream::iter(deliveries).buffer_unordered(CONCURRENCY).try_collect::<Vec<()>>().await?;
    #[expect(clippy::cast_precision_loss)]
    let edits_per_second = nodes as f64 / started.elapsed().as_secs_f64();
    progress(&format!("forks: {edits_per_second:.0} edits stored per second"));

    let (mut writer, stop) = (other.clone(), Arc::new(AtomicBool::new(false)));
    let mut another = manager.sharing.clone();
    let alone_ms = write_for(&mut another, &mut writer, 50, &AtomicBool::new(false)).await?;
    let edited =
        content::describe(&mut manager.sharing, &edited, "The administrator wrote something else here.").await?;
    let started = Instant::now();
    let release = async {
        content::release(&mut manager.sharing, &edited).await?;
        while manager.conflicts_open().await? < nodes {
            if started.elapsed() > TIMEOUT {
                return Err(failed("the edits were not held against the release in time"));
            }
            tokio::time::sleep(POLL).await;
        }
        stop.store(true, Ordering::Relaxed);
        Ok(started.elapsed())
    };
    let (took, waits_ms) = tokio::try_join!(release, write_for(&mut another, &mut writer, usize::MAX, &stop))?;
    progress(&format!("forks: the release over {nodes} edits took {:.1} s", took.as_secs_f64()));
    manager.process.stop().await?;
    #[expect(clippy::cast_precision_loss)]
    let us_per_edit = took.as_secs_f64() * 1e6 / nodes as f64;
    Ok(Cost { edits_per_second, us_per_edit, waits_ms, alone_ms })
}

async fn trust(manager: &mut Manager) -> Result<Trust> {
    let pin = manager.join_token(1).await?.root_pin.to_string();
    Trust::fetch(&manager.node_address.to_string(), &pin).await
}

async fn join(manager: &mut Manager, trust: &Trust, nodes: usize) -> Result<Vec<Identity>> {
    let token = manager.join_token(nodes).await?;
    let (address, secret) = (manager.node_address.to_string(), token.secret.reveal());
    let wishes: Vec<_> = (0..nodes)
        .map(|number| identity::prepare(&format!("node-{number}"), token.id, &secret))
        .collect::<Result<_>>()?;
    let joins = wishes.into_iter().map(|wish| identity::join(Side::Manager, &address, trust, wish));
    stream::iter(joins).buffer_unordered(CONCURRENCY).try_collect().await
}

/// Saves another resource again and again; answers how long each took, in milliseconds.
async fn write_for(sharing: &mut Sharing, resource: &mut Written, times: usize, stop: &AtomicBool) -> Result<Vec<f64>> {
    let mut took_ms = Vec::new();
    while took_ms.len() < times && !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        *resource = content::write(sharing, resource, CONTENT_BYTES).await?;
        took_ms.push(started.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(took_ms)
}
