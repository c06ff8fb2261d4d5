//! An agent beside a server that reads its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::Process;
use crate::{eventually, program};

/// A running agent with its directories.
#[derive(Debug)]
pub struct Agent {
    pub name: String,
    pub process: Process,
    pub data: PathBuf,
    pub files: PathBuf,
    log: PathBuf,
}

impl Agent {
    /// Starts an agent, joining first where a token is given.
    pub fn start(directory: &Path, name: &str, token: Option<&str>) -> Self {
        let (data, files) = (directory.join(name), directory.join(format!("{name}-files")));
        let log = directory.join(format!("{name}.log"));
        let process = launch(name, &data, &files, &log, token);
        Self { name: name.to_owned(), process, data, files, log }
    }

    /// Starts the agent again after it was stopped or killed.
    pub fn restart(&mut self) {
        self.process = launch(&self.name, &self.data, &self.files, &self.log, None);
    }

    /// The file of a resource, by the kind's directory and a part of the name.
    #[must_use]
    pub fn file(&self, kind: &str) -> Option<PathBuf> {
        let entries = fs::read_dir(self.files.join(kind)).ok()?;
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        files.into_iter().next()
    }

    /// Documents of a kind that the agent has written out.
    #[must_use]
    pub fn documents(&self, kind: &str) -> Vec<Value> {
        let Ok(entries) = fs::read_dir(self.files.join(kind)) else { return Vec::new() };
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        json.filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect()
    }

    /// The document of a name, without what the agent adds.
    #[must_use]
    pub fn document(&self, kind: &str, name: &str) -> Option<Value> {
        let mut found = self.documents(kind).into_iter().find(|document| document["Name"] == name)?;
        found.as_object_mut()?.remove("$revision");
        Some(found)
    }

    /// Waits until the agent has written out a document that is as wanted.
    pub fn sees(&self, kind: &str, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{} sees {name}: {what}", self.name), || {
            self.document(kind, name).filter(|document| wanted(document))
        })
    }

    /// Waits until the agent has no document of a name any more.
    pub fn sees_no(&self, kind: &str, name: &str) {
        eventually(&format!("{} no longer sees {name}", self.name), || {
            self.document(kind, name).is_none().then_some(())
        });
    }

    /// Edits a document's file in place, as an administrator of the server does.
    pub fn edit(&self, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let entries = fs::read_dir(self.files.join(kind)).expect("the agent has written files");
        for entry in entries {
            let path = entry.expect("the directory can be read").path();
            let Ok(mut document) = serde_json::from_slice::<Value>(&fs::read(&path).expect("the file can be read"))
            else {
                continue;
            };
            if document["Name"] == name {
                change(&mut document);
                fs::write(&path, serde_json::to_vec_pretty(&document).expect("JSON")).expect("the file can be written");
                return;
            }
        }
        panic!("{} has no file for {name}", self.name);
    }

    /// What `atoll-agent status` says.
    #[must_use]
    pub fn status(&self) -> Value {
        let done = Command::new(program("atoll-agent"))
            .args(["status", "-o", "json", "--data-dir"])
            .arg(&self.data)
            .output()
            .expect("the agent can be asked");
        serde_json::from_slice(&done.stdout).unwrap_or(Value::Null)
    }
}

fn launch(name: &str, data: &Path, files: &Path, log: &Path, token: Option<&str>) -> Process {
    let mut command = Command::new(program("atoll-agent"));
    command.args(["run", "--name", name, "--data-dir"]).arg(data).arg("--files-dir").arg(files);
    if let Some(token) = token {
        command.args(["--token", token]);
    }
    Process::start(command, log)
}
