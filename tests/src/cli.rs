//! The command line, called as an administrator calls it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program;

/// `atoll` for one fleet.
#[derive(Debug, Clone)]
pub struct Cli {
    pub server: String,
    pub token_file: PathBuf,
    pub directory: PathBuf,
}

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// The answer as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// Asserts that the command failed with a code, and that it said why.
    pub fn refused(&self, code: i32, says: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stderr.contains(says), "expected to read \"{says}\": {self:?}");
    }
}

impl Cli {
    /// Runs a command, whatever comes of it.
    pub fn attempt(&self, arguments: &[&str]) -> Answer {
        self.attempt_with_input(arguments, "")
    }

    /// Runs a command with something on its standard input.
    pub fn attempt_with_input(&self, arguments: &[&str], input: &str) -> Answer {
        let mut child = Command::new(program("atoll"))
            .args(arguments)
            .env("ATOLL_SERVER", &self.server)
            .env("ATOLL_TOKEN_FILE", &self.token_file)
            .env("ATOLL_CONTEXTS_FILE", self.directory.join("contexts.toml"))
            .env("ATOLL_STATE_FILE", self.directory.join("seen.json"))
            .env_remove("ATOLL_TOKEN")
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command line can be started");
        child.stdin.take().expect("it was asked for").write_all(input.as_bytes()).expect("the command reads");
        let done = child.wait_with_output().expect("the command ends");
        Answer {
            code: done.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let answer = self.attempt(arguments);
        assert_eq!(answer.code, 0, "atoll {arguments:?} failed: {answer:?}");
        answer.stdout.trim_end().to_owned()
    }

    /// Runs a command that must succeed, and gives its answer as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let answer = self.attempt(&[arguments, &["-o", "json"]].concat());
        assert_eq!(answer.code, 0, "atoll {arguments:?} failed: {answer:?}");
        answer.json()
    }
}
