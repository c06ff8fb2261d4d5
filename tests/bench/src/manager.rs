//! The real manager as a process of its own, and its administrator's side.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use atoll_domain::fleet::enrolment::JoinToken;
use atoll_proto::v1;
use atoll_proto::v1::fleet_client::FleetClient;
use atoll_proto::v1::sharing_client::SharingClient;
use atoll_proto::v1::telemetry_client::TelemetryClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::error::{Result, failed};
use crate::process::Process;

const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// More than a bench ever sends in a minute.
const UNLIMITED: &str = "100000000";

/// Puts the token on each call.
#[derive(Debug, Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> std::result::Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Authorized = InterceptedService<Channel, Bearer>;

/// An administrator's calls about shared resources; a clone makes its own beside them.
pub type Sharing = SharingClient<Authorized>;

/// A running manager.
pub struct Manager {
    pub process: Process,
    pub node_address: SocketAddr,
    pub fleet: FleetClient<Authorized>,
    pub sharing: Sharing,
    telemetry: TelemetryClient<Authorized>,
    metrics_address: SocketAddr,
}

/// A port that is free now. Somebody else may take it before the manager does; it then fails to start and says so.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The manager's program, beside this one.
pub fn program() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("atoll-manager");
    if path.exists() {
        return Ok(path);
    }
    Err(failed(format!("{} is missing; build it with the same profile as the bench", path.display())))
}

impl Manager {
    /// Starts it on a data directory and waits until it answers.
    pub async fn start(data: &Path) -> Result<Self> {
        let (admin, node, metrics) = (free_address()?, free_address()?, free_address()?);
        let mut command = Command::new(program()?);
        command
            .arg("serve")
            .arg("--data-directory")
            .arg(data)
            .args(["--admin-listen", &admin.to_string(), "--node-listen", &node.to_string()])
            .args(["--metrics-listen", &metrics.to_string(), "--log", "warn"])
            .args(["--joins-per-minute", UNLIMITED, "--reports-per-minute", UNLIMITED])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut process = Process::spawn(&mut command)?;
        let channel = ready(admin, &mut process).await?;
        let token = std::fs::read_to_string(data.join("admin.token"))?;
        let mut value: MetadataValue<Ascii> = format!("Bearer {}", token.trim()).parse()?;
        value.set_sensitive(true);
        let with = || InterceptedService::new(channel.clone(), Bearer(value.clone()));
        let (fleet, sharing) = (FleetClient::new(with()), SharingClient::new(with()));
        let telemetry = TelemetryClient::new(with());
        Ok(Self { process, node_address: node, fleet, sharing, telemetry, metrics_address: metrics })
    }

    /// A token for this many nodes.
    pub async fn join_token(&mut self, uses_limit: usize) -> Result<JoinToken> {
        let request = v1::CreateJoinTokenRequest {
            description: "bench".to_owned(),
            group: "/".to_owned(),
            uses_limit: u32::try_from(uses_limit)?,
            ..v1::CreateJoinTokenRequest::default()
        };
        let text = self.fleet.create_join_token(request).await?.into_inner().text;
        Ok(text.parse()?)
    }

    /// How many questions are open.
    pub async fn conflicts_open(&mut self) -> Result<usize> {
        let status = self.telemetry.get_status(v1::GetStatusRequest::default()).await?.into_inner();
        Ok(usize::try_from(status.conflicts_open)?)
    }

    /// The value of a counter or gauge on the metrics port; zero before its first use.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let mut stream = TcpStream::connect(self.metrics_address).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        Ok(value.unwrap_or(0.0))
    }
}

async fn ready(admin: SocketAddr, process: &mut Process) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{admin}"))?;
    let started = Instant::now();
    loop {
        if let Ok(channel) = endpoint.connect().await {
            return Ok(channel);
        }
        if process.has_ended()? || started.elapsed() > START_TIMEOUT {
            return Err(failed("the manager did not start; see what it said above"));
        }
        tokio::time::sleep(POLL).await;
    }
}
