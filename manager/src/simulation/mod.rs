//! Random schedules over the real services and the real replica, held against what Atoll promises.
//!
//! People edit at the manager and on nodes, from what runs and from old buffers; lines break, answers are lost, processes
//! end, reports come twice; labels, pins and edit modes change; people accept, decline and resolve; managers and nodes are
//! restored from backups. Clock, ids and randomness follow from the seed. `ATOLL_SIMULATION_SEEDS` runs more schedules,
//! `ATOLL_SIMULATION_SEED` repeats one and prints what happened in it.

mod content;
mod ledger;
mod people;
mod weather;
mod world;

use world::World;

/// Schedules that found something once: an edit that a rejected one on top of it took along, one that a restored node or
/// manager forgot, drafts that a returned release took back, a declined edit that ran again, an older edit that came after
/// the newer one and was taken for it, an edit without its parents that the next one overwrote.
const FOUND: &[u64] = &[9, 72, 120, 260, 299, 389, 447, 830, 917];

/// How much happens in one schedule.
const STEPS: usize = 90;

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("ATOLL_SIMULATION_SEED") {
        Some(seed) => vec![seed],
        None => FOUND.iter().copied().chain(0..number("ATOLL_SIMULATION_SEEDS").unwrap_or(12)).collect(),
    }
}

#[tokio::test]
async fn whatever_happens_in_whatever_order_no_edit_is_lost_and_no_secret_strays() {
    for seed in seeds() {
        crate::clock::simulated::begin(seed);
        let mut world = World::begin(seed).await;
        for _ in 0..STEPS {
            world.step().await;
            world.nothing_strays().await;
        }
        world.quiet().await;
        world.everything_holds().await;
    }
}
