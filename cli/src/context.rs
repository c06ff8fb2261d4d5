//! Contexts: which manager, and with which token. Kept in `contexts.toml`, mode 0600.
//!
//! Flags win over environment variables (`ATOLL_SERVER`, `ATOLL_TOKEN`, `ATOLL_TOKEN_FILE`, `ATOLL_CA_FILE`,
//! `ATOLL_CONTEXT`), which win over the context.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::arguments::Connection;
use crate::failure::{Failure, Result};

const DEFAULT_SERVER: &str = "http://127.0.0.1:7400";

/// One manager and how to call it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    pub server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// All contexts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    #[serde(default)]
    pub current: Option<String>,
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

/// Where to call, decided.
#[derive(Clone)]
pub struct Target {
    pub server: String,
    pub token: String,
    pub ca_file: Option<PathBuf>,
}

fn file() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("ATOLL_CONTEXTS_FILE") {
        return Ok(path.into());
    }
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    base.map(|base| base.join("atoll").join("contexts.toml"))
        .ok_or_else(|| Failure::usage("neither HOME nor XDG_CONFIG_HOME is set; set ATOLL_CONTEXTS_FILE"))
}

impl Contexts {
    pub fn load() -> Result<Self> {
        let path = file()?;
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failure::usage(format!("{}: {error}", path.display()))),
        }
    }

    pub fn save(&self) -> Result<()> {
        let path = file()?;
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let text = toml::to_string_pretty(self).map_err(|error| Failure::usage(error.to_string()))?;
        let next = path.with_extension("toml.new");
        let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        Ok(fs::rename(next, path)?)
    }

    pub fn get(&self, name: &str) -> Result<&Context> {
        self.contexts.get(name).ok_or_else(|| {
            Failure::new(crate::failure::NOT_FOUND, format!("there is no context \"{name}\"; see `atoll context list`"))
        })
    }
}

/// Decides where to call.
pub fn target(flags: &Connection) -> Result<Target> {
    let contexts = Contexts::load()?;
    let name = flags.context.clone().or_else(|| contexts.current.clone());
    let context = match &name {
        Some(name) => contexts.get(name)?.clone(),
        None => Context::default(),
    };
    let server = flags.server.clone().or_else(|| (!context.server.is_empty()).then_some(context.server));
    let token_file = flags.token_file.clone().or(context.token_file);
    let token = match (&flags.token, token_file) {
        (Some(token), _) => token.clone(),
        (None, Some(path)) => fs::read_to_string(&path)
            .map_err(|error| Failure::usage(format!("the token file {} cannot be read: {error}", path.display())))?
            .trim()
            .to_owned(),
        (None, None) => {
            return Err(Failure::new(
                crate::failure::SIGN_IN,
                "no token; give --token-file, set ATOLL_TOKEN_FILE, or make a context with `atoll context set`",
            ));
        }
    };
    Ok(Target {
        server: server.unwrap_or_else(|| DEFAULT_SERVER.to_owned()),
        token,
        ca_file: flags.ca_file.clone().or(context.ca_file),
    })
}
