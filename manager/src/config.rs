//! Settings: a file, then environment variables `ATOLL_*`, then flags; the later wins. Everything is checked at start.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use crate::error::{Error, Result};

const DAY_MS: i64 = 86_400_000;

/// Flags and environment variables of `atoll-manager serve`. What is not given comes from the file, then the default.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Given {
    /// Directory for the database, the master key and the first token.
    #[arg(long, env = "ATOLL_DATA_DIRECTORY")]
    pub data_directory: Option<PathBuf>,
    /// PostgreSQL to use instead of the embedded SQLite, as postgres://user@host/database. A URL with a password is taken from
    /// the environment or the configuration file only.
    #[arg(long, env = "ATOLL_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// File with the master key, 64 hexadecimal digits, mode 0600. Default: created in the data directory.
    #[arg(long, env = "ATOLL_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,
    /// Where administrators connect.
    #[arg(long, env = "ATOLL_ADMIN_LISTEN")]
    pub admin_listen: Option<SocketAddr>,
    /// Speak TLS on the admin port on loopback too; on other addresses it always does.
    #[arg(long, env = "ATOLL_ADMIN_TLS", num_args = 0..=1, default_missing_value = "true")]
    pub admin_tls: Option<bool>,
    /// Where nodes connect.
    #[arg(long, env = "ATOLL_NODE_LISTEN")]
    pub node_listen: Option<SocketAddr>,
    /// host:port under which nodes reach this manager; goes into join tokens.
    #[arg(long, env = "ATOLL_NODE_ADDRESS")]
    pub node_address: Option<String>,
    /// Where Prometheus reads metrics.
    #[arg(long, env = "ATOLL_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
    /// Lifetime of node certificates, such as 24h.
    #[arg(long, env = "ATOLL_CERTIFICATE_LIFETIME")]
    pub certificate_lifetime: Option<String>,
    /// Further DNS names and addresses for the admin port's certificate, comma-separated.
    #[arg(long, env = "ATOLL_ADMIN_NAMES", value_delimiter = ',')]
    pub admin_names: Option<Vec<String>>,
    /// Log lines: text or json.
    #[arg(long, env = "ATOLL_LOG_FORMAT")]
    pub log_format: Option<String>,
    /// Log level, or a filter such as info,atoll_manager=debug.
    #[arg(long, env = "ATOLL_LOG")]
    pub log: Option<String>,
    /// Joins and recoveries allowed per minute from one address.
    #[arg(long, env = "ATOLL_JOINS_PER_MINUTE")]
    pub joins_per_minute: Option<u32>,
    /// Reports allowed per minute from one node.
    #[arg(long, env = "ATOLL_REPORTS_PER_MINUTE")]
    pub reports_per_minute: Option<u32>,
}

/// Checked settings.
#[derive(Clone)]
pub struct Settings {
    pub data_directory: PathBuf,
    pub database_url: Option<String>,
    pub master_key_file: Option<PathBuf>,
    pub admin_listen: SocketAddr,
    /// The admin port speaks HTTP without TLS; on loopback only.
    pub admin_is_plain: bool,
    pub node_listen: SocketAddr,
    pub node_address: String,
    pub metrics_listen: SocketAddr,
    pub certificate_lifetime_ms: i64,
    pub admin_names: Vec<String>,
    pub log_json: bool,
    pub log: String,
    pub joins_per_minute: u32,
    pub reports_per_minute: u32,
}

impl Settings {
    /// Under which names the certificate of the ports is good, beside the manager's own: those that were given, and the
    /// address that administrators are told to call.
    #[must_use]
    pub fn server_names(&self) -> Vec<String> {
        let loopback = [Ipv4Addr::LOCALHOST.to_string(), Ipv6Addr::LOCALHOST.to_string()];
        let own = Some(self.admin_listen.ip()).filter(|address| !address.is_unspecified() && !address.is_loopback());
        let mut names = self.admin_names.clone();
        names.extend(loopback.into_iter().chain(own.map(|address| address.to_string())));
        names
    }
}

