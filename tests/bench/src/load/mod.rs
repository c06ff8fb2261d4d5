//! A load process: half of the simulated nodes, on one thread.

pub mod connection;
pub mod edit;
pub mod identity;
pub mod node;
pub mod tls;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use rustls::ClientConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::task::JoinHandle;

use crate::error::{Result, failed};
use crate::protocol::{LoadCommand, LoadReply, Side};
use identity::{Identity, Wish};
use node::{Received, Replica};
use tls::Trust;

/// Runs commands from standard input until it ends.
pub async fn run() -> Result<()> {
    let mut load = Load::default();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut out = tokio::io::stdout();
    while let Some(line) = lines.next_line().await? {
        let reply = match load.obey(serde_json::from_str(&line)?).await {
            Ok(reply) => reply,
            Err(error) => LoadReply { error: Some(error.to_string()), ..LoadReply::default() },
        };
        let mut text = serde_json::to_vec(&reply)?;
        text.push(b'\n');
        out.write_all(&text).await?;
        out.flush().await?;
    }
    Ok(())
}

struct Target {
    address: String,
    trust: Trust,
    /// One for each node that joined; made once, since a reconnecting node has its keys at hand.
    configs: Vec<Arc<ClientConfig>>,
    sessions: Vec<JoinHandle<()>>,
    received: Arc<Received>,
}

#[derive(Default)]
struct Load {
    targets: HashMap<Side, Target>,
    wishes: Vec<Wish>,
    identities: Vec<Identity>,
    replicas: Vec<Arc<Mutex<Replica>>>,
}

impl Load {
    async fn obey(&mut self, command: LoadCommand) -> Result<LoadReply> {
        match command {
            LoadCommand::Target { side, address, root_pin } => self.target(side, address, &root_pin).await,
            LoadCommand::Prepare { names, token_id, token_secret } => self.prepare(&names, &token_id, &token_secret),
            LoadCommand::Join { side, concurrency } => self.join(side, concurrency).await,
            LoadCommand::Connect { side, concurrency } => self.connect(side, concurrency).await,
            LoadCommand::Disconnect { side } => self.disconnect(side).await,
            LoadCommand::Expect { side } => {
                self.at(side)?.received.clear();
                Ok(LoadReply::default())
            }
            LoadCommand::Collect { side, timeout_ms } => self.collect(side, timeout_ms).await,
        }
    }

    fn at(&mut self, side: Side) -> Result<&mut Target> {
        self.targets.get_mut(&side).ok_or_else(|| failed("this server was not named yet"))
    }

    async fn target(&mut self, side: Side, address: String, root_pin: &str) -> Result<LoadReply> {
        let trust = Trust::fetch(&address, root_pin).await?;
        let target = Target { address, trust, configs: Vec::new(), sessions: Vec::new(), received: Arc::default() };
        self.targets.insert(side, target);
        Ok(LoadReply::default())
    }

    fn prepare(&mut self, names: &[String], token_id: &str, token_secret: &str) -> Result<LoadReply> {
        let token = token_id.parse().map_err(|_| failed("the token's id is not one"))?;
        let wishes: Result<Vec<Wish>> = names.iter().map(|name| identity::prepare(name, token, token_secret)).collect();
        self.wishes = wishes?;
        Ok(LoadReply { nodes: self.wishes.len(), ..LoadReply::default() })
    }

    /// The nodes that the manager admitted are kept; the floor admits them once more and its answer is dropped.
    async fn join(&mut self, side: Side, concurrency: usize) -> Result<LoadReply> {
        let wishes = self.wishes.clone();
        let target = self.at(side)?;
        let (address, trust) = (&target.address, &target.trust);
        let joins = stream::iter(wishes.into_iter().map(|wish| identity::join(side, address, trust, wish)));
        let joined: Vec<Result<Identity>> = joins.buffer_unordered(concurrency).collect().await;
        let joined: Result<Vec<Identity>> = joined.into_iter().collect();
        let joined = joined?;
        let nodes = joined.len();
        if side == Side::Manager {
            self.identities.extend(joined);
        }
        Ok(LoadReply { nodes, ..LoadReply::default() })
    }

    fn make_configs(&mut self, side: Side) -> Result<()> {
        let replica = || Replica { incarnation: uuid::Uuid::now_v7().to_string(), ..Replica::default() };
        while self.replicas.len() < self.identities.len() {
            self.replicas.push(Arc::new(Mutex::new(replica())));
        }
        let target = self.targets.get_mut(&side).ok_or_else(|| failed("this server was not named yet"))?;
        for identity in self.identities.iter().skip(target.configs.len()) {
            target.configs.push(target.trust.config(Some(identity.credential()))?);
        }
        Ok(())
    }

    async fn connect(&mut self, side: Side, concurrency: usize) -> Result<LoadReply> {
        self.make_configs(side)?;
        let replicas = self.replicas.clone();
        let target = self.at(side)?;
        let nodes: Vec<_> = target.configs.iter().cloned().zip(replicas).collect();
        let (address, received) = (target.address.clone(), Arc::clone(&target.received));
        let opening = nodes.into_iter().map(|(config, replica)| {
            let (address, received) = (address.clone(), Arc::clone(&received));
            async move {
                let session = node::open(side, &address, config, &replica).await?;
                Ok(tokio::spawn(session.run(received, replica)))
            }
        });
        let opened: Vec<Result<JoinHandle<()>>> = stream::iter(opening).buffer_unordered(concurrency).collect().await;
        for session in opened {
            target.sessions.push(session?);
        }
        Ok(LoadReply { nodes: target.sessions.len(), ..LoadReply::default() })
    }

    async fn disconnect(&mut self, side: Side) -> Result<LoadReply> {
        let target = self.at(side)?;
        let sessions = std::mem::take(&mut target.sessions);
        let nodes = sessions.len();
        sessions.iter().for_each(JoinHandle::abort);
        for session in sessions {
            let _ = session.await;
        }
        Ok(LoadReply { nodes, ..LoadReply::default() })
    }

    async fn collect(&mut self, side: Side, timeout_ms: u64) -> Result<LoadReply> {
        let target = self.at(side)?;
        let (received, expected) = (Arc::clone(&target.received), target.sessions.len());
        let waited = tokio::time::timeout(Duration::from_millis(timeout_ms), received.wait(expected)).await;
        let Ok((received_ns, payload_bytes)) = waited else {
            let count = received.count();
            return Err(failed(format!("{count} of {expected} nodes received the change within {timeout_ms} ms")));
        };
        Ok(LoadReply { nodes: received_ns.len(), received_ns, payload_bytes, ..LoadReply::default() })
    }
}
