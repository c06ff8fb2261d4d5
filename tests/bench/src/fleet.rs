//! The simulated fleet as the bench drives it: load processes that act together.

use std::path::Path;
use std::time::Instant;

use atoll_domain::fleet::enrolment::JoinToken;

use crate::error::{Result, failed};
use crate::process::Worker;
use crate::protocol::{LoadCommand, LoadReply, Side};

/// Load processes: two, so that neither of the machine's cores waits for the other.
const PROCESSES: usize = 2;
/// Calls under way at once in each process, for joins and for connections.
const CONCURRENCY: usize = 128;

pub struct Fleet {
    workers: Vec<Worker<LoadCommand, LoadReply>>,
    prepared: usize,
}

/// What all nodes together did, and how long it took.
#[derive(Debug, Default)]
pub struct Outcome {
    pub nodes: usize,
    pub seconds: f64,
    pub received_ns: Vec<u64>,
    pub payload_bytes: usize,
}

impl Outcome {
    #[expect(clippy::cast_precision_loss)]
    pub fn per_second(&self) -> f64 {
        self.nodes as f64 / self.seconds
    }
}

impl Fleet {
    pub fn start() -> Result<Self> {
        let workers: Result<Vec<_>> = (0..PROCESSES).map(|_| Worker::spawn(&[Path::new("load")])).collect();
        Ok(Self { workers: workers?, prepared: 0 })
    }

    /// Gives each process its command at once and waits for all.
    async fn each(&mut self, commands: Vec<LoadCommand>) -> Result<Outcome> {
        let started = Instant::now();
        for (worker, command) in self.workers.iter_mut().zip(&commands) {
            worker.send(command).await?;
        }
        let mut outcome = Outcome::default();
        for worker in &mut self.workers {
            let reply = worker.receive().await?;
            if let Some(error) = reply.error {
                return Err(failed(format!("a simulated node failed: {error}")));
            }
            outcome.nodes += reply.nodes;
            outcome.received_ns.extend(reply.received_ns);
            outcome.payload_bytes = outcome.payload_bytes.max(reply.payload_bytes);
        }
        outcome.seconds = started.elapsed().as_secs_f64();
        Ok(outcome)
    }

    async fn all(&mut self, command: LoadCommand) -> Result<Outcome> {
        self.each(vec![command; PROCESSES]).await
    }

    /// Says where a server is.
    pub async fn target(&mut self, side: Side, address: &str, root_pin: &str) -> Result<()> {
        let (address, root_pin) = (address.to_owned(), root_pin.to_owned());
        self.all(LoadCommand::Target { side, address, root_pin }).await.map(drop)
    }

    /// Makes the keys of further nodes.
    pub async fn prepare(&mut self, count: usize, token: &JoinToken) -> Result<()> {
        let names: Vec<String> = (self.prepared..self.prepared + count).map(|index| format!("node-{index}")).collect();
        self.prepared += count;
        let share = |process: usize| names.iter().skip(process).step_by(PROCESSES).cloned().collect();
        let commands = (0..PROCESSES).map(|process| LoadCommand::Prepare {
            names: share(process),
            token_id: token.id.to_string(),
            token_secret: token.secret.reveal(),
        });
        let commands = commands.collect();
        self.each(commands).await.map(drop)
    }

    /// Joins the nodes whose keys were made last.
    pub async fn join(&mut self, side: Side) -> Result<Outcome> {
        self.all(LoadCommand::Join { side, concurrency: CONCURRENCY }).await
    }

    /// Connects every node that joined.
    pub async fn connect(&mut self, side: Side) -> Result<Outcome> {
        self.all(LoadCommand::Connect { side, concurrency: CONCURRENCY }).await
    }

    pub async fn disconnect(&mut self, side: Side) -> Result<Outcome> {
        self.all(LoadCommand::Disconnect { side }).await
    }

    /// To be called before a change is published.
    pub async fn expect(&mut self, side: Side) -> Result<()> {
        self.all(LoadCommand::Expect { side }).await.map(drop)
    }

    /// Waits until the change has reached every node.
    pub async fn collect(&mut self, side: Side) -> Result<Outcome> {
        self.all(LoadCommand::Collect { side, timeout_ms: 60_000 }).await
    }
}
