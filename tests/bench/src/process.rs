//! Child processes: what they use, and JSON lines to and from them.

use std::marker::PhantomData;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::error::{Result, failed};

/// Clock ticks in which the kernel counts processor time; 100 on every Linux that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Lets this process and its children open as many files as the system allows.
pub fn raise_file_limit() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// A server or load process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: u32,
}

impl Process {
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.kill_on_drop(true).spawn()?;
        let pid = child.id().ok_or_else(|| failed("a process ended at once"))?;
        Ok(Self { child, pid })
    }

    /// User and system time so far.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name, in parentheses, may contain anything; utime and stime are the 14th and 15th fields.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        Ok((ticks(11) + ticks(12)) / TICKS_PER_SECOND)
    }

    /// Resident memory.
    pub fn resident_kib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
        number.ok_or_else(|| failed("the kernel does not say how much memory a process uses"))
    }

    pub fn open_files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.pid))?.count())
    }

    /// Asks the process to stop and waits for it.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        tokio::time::timeout(STOP_TIMEOUT, self.child.wait())
            .await
            .map_err(|_| failed("a process does not stop"))??;
        Ok(())
    }

    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }
}

/// This program under another subcommand, spoken to in JSON lines.
#[derive(Debug)]
pub struct Worker<C, R> {
    pub process: Process,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    types: PhantomData<fn(C) -> R>,
}

impl<C: Serialize, R: DeserializeOwned> Worker<C, R> {
    pub fn spawn(arguments: &[&Path]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command)?;
        let missing = || failed("a process has no standard input or output");
        let input = process.child.stdin.take().ok_or_else(missing)?;
        let output = process.child.stdout.take().ok_or_else(missing)?;
        Ok(Self { process, input, output: BufReader::new(output).lines(), types: PhantomData })
    }

    pub async fn send(&mut self, command: &C) -> Result<()> {
        let mut text = serde_json::to_vec(command)?;
        text.push(b'\n');
        self.input.write_all(&text).await?;
        Ok(self.input.flush().await?)
    }

    pub async fn receive(&mut self) -> Result<R> {
        let line = self.output.next_line().await?.ok_or_else(|| failed("a process ended early"))?;
        Ok(serde_json::from_str(&line)?)
    }

    pub async fn ask(&mut self, command: &C) -> Result<R> {
        self.send(command).await?;
        self.receive().await
    }
}
