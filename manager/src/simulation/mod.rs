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

use crate::testing::TestManager;

/// Schedules that found something once: an edit that a rejected one on top of it took along, one that a restored node or
/// manager forgot, drafts that a returned release took back, a declined edit that ran again, an older edit that came after
/// the newer one and was taken for it, an edit without its parents that the next one overwrote.
const FOUND: &[u64] = &[9, 72, 120, 260, 299, 389, 447, 830, 917];

/// The same where things are renamed and deleted too.
const FOUND_WIDE: &[u64] = &[];

/// How much happens in one schedule.
const STEPS: usize = 90;

fn seeds(found: &[u64], fresh: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("ATOLL_SIMULATION_SEED") {
        Some(seed) => vec![seed],
        None => found.iter().copied().chain(0..number("ATOLL_SIMULATION_SEEDS").unwrap_or(fresh)).collect(),
    }
}

async fn run(mut world: World) {
    for _ in 0..STEPS {
        world.step().await;
        world.nothing_strays().await;
    }
    world.quiet().await;
    world.everything_holds().await;
}

#[tokio::test]
async fn whatever_happens_in_whatever_order_no_edit_is_lost_and_no_secret_strays() {
    for seed in seeds(FOUND, 12) {
        crate::clock::simulated::begin(seed);
        run(World::begin(seed, TestManager::start().await, false).await).await;
    }
}

#[tokio::test]
async fn whatever_is_renamed_deleted_and_brought_back_no_edit_is_lost_and_no_secret_strays() {
    for seed in seeds(FOUND_WIDE, 8) {
        crate::clock::simulated::begin(seed);
        run(World::begin(seed, TestManager::start().await, true).await).await;
    }
}

/// Two managers over one PostgreSQL database, of which the one that is called may not have read what the other wrote.
#[tokio::test]
async fn whichever_manager_is_called_no_edit_is_lost_and_no_secret_strays() {
    for seed in seeds(&[], 3) {
        crate::clock::simulated::begin(seed);
        let Some((manager, second)) = TestManager::two_on_postgresql().await else { return };
        let mut world = World::begin(seed, manager, true).await;
        world.second = Some(second);
        run(world).await;
    }
}
