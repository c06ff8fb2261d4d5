//! The floor as a process of its own.

use std::path::Path;

use crate::error::Result;
use crate::process::Worker;
use crate::protocol::{FloorCommand, FloorReply};

pub struct FloorProcess {
    pub worker: Worker<FloorCommand, FloorReply>,
    pub address: String,
    pub root_pin: String,
}

impl FloorProcess {
    /// Starts it; nodes show certificates that `client_root` stands for, or none.
    pub async fn start(data: &Path, client_root: Option<&Path>) -> Result<Self> {
        let mut arguments = vec![Path::new("floor"), Path::new("--data"), data];
        if let Some(root) = client_root {
            arguments.extend([Path::new("--client-root"), root]);
        }
        let mut worker = Worker::<FloorCommand, FloorReply>::spawn(&arguments)?;
        let FloorReply { address, root_pin, .. } = worker.receive().await?;
        Ok(Self { worker, address, root_pin })
    }

    pub async fn publish(&mut self, payload_bytes: usize) -> Result<()> {
        self.worker.ask(&FloorCommand::Publish { payload_bytes }).await.map(drop)
    }

    pub async fn acknowledgements(&mut self) -> Result<u64> {
        Ok(self.worker.ask(&FloorCommand::Acknowledgements).await?.acknowledgements)
    }
}
