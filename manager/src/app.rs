//! The only place that wires store, services, ports and tasks together.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::hub::Hub;
use crate::keys::{Keyring, master_key};
use crate::service::access::{link, token};
use crate::service::fleet::credential;
use crate::service::{Caller, Services, fleet};
use crate::store::{PUT_BACK, Store};
use crate::tls::{self, ServerCertificate};
use crate::{clock, http, private, rpc, task};

/// Where the first administrator's token is written.
pub const FIRST_TOKEN_FILE: &str = "admin.token";

/// Where the link of the first sign-in is written when nobody sees a terminal.
pub const SIGN_IN_FILE: &str = "sign-in.link";

/// What lies in the data directory and is nobody else's.
const SECRET_FILES: [&str; 6] =
    ["atoll.db", "atoll.db-wal", "atoll.db-shm", "master.key", FIRST_TOKEN_FILE, SIGN_IN_FILE];

/// Where the authority's root certificate is written, for clients of the admin port away from loopback.
pub const ROOT_FILE: &str = "root.pem";

/// How long streams may end by themselves after the node port stops accepting.
const DRAIN: Duration = Duration::from_secs(5);

/// Connections that may wait to be accepted; the system may allow fewer.
const LISTEN_QUEUE: u32 = 4_096;

/// What can be told before the start, beside the settings themselves. Nothing is changed.
///
/// # Errors
/// The master key file that was named cannot be used.
pub fn check(settings: &Settings) -> Result<()> {
    match &settings.master_key_file {
        Some(path) => master_key(path, false).map(drop),
        None => Ok(()),
    }
}

/// Runs the manager until it is cancelled.
///
/// # Errors
/// A port is taken, the database cannot be opened, or the master key is wrong; the message says what to do.
pub async fn run(settings: Settings, cancel: CancellationToken) -> Result<()> {
    raise_file_limit();
    let metrics = install_metrics()?;
    private::directory(&settings.data_directory, &SECRET_FILES)?;
    private::plain(&settings.data_directory, &[private::LOCK_FILE, ROOT_FILE])?;
    // Held until the process ends. Over PostgreSQL, the database orders what several managers do.
    let _claim = settings.database_url.is_none().then(|| private::claim(&settings.data_directory)).transpose()?;
    let services = Arc::new(open(settings).await?);
    let settings = &services.settings;
    let (admin_listener, node_listener, metrics_listener) =
        (listen(settings.admin_listen)?, listen(settings.node_listen)?, listen(settings.metrics_listen)?);

    let (chain, key) = services.keys.authority.issue_server(&settings.server_names(), clock::now())?;
    let certificate = Arc::new(ServerCertificate::new(chain, &key)?);
    let node_tls = tls::node_port(Arc::clone(&certificate), services.keys.authority.root())?;
    let is_plain = settings.admin_is_plain;
    let admin_tls = if is_plain { None } else { Some(tls::admin_port(Arc::clone(&certificate))?) };

    let mut tasks = JoinSet::new();
    tasks.spawn(task::feed(Arc::clone(&services), cancel.clone()));
    tasks.spawn(task::certificate(Arc::clone(&services), vec![certificate], cancel.clone()));
    let admin = http::admin(Arc::clone(&services), rpc::admin_routes(&services, &cancel).await?, is_plain);
    tasks.spawn(http::serve(tls::accept(admin_listener, admin_tls, None, cancel.clone()), admin, cancel.clone()));
    let scrape = http::metrics(metrics);
    tasks.spawn(http::serve(tls::accept(metrics_listener, None, None, cancel.clone()), scrape, cancel.clone()));
    tasks.spawn(node_port(
        Arc::clone(&services),
        tls::accept(node_listener, Some(node_tls), Some(known_nodes(&services)), cancel.clone()),
        cancel.clone(),
    ));
    tasks.spawn(task::required(Arc::clone(&services), cancel.clone()));
    tasks.spawn(task::samples(Arc::clone(&services), cancel.clone()));
    let presence = tokio::spawn(task::presence(Arc::clone(&services), cancel.clone()));

    tracing::info!(
        admin = %settings.admin_listen, nodes = %settings.node_listen, metrics = %settings.metrics_listen,
        database = services.store.backend_name(), "the manager is ready"
    );
    offer_sign_in(&services, is_plain).await;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    cancel.cancelled().await;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    tracing::info!("stopping");
    let ended = tokio::time::timeout(DRAIN + DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
        tasks.abort_all();
    }
    // Whoever supervises the manager is to start it again.
    match services.hub.refresh(&services.store).await {
        Err(error) if error.reason == PUT_BACK => return Err(error),
        _ => {}
    }
    // The streams are over: what was seen of their nodes last is written now.
    let _ = tokio::time::timeout(DRAIN, presence).await;
    services.presence.flush(&services.store).await?;
    Ok(())
}