impl std::fmt::Display for Settings {
    /// As a configuration file would say it, without the password of the database.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut line = |key: &str, value: toml::Value| writeln!(formatter, "{key} = {value}");
        let text = |value: &dyn std::fmt::Display| toml::Value::String(value.to_string());
        line("data_directory", text(&self.data_directory.display()))?;
        if let Some(url) = &self.database_url {
            line("database_url", text(&without_password(url)))?;
        }
        if let Some(path) = &self.master_key_file {
            line("master_key_file", text(&path.display()))?;
        }
        line("admin_listen", text(&self.admin_listen))?;
        line("admin_tls", toml::Value::Boolean(!self.admin_is_plain))?;
        line("admin_names", toml::Value::Array(self.admin_names.iter().map(|name| text(name)).collect()))?;
        line("node_listen", text(&self.node_listen))?;
        line("node_address", text(&self.node_address))?;
        line("metrics_listen", text(&self.metrics_listen))?;
        line("certificate_lifetime", text(&format!("{}s", self.certificate_lifetime_ms / 1_000)))?;
        line("log_format", text(if self.log_json { &"json" } else { &"text" }))?;
        line("log", text(&self.log))?;
        line("joins_per_minute", toml::Value::Integer(self.joins_per_minute.into()))?;
        line("reports_per_minute", toml::Value::Integer(self.reports_per_minute.into()))
    }
}

/// Refuses a password among the arguments of a process: every user of the host reads those (proc(5), `cmdline`), and only its
/// own the environment.
///
/// # Errors
/// There is one.
pub fn check_arguments(arguments: impl IntoIterator<Item = String>) -> Result<()> {
    const FLAG: &str = "--database-url";
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let url = match argument.strip_prefix(FLAG) {
            Some("") => arguments.next(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        if url.is_some_and(|url| has_password(&url)) {
            return Err(bad(
                FLAG,
                "every user of this host can read the arguments of a process; give the URL with the password as ATOLL_DATABASE_URL, or as database_url in the file that --config names",
            ));
        }
    }
    Ok(())
}

/// What is wrong with a configuration file, without its text: a password may stand there.
fn problem_of(path: &std::path::Path, text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| format!(", line {}", before.matches('\n').count() + 1)).unwrap_or_default();
    let message = error.message().lines().next().unwrap_or_default();
    // Of a value of the wrong type the message repeats the value.
    let message = if message.contains("://") { "a value is of the wrong type" } else { message };
    format!("{}{line}: {message}", path.display())
}

fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) || rest.contains("password=")
}

/// A URL whose password, if it has one, is not shown. What cannot be told apart is not shown at all.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(not shown)".to_owned() };
    match rest.rsplit_once('@') {
        // A password can stand in the query too.
        None => format!("{scheme}://{}", rest.split('?').next().unwrap_or_default()),
        // Whatever characters a password has: it ends at the last of these.
        Some((user, host)) => {
            let name = user.split([':', '/', '?', '#']).next().unwrap_or_default();
            format!("{scheme}://{name}@{}", host.split('?').next().unwrap_or_default())
        }
    }
}

impl std::fmt::Debug for Settings {
    /// Without the database's URL, which may hold a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("data_directory", &self.data_directory)
            .field("admin_listen", &self.admin_listen)
            .field("node_listen", &self.node_listen)
            .field("node_address", &self.node_address)
            .field("metrics_listen", &self.metrics_listen)
            .finish_non_exhaustive()
    }
}

fn bad(key: &str, problem: impl std::fmt::Display) -> Error {
    Error::invalid("BAD_SETTING", format!("the setting {key} is wrong: {problem}"))
}

