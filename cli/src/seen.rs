//! What this person was shown of what waits for a decision: a decision is about that, and about nothing that came since.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// What is remembered at most; the oldest goes first.
const LIMIT: usize = 500;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen {
    /// Counts up, so that the oldest is known.
    next: u64,
    /// By manager and id: when, and the state that was shown.
    shown: BTreeMap<String, (u64, String)>,
}

/// Remembers that a state was shown. Where nothing can be kept, deciding asks for the state itself.
pub fn remember(server: &str, id: &str, state: &str) {
    let Some(path) = path() else { return };
    let mut seen = read();
    seen.next += 1;
    seen.shown.insert(key(server, id), (seen.next, state.to_owned()));
    while seen.shown.len() > LIMIT {
        let oldest = seen.shown.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone());
        oldest.and_then(|key| seen.shown.remove(&key));
    }
    // Best effort: a person who was shown something sees it in any case.
    let _ = write(&path, &seen);
}

/// The state that a decision is about: the one that was given, or the one that was shown.
///
/// # Errors
/// Neither.
pub fn expected(given: Option<String>, server: &str, id: &str, look: &str) -> Result<String> {
    let shown = || read().shown.remove(&key(server, id)).map(|(_, state)| state);
    given.or_else(shown).ok_or_else(|| {
        Failure::usage(format!(
            "review it first: {look}; in a script, name what you reviewed with --expect, or any with --expect '*'"
        ))
    })
}

fn key(server: &str, id: &str) -> String {
    format!("{server} {id}")
}

fn path() -> Option<PathBuf> {
    let own = std::env::var_os("ATOLL_STATE_FILE").map(PathBuf::from);
    let base = || std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    own.or_else(|| base().or_else(home).map(|base| base.join("atoll/seen.json")))
}

fn read() -> Seen {
    let bytes = path().and_then(|path| fs::read(path).ok());
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn write(path: &PathBuf, seen: &Seen) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    // Two commands at once: each writes a file of its own, and the later one takes the place.
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = fs::File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(seen)?)?;
    fs::rename(&temporary, path)
}