/// Who has shown the certificate of a node that may call.
fn known_nodes(services: &Arc<Services>) -> tls::IsKnown {
    let services = Arc::clone(services);
    Arc::new(move |certificate| {
        let services = Arc::clone(&services);
        Box::pin(async move { credential::check(&services, Some(&certificate), clock::now()).await.is_ok() })
    })
}

/// Offers a link for the first sign-in, to a terminal or else in a file beside the keys: logs are read by more people.
async fn offer_sign_in(services: &Services, is_plain: bool) {
    let settings = &services.settings;
    let (address, port) = (settings.admin_listen.ip(), settings.admin_listen.port());
    let host = match settings.admin_names.first() {
        Some(name) if !is_plain => name.clone(),
        _ if address.is_unspecified() => "localhost".to_owned(),
        _ if address.is_ipv6() => format!("[{address}]"),
        _ => address.to_string(),
    };
    let scheme = if is_plain { "http" } else { "https" };
    match link::create(services, &Caller::console(clock::now()), link::LIFETIME_LIMIT_MS, None).await {
        Ok((_, code)) => {
            let url = format!("{scheme}://{host}:{port}{}", code.path());
            if let Err(error) = hand_over(&settings.data_directory.join(SIGN_IN_FILE), &url) {
                tracing::warn!("no sign-in link could be offered: {error}");
            }
        }
        Err(error) => tracing::warn!(context = error.context(), "no sign-in link could be made: {error}"),
    }
}

fn hand_over(path: &Path, url: &str) -> Result<()> {
    let mut terminal = io::stderr();
    if terminal.is_terminal() && writeln!(terminal, "Sign in once, within an hour, at {url}").is_ok() {
        return Ok(());
    }
    private::write(path, &format!("{url}\n"))?;
    tracing::info!(file = %path.display(), "a link to sign in with once, within an hour, was written");
    Ok(())
}

async fn node_port(
    services: Arc<Services>,
    connections: tokio_stream::wrappers::ReceiverStream<io::Result<tls::Connection>>,
    cancel: CancellationToken,
) {
    let routes = http::bounded(rpc::node_routes(Arc::clone(&services), cancel.clone()), known_nodes(&services));
    let server = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(45)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .max_concurrent_streams(Some(16))
        .add_routes(routes);
    let stop = async move { cancel.cancelled().await };
    if let Err(error) = server.serve_with_incoming_shutdown(connections, stop).await {
        tracing::error!(%error, "the node port failed");
    }
}

/// Each connection is a file. Systems begin with a low limit that a process may raise by itself up to the hard one.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!(%error, "the limit of open files cannot be raised, and with it the number of nodes");
    }
}

/// Opens a port. Binding as usual keeps a queue of 128: of a fleet that comes back at once, whoever does not fit is
/// dropped and tries again only after a second.
fn listen(address: SocketAddr) -> Result<TcpListener> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(LISTEN_QUEUE)
    };
    bind().map_err(|error: io::Error| {
        Error::precondition(
            "PORT",
            format!("cannot listen on {address}: {error}; choose another address, or stop the process that uses it"),
        )
    })
}

fn install_metrics() -> Result<PrometheusHandle> {
    PrometheusBuilder::new().install_recorder().map_err(Error::internal)
}

/// Opens the database and the keys, and loads what is kept in memory.
async fn open(settings: Settings) -> Result<Services> {
    let directory = settings.data_directory.clone();
    let store = match &settings.database_url {
        Some(url) => Store::open_postgresql(url).await?,
        None => Store::open_sqlite(&directory).await?,
    };
    let key_file = settings.master_key_file.clone().unwrap_or_else(|| directory.join("master.key"));
    let master = master_key(&key_file, settings.master_key_file.is_none())?;
    let keys = Keyring::open(&store, &master).await?;
    let started = clock::now();
    let services = Services::load(store, keys, Hub::new(rpc::encode_document), settings, started).await?;
    services.hub.refresh(&services.store).await?;
    write_root(&directory.join(ROOT_FILE), &services)?;
    fleet::group::create(
        &services,
        &Caller::manager(started),
        atoll_domain::fleet::name::GroupPath::root(),
        "the fleet",
    )
    .await?;
    if let Some(token) = token::first_token(&services).await? {
        let path = directory.join(FIRST_TOKEN_FILE);
        private::write(&path, token.reveal())?;
        tracing::info!(file = %path.display(), "the first administrator's token was written");
    }
    Ok(services)
}

/// Writes the root certificate as PEM (RFC 7468).
fn write_root(path: &Path, services: &Services) -> Result<()> {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(services.keys.authority.root());
    let lines: Vec<&str> = encoded.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    fs::write(path, pem).map_err(|error| {
        Error::precondition("DATA_DIRECTORY", format!("{} cannot be written: {error}", path.display()))
    })
}
