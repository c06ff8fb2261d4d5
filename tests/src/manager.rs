//! A manager with its fleet.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;
use crate::{Agent, Cli, eventually, program};

/// What is not as usual about a test's manager.
#[derive(Debug, Clone, Default)]
pub struct FleetOptions {
    pub database_url: Option<String>,
    /// Further flags of `atoll-manager serve`.
    pub flags: Vec<String>,
    /// Words before the program, such as a shell that sets limits.
    pub wrapper: Vec<String>,
}

/// A manager in a directory of its own, and what a test starts around it.
#[derive(Debug)]
pub struct Fleet {
    pub directory: TempDir,
    pub manager: Process,
    pub cli: Cli,
    pub metrics_port: u16,
    pub node_port: u16,
    options: FleetOptions,
}

/// Three ports that were free a moment ago, held together so that no two are one.
#[must_use]
pub fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("loopback has a free port"));
    listeners.map(|listener| listener.local_addr().expect("a listener has an address").port())
}

impl Fleet {
    /// Starts a manager on its embedded database.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(FleetOptions::default())
    }

    #[must_use]
    pub fn start_with(options: FleetOptions) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let [admin_port, node_port, metrics_port] = free_ports();
        let cli = Cli {
            server: format!("http://127.0.0.1:{admin_port}"),
            token_file: directory.path().join("manager/admin.token"),
            directory: directory.path().to_owned(),
        };
        let manager = launch(directory.path(), &cli.server, node_port, metrics_port, &options);
        let mut fleet = Self { directory, manager, cli, metrics_port, node_port, options };
        fleet.wait_until_ready();
        fleet
    }

    fn wait_until_ready(&mut self) {
        let (manager, cli) = (&mut self.manager, &self.cli);
        eventually("the manager is ready", || {
            assert!(manager.is_running(), "the manager ended: {}", manager.output());
            (cli.attempt(&["whoami"]).code == 0).then_some(())
        });
    }

    /// Starts a second manager over the same database and master key: another replica.
    pub fn replica(&self) -> Fleet {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        fs::create_dir(directory.path().join("manager")).expect("a directory can be made");
        let [admin_port, node_port, metrics_port] = free_ports();
        let cli = Cli { server: format!("http://127.0.0.1:{admin_port}"), ..self.cli.clone() };
        let key = self.path("manager/master.key");
        let mut options = self.options.clone();
        options.flags.extend(["--master-key-file".to_owned(), key.to_string_lossy().into_owned()]);
        let manager = launch(directory.path(), &cli.server, node_port, metrics_port, &options);
        let mut fleet = Fleet { directory, manager, cli, metrics_port, node_port, options };
        fleet.wait_until_ready();
        fleet
    }

    /// Starts the manager again after it was stopped or killed, or stops it before: two would contend for one directory.
    pub fn restart_manager(&mut self) {
        if self.manager.is_running() {
            self.manager.stop();
        }
        let options = &self.options;
        self.manager = launch(self.directory.path(), &self.cli.server, self.node_port, self.metrics_port, options);
        self.wait_until_ready();
    }

    /// Stops the manager, copies its directory as a backup, and starts it again.
    pub fn back_up(&mut self) {
        self.manager.stop();
        copy(&self.path("manager"), &self.path("backup"));
        self.restart_manager();
    }

    /// Stops the manager and puts its directory back to what it was at the backup. It is not started.
    pub fn put_back(&mut self) {
        self.manager.stop();
        fs::remove_dir_all(self.path("manager")).expect("the directory can be removed");
        copy(&self.path("backup"), &self.path("manager"));
    }

    /// From the next start on the manager runs without the wrapper's limits.
    pub fn lift_limits(&mut self) {
        self.options.wrapper.clear();
    }

    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Creates a group and a join token for it.
    pub fn join_token(&self, group: &str, labels: &[&str]) -> String {
        self.cli.run(&["group", "create", group]);
        let labels: Vec<&str> = labels.iter().flat_map(|label| ["--label", label]).collect();
        let uses = ["enroll", "token", "create", "--uses", "100", "--group", group];
        self.cli.run(&[uses.as_slice(), &labels].concat())
    }

    /// Starts an agent that joins with a name, and waits until it is there.
    pub fn join(&self, name: &str, group: &str, labels: &[&str]) -> Agent {
        let agent = Agent::start(self.directory.path(), name, Some(&self.join_token(group, labels)));
        self.cli.run(&["node", "wait", name, "--timeout", "30s"]);
        agent
    }

    /// Writes a document into a file of the test.
    pub fn write(&self, name: &str, document: &Value) -> String {
        let path = self.path(name);
        fs::write(&path, serde_json::to_vec_pretty(document).expect("JSON")).expect("the file can be written");
        path.to_str().expect("a plain path").to_owned()
    }

    /// Imports and releases a resource of a kind (`template` or `vars`), and gives its name.
    pub fn publish(&self, kind: &str, document: &Value) -> String {
        let file = self.write("publish.json", document);
        self.cli.run(&[kind, "import", &file, "--publish"]);
        document["Name"].as_str().expect("a document has a name").to_owned()
    }

    /// Waits until everybody who is online has everything.
    pub fn synced(&self) {
        self.cli.run(&["sync", "status", "--wait", "--timeout", "30s"]);
    }

    /// One number of the metrics page.
    #[must_use]
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.get(self.metrics_port, "/metrics");
        let line = page.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|number| number.parse().ok()).unwrap_or(0.0)
    }

    /// A page over plain HTTP.
    #[must_use]
    pub fn get(&self, port: u16, path: &str) -> String {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("the port answers");
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the port reads");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }
}

/// Copies a directory with its files as they are.
pub fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").args([from, to]).status().expect("cp can be started");
    assert!(done.success(), "{} cannot be copied", from.display());
}

fn launch(directory: &Path, server: &str, node_port: u16, metrics_port: u16, options: &FleetOptions) -> Process {
    let serve = program("atoll-manager");
    let mut command = match options.wrapper.split_first() {
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(serve);
            command
        }
        None => Command::new(serve),
    };
    command
        .arg("serve")
        .args(["--data-directory".as_ref(), directory.join("manager").as_os_str()])
        .args(["--admin-listen", server.trim_start_matches("http://")])
        .args(["--node-listen", &format!("127.0.0.1:{node_port}")])
        .args(["--metrics-listen", &format!("127.0.0.1:{metrics_port}")])
        .args(&options.flags);
    if let Some(url) = &options.database_url {
        command.env("ATOLL_DATABASE_URL", url);
    } else {
        command.env_remove("ATOLL_DATABASE_URL");
    }
    Process::start(command, &directory.join("manager.log"))
}