impl Given {
    /// Fills what was not given from a TOML file.
    ///
    /// # Errors
    /// The file cannot be read, or has a key that is not a setting; the message names it.
    pub fn over_file(self, path: &std::path::Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).map_err(|error| bad("--config", format!("{}: {error}", path.display())))?;
        let file: Self = toml::from_str(&text).map_err(|error| bad("--config", problem_of(path, &text, &error)))?;
        Ok(Self {
            data_directory: self.data_directory.or(file.data_directory),
            database_url: self.database_url.or(file.database_url),
            master_key_file: self.master_key_file.or(file.master_key_file),
            admin_listen: self.admin_listen.or(file.admin_listen),
            admin_tls: self.admin_tls.or(file.admin_tls),
            node_listen: self.node_listen.or(file.node_listen),
            node_address: self.node_address.or(file.node_address),
            metrics_listen: self.metrics_listen.or(file.metrics_listen),
            certificate_lifetime: self.certificate_lifetime.or(file.certificate_lifetime),
            admin_names: self.admin_names.or(file.admin_names),
            log_format: self.log_format.or(file.log_format),
            log: self.log.or(file.log),
            joins_per_minute: self.joins_per_minute.or(file.joins_per_minute),
            reports_per_minute: self.reports_per_minute.or(file.reports_per_minute),
        })
    }

    /// Checks everything, so that a mistake shows at start and names its key.
    ///
    /// # Errors
    /// The first setting that cannot be.
    pub fn check(self) -> Result<Settings> {
        let certificate_lifetime_ms = match self.certificate_lifetime.as_deref() {
            None => DAY_MS,
            Some(text) => {
                atoll_domain::time::parse_duration_ms(text).map_err(|error| bad("certificate_lifetime", error))?
            }
        };
        if !(5_000..=7 * DAY_MS).contains(&certificate_lifetime_ms) {
            return Err(bad("certificate_lifetime", "it must lie between 5s and 7d"));
        }
        let log_json = match self.log_format.as_deref() {
            None | Some("text") => false,
            Some("json") => true,
            Some(other) => return Err(bad("log_format", format!("\"{other}\" is neither text nor json"))),
        };
        if let Some(url) = &self.database_url
            && !(url.starts_with("postgres://") || url.starts_with("postgresql://"))
        {
            return Err(bad("database_url", "it must begin with postgres:// (leave it out for the embedded SQLite)"));
        }
        if let Some(url) = &self.database_url {
            crate::store::connect::check_url(url).map_err(|problem| bad("database_url", problem))?;
        }
        let node_listen = self.node_listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7443)));
        let node_address = self.node_address.unwrap_or_else(|| node_listen.to_string());
        if node_address.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()) {
            return Err(bad("node_address", format!("\"{node_address}\" is not host:port")));
        }
        let log = self.log.unwrap_or_else(|| "info,sea_orm_migration=warn".to_owned());
        EnvFilter::try_new(&log).map_err(|error| bad("log", error))?;
        for name in self.admin_names.iter().flatten() {
            ServerName::try_from(name.as_str())
                .map_err(|_| bad("admin_names", format!("\"{name}\" is neither a DNS name nor an address")))?;
        }
        let admin_listen = self.admin_listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7400)));
        let limit = |key: &str, value: Option<u32>, default: u32| match value {
            Some(0) => Err(bad(key, "it must be at least 1")),
            value => Ok(value.unwrap_or(default)),
        };
        let metrics_listen = self.metrics_listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7401)));
        let ports = [("node_listen", node_listen), ("metrics_listen", metrics_listen), ("admin_listen", admin_listen)];
        for (at, (key, address)) in ports.iter().enumerate() {
            // Port 0 is any that is free.
            if let Some((other, _)) = ports[..at].iter().find(|(_, other)| other == address && address.port() != 0) {
                return Err(bad(key, format!("{address} is the address of {other} too")));
            }
        }
        Ok(Settings {
            data_directory: self.data_directory.unwrap_or_else(|| PathBuf::from("atoll-data")),
            database_url: self.database_url,
            master_key_file: self.master_key_file,
            admin_listen,
            admin_is_plain: admin_listen.ip().is_loopback() && !self.admin_tls.unwrap_or(false),
            node_listen,
            node_address,
            metrics_listen,
            certificate_lifetime_ms,
            admin_names: self.admin_names.unwrap_or_default(),
            log_json,
            log,
            joins_per_minute: limit("joins_per_minute", self.joins_per_minute, 600)?,
            reports_per_minute: limit("reports_per_minute", self.reports_per_minute, 6_000)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_setting_is_refused_by_name() {
        let given = Given { certificate_lifetime: Some("soon".to_owned()), ..Given::default() };
        assert!(given.check().unwrap_err().text.contains("certificate_lifetime"));
        let given = Given { database_url: Some("mysql://x".to_owned()), ..Given::default() };
        assert!(given.check().unwrap_err().text.contains("database_url"));
        let given = Given { log: Some("atoll=loud".to_owned()), ..Given::default() };
        assert!(given.check().unwrap_err().text.contains("setting log"));
        let given = Given { admin_names: Some(vec!["not a name".to_owned()]), ..Given::default() };
        assert!(given.check().unwrap_err().text.contains("admin_names"));
        let given = Given { node_listen: Some(SocketAddr::from(([127, 0, 0, 1], 7400))), ..Given::default() };
        assert!(given.check().unwrap_err().text.contains("127.0.0.1:7400 is the address of node_listen too"));
        assert!(toml::from_str::<Given>("data_dir = 'x'").unwrap_err().to_string().contains("data_dir"));
    }

    #[test]
    fn a_password_among_the_arguments_is_refused_and_not_repeated() {
        let check = |arguments: &[&str]| check_arguments(arguments.iter().map(|argument| (*argument).to_owned()));
        for url in ["postgres://u:hunter2@db/x", "postgres://u@db/x?password=hunter2", "u:hunter2@db"] {
            let refused = check(&["serve", "--database-url", url]).unwrap_err();
            assert!(refused.text.contains("ATOLL_DATABASE_URL") && !refused.text.contains("hunter2"), "{refused}");
            assert!(check(&["serve", &format!("--database-url={url}"), "--log", "info"]).is_err());
        }
        assert!(check(&["serve", "--database-url", "postgres://u@db:5432/x", "--log", "a:b@c"]).is_ok());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_a_password() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("manager.toml");
        let url = "postgres://atoll:hunter2@db/x";
        for (text, says) in [
            (format!("log = 'info'\ndatabase_url = \"{url}\n"), "line 2"),
            (format!("databse_url = '{url}'\n"), "unknown field `databse_url`"),
            (format!("database_url = ['{url}']\n"), "line 1"),
            (format!("admin_tls = '{url}'\n"), "wrong type"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let said = Given::default().over_file(&path).unwrap_err().to_string();
            assert!(said.contains(says) && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn what_is_printed_can_be_read_back_and_holds_no_password() {
        for odd in
            ["postgres://u:hun/ter2@db/x", "postgres://u:hun?ter2@db/x", "postgres://u:hun#ter2@db/x?password=ter2"]
        {
            assert!(!without_password(odd).contains("ter2"), "{}", without_password(odd));
            let refused = Given { database_url: Some(odd.to_owned()), ..Given::default() }.check();
            assert!(refused.is_ok() || !refused.unwrap_err().to_string().contains("ter2"));
        }
        let unknown = "postgres://u@db/x?sslpassword=hunter2";
        let refused = Given { database_url: Some(unknown.to_owned()), ..Given::default() }.check().unwrap_err();
        assert!(refused.text.contains("sslpassword") && !refused.text.contains("hunter2"), "{}", refused.text);
        let url = "postgres://atoll:hunter2@db.example/atoll?password=hunter2";
        let given = Given { database_url: Some(url.to_owned()), ..Given::default() };
        let printed = given.check().unwrap().to_string();
        assert!(!printed.contains("hunter2"), "{printed}");
        let again = toml::from_str::<Given>(&printed).unwrap().check().unwrap();
        assert_eq!(again.to_string(), printed);
    }
}
