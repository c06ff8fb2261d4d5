//! The manager, the floor and the fleet between them.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::error::Result;
use crate::fleet::Fleet;
use crate::floor_process::FloorProcess;
use crate::load::tls::Trust;
use crate::manager::Manager;
use crate::process::Process;
use crate::protocol::Side;

pub struct Stage {
    pub manager: Manager,
    pub floor: FloorProcess,
    pub fleet: Fleet,
    /// Of manager and floor, before the first node connected.
    pub resident_before_kib: [f64; 2],
    directory: TempDir,
}

fn manager_directory(directory: &TempDir) -> PathBuf {
    directory.path().join("manager")
}

impl Stage {
    /// An empty manager and a floor, for joins.
    pub async fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut manager = Manager::start(&manager_directory(&directory)).await?;
        let floor = FloorProcess::start(directory.path(), None).await?;
        let mut fleet = Fleet::start()?;
        let pin = manager.join_token(1).await?.root_pin.to_string();
        fleet.target(Side::Manager, &manager.node_address.to_string(), &pin).await?;
        fleet.target(Side::Floor, &floor.address, &floor.root_pin).await?;
        Ok(Self { manager, floor, fleet, resident_before_kib: [0.0; 2], directory })
    }

    /// The same fleet with both servers anew. The floor now knows the nodes by the certificates that the manager signed.
    pub async fn restart(self) -> Result<Self> {
        let Self { manager, floor, mut fleet, directory, .. } = self;
        drop(floor);
        manager.process.stop().await?;
        let mut manager = Manager::start(&manager_directory(&directory)).await?;
        let (address, pin) = (manager.node_address.to_string(), manager.join_token(1).await?.root_pin.to_string());
        let root_file = directory.path().join("root.der");
        std::fs::write(&root_file, Trust::fetch(&address, &pin).await?.root)?;
        let floor = FloorProcess::start(directory.path(), Some(&root_file)).await?;
        fleet.target(Side::Manager, &address, &pin).await?;
        fleet.target(Side::Floor, &floor.address, &floor.root_pin).await?;
        Ok(Self { manager, floor, fleet, resident_before_kib: [0.0; 2], directory })
    }

    pub fn process(&self, side: Side) -> &Process {
        match side {
            Side::Manager => &self.manager.process,
            Side::Floor => &self.floor.worker.process,
        }
    }
}
