//! The floor: a bare tonic server that broadcasts bytes over bidirectional streams and admits nodes with nothing but
//! the cryptography and one durable commit. The same TLS and HTTP/2 settings as the manager's node port.

mod authority;
mod broadcast;
mod join;
mod port;

use std::path::Path;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::error::Result;
use crate::protocol::{FloorCommand, FloorReply};
use authority::Authority;
use broadcast::Broadcaster;

/// The floor's contract.
pub mod v1 {
    #![allow(
        clippy::all,
        clippy::pedantic,
        missing_debug_implementations,
        unused_qualifications,
        reason = "generated code"
    )]
    tonic::include_proto!("atoll.bench.floor");
}

/// Serves until standard input ends. Nodes show certificates that `client_root` (DER) stands for.
pub async fn run(data: &Path, client_root: Option<&Path>) -> Result<()> {
    let authority = Authority::generate()?;
    let trusted = match client_root {
        Some(path) => std::fs::read(path)?.into(),
        None => authority.root.clone(),
    };
    let listener = port::listen()?;
    let started = FloorReply {
        address: listener.local_addr()?.to_string(),
        root_pin: authority.root_pin.clone(),
        ..FloorReply::default()
    };
    let tls = authority.tls(&trusted)?;
    let broadcaster = Broadcaster::new();
    let service = join::Floor::open(data, authority, broadcaster.clone()).await?;
    tokio::spawn(port::serve(listener, tls, service));
    obey(&started, &broadcaster).await
}

async fn obey(started: &FloorReply, broadcaster: &Broadcaster) -> Result<()> {
    say(started).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if let FloorCommand::Publish { payload_bytes } = serde_json::from_str(&line)? {
            broadcaster.publish(Bytes::from(vec![b'x'; payload_bytes]));
        }
        say(&FloorReply { acknowledgements: broadcaster.acknowledgements(), ..FloorReply::default() }).await?;
    }
    Ok(())
}

async fn say(reply: &FloorReply) -> Result<()> {
    let mut text = serde_json::to_vec(reply)?;
    text.push(b'\n');
    let mut out = tokio::io::stdout();
    out.write_all(&text).await?;
    Ok(out.flush().await?)
}
