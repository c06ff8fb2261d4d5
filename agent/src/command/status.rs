//! `atoll-agent status`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use atoll_node::domain::terminal::neutral;
use atoll_node::domain::time::Timestamp;
use atoll_node::{NodeError, clock, joined_as};
use clap::Args;
use serde_json::json;

use super::Output;
use crate::AgentError;
use crate::status_file::AgentStatus;

/// The agent does not run: what service scripts answer then.
const NOT_RUNNING: u8 = 3;

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Data directory of the node.
    #[arg(long, env = "ATOLL_AGENT_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Output format.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(super) fn execute(arguments: &StatusArguments) -> Result<ExitCode, AgentError> {
    let joined = joined_as(&arguments.data_dir)?;
    let (id, name) = joined.ok_or_else(|| NodeError::NotJoined(arguments.data_dir.clone()))?;
    let status = AgentStatus::read(&arguments.data_dir)?;
    let now = clock::now();
    let alive = status.as_ref().is_some_and(|status| status.is_alive(now));
    let text = match (arguments.output, &status) {
        (Output::Json, status) => {
            let value = json!({ "agent_running": alive, "node_id": id, "status": status });
            serde_json::to_string_pretty(&value).map_err(|error| AgentError::Config(error.to_string()))?
        }
        (Output::Table, None) => format!(
            "{name} ({id}) has joined, but its agent has never run.\nStart it: atoll-agent run --data-dir {}",
            arguments.data_dir.display()
        ),
        (Output::Table, Some(status)) => table(status, alive, now),
    };
    println!("{text}");
    Ok(if alive { ExitCode::SUCCESS } else { ExitCode::from(NOT_RUNNING) })
}

fn table(status: &AgentStatus, alive: bool, now: Timestamp) -> String {
    let node = &status.node;
    let connection = &node.connection;
    let ago = |at: Timestamp| format!("{at} ({} ago)", duration(now.ms_since(at)));
    let agent = if alive {
        format!("running (process {}, version {})", status.pid, status.agent_version)
    } else {
        format!("NOT RUNNING; what follows is from {}", ago(status.written_at))
    };
    let labels: Vec<String> = node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut rows: Vec<(&str, String)> = vec![
        ("Agent", agent),
        ("Node", format!("{} ({})", node.name, node.id)),
        ("Group", node.group.clone()),
        ("Labels", if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }),
        ("Manager", node.manager_address.clone()),
        ("Link", format!("{} since {}", connection.state.name(), ago(connection.since))),
    ];
    rows.extend(connection.last_heard_at.map(|at| ("Last heard", ago(at))));
    if let (Some(reason), Some(at)) = (&connection.last_failure, connection.last_failure_at) {
        rows.push(("Last failure", format!("{reason}, {}", ago(at))));
    }
    rows.extend(connection.delivery_failure.clone().map(|reason| ("Delivery", reason)));
    rows.push(("Running", format!("{} resources", node.running)));
    rows.push(("Outbox", format!("{} reports to deliver", node.outbox_length)));
    rows.extend(node.certificate_expires_at.map(|at| ("Certificate", format!("valid until {at}"))));
    rows.push(("Identity", node.identity_fingerprint.to_string()));
    rows.extend(node.clock_difference_ms.map(|difference_ms| ("Clock", clock_text(difference_ms))));
    for fork in &node.forks {
        let message = if fork.message.is_empty() { String::new() } else { format!(": {}", fork.message) };
        rows.push(("Local edit", format!("{} {}, {}{message}", fork.kind, fork.name, fork.state.name())));
    }
    rows.extend(node.blocked.iter().map(|blocked| ("Blocked", format!("report {}: {}", blocked.number, blocked.text))));
    rows.extend(node.refused.iter().map(|refused| ("Refused", format!("{}: {}", refused.key, refused.text))));
    rows.extend(status.file_problems.iter().map(|(path, text)| ("File", format!("{path}: {text}"))));
    let mut text = String::new();
    for (label, value) in rows {
        // Writing into a text cannot fail.
        let _ = writeln!(text, "{label:<13}{}", neutral(&value, true));
    }
    text.trim_end().to_owned()
}

fn clock_text(difference_ms: i64) -> String {
    match difference_ms {
        -999..=999 => "within a second of the manager's".to_owned(),
        ahead if ahead > 0 => format!("{} behind the manager's", duration(ahead)),
        behind => format!("{} ahead of the manager's", duration(-behind)),
    }
}

fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
