//! Variable sets as `KEY=value`, for shells, systemd's EnvironmentFile and programs that read such files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use atoll_node::domain::id::{RevisionId, SecretId};
use atoll_node::domain::kind::variable_set::effective::{Effective, Outcome};
use atoll_node::domain::secret::{self, Plaintext};
use serde_json::Value;

use crate::config::FilesConfig;
use crate::files::plan::Content;

/// How every file begins that was rendered here.
pub const FIRST: &str = "# $revision: ";

/// A file of resolved variables.
#[derive(Debug)]
pub struct Rendered {
    pub text: Content,
    /// Variables that have a value here and are not in the file, with the reason.
    pub left_out: Vec<(String, String)>,
}

#[must_use]
pub fn render(
    revision: RevisionId,
    variables: &[Effective],
    config: &FilesConfig,
    reveal: &dyn Fn(SecretId) -> Option<Plaintext>,
) -> Rendered {
    let mut left_out = Vec::new();
    let mut text = format!("{FIRST}{revision}\n# Written by atoll-agent; edits of this file are not taken.\n");
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for variable in variables {
        let key = key(&variable.name);
        let value = match value_of(&variable.outcome, reveal) {
            Ok(value) => value,
            Err(why) => {
                comment(&mut text, &variable.name, &why);
                continue;
            }
        };
        let speaks_against = match taken.get(&key) {
            Some(other) => Some(format!("it would have the same key as {other}")),
            None => speaks_against(&key, &value, config).map(str::to_owned),
        };
        if let Some(why) = speaks_against {
            comment(&mut text, &variable.name, &format!("left out, {why}"));
            left_out.push((variable.name.clone(), why));
            continue;
        }
        // Writing into a text cannot fail.
        let _ = writeln!(text, "{key}={}", quoted(&value));
        taken.insert(key, &variable.name);
    }
    Rendered { text: Content(text.into_bytes()), left_out }
}

/// Why a value is not written, whatever else is in the file.
fn speaks_against(key: &str, value: &str, config: &FilesConfig) -> Option<&'static str> {
    if decides_what_runs(key) && !config.environment_allow.iter().any(|allowed| allowed == key) {
        return Some("it decides what programs load or run; environment_allow in the agent's settings lets it in");
    }
    if value.contains(['\n', '\r']) && !config.environment_multiline {
        return Some("it has several lines; environment_multiline in the agent's settings lets it in");
    }
    None
}

fn comment(text: &mut String, name: &str, why: &str) {
    // One line, whatever names hold: the next one would be an assignment.
    let line: String = format!("# {name}: {why}").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(text, "{line}");
}

fn value_of(outcome: &Outcome, reveal: &dyn Fn(SecretId) -> Option<Plaintext>) -> Result<String, String> {
    match outcome {
        Outcome::Value { value, .. } => match (secret::reference(value), value) {
            (Some(version), _) => reveal(version)
                .map(|plaintext| plaintext.reveal().to_owned())
                .ok_or_else(|| "sensitive, and its value has not reached this node".to_owned()),
            (None, Value::Null) => Ok(String::new()),
            (None, Value::String(text)) => Ok(text.clone()),
            (None, other) => Ok(other.to_string()),
        },
        Outcome::Absent => Err("no value applies to this node".to_owned()),
        Outcome::RequiredMissing => Err("required, and no value applies to this node".to_owned()),
        Outcome::Ambiguous { .. } => Err("several values apply to this node with equal rank".to_owned()),
    }
}

/// Variables with which whoever writes a value would run code as whoever reads the file: searched paths, loaded libraries,
/// files that shells and runtimes read at start, and programs that others call. No list of them is complete, since any
/// program may have its own.
fn decides_what_runs(key: &str) -> bool {
    #[rustfmt::skip]
    const NAMES: [&str; 62] = [
        // Shells.
        "PATH", "IFS", "ENV", "SHELL", "SHELLOPTS", "PS4", "PROMPT_COMMAND", "CDPATH", "GLOBIGNORE", "ZDOTDIR", "FPATH",
        "INPUTRC", "HOME",
        // Programs that others call, and what they read.
        "EDITOR", "VISUAL", "PAGER", "MANPAGER", "BROWSER", "LESSOPEN", "LESSCLOSE", "SSH_ASKPASS", "SUDO_ASKPASS",
        "SUDO_EDITOR", "SYSTEMD_EDITOR", "MAKEFLAGS", "MAKEFILES", "TERMINFO", "TERMCAP", "XDG_CONFIG_HOME",
        "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS", "GCONV_PATH", "LOCPATH", "HOSTALIASES",
        // Runtimes.
        "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS",
        "JDK_JAVA_OPTIONS", "JAVA_HOME", "CLASSPATH", "CATALINA_OPTS", "MAVEN_OPTS", "GRADLE_OPTS", "SBT_OPTS",
        "DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS", "DOTNET_SHARED_STORE", "DOTNET_ROOT", "PHPRC",
        "PHP_INI_SCAN_DIR", "ERL_FLAGS", "ERL_LIBS", "TCLLIBPATH", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES",
        "PSMODULEPATH", "RUSTC_WRAPPER",
    ];
    #[rustfmt::skip]
    const FAMILIES: [&str; 21] = [
        "LD_", "DYLD_", "BASH", "GIT_", "PYTHON", "PERL", "RUBY", "GEM_", "BUNDLE_", "LUA_", "NPM_CONFIG_", "CORECLR_",
        "COR_", "COMPLUS_", "R_PROFILE", "R_ENVIRON", "JULIA_", "CARGO_", "GOFLAGS", "GUILE_", "MALLOC_",
    ];
    let key = key.to_ascii_uppercase();
    NAMES.contains(&key.as_str()) || FAMILIES.iter().any(|family| key.starts_with(family))
}

/// A name that shells accept: letters, digits and underscores, not beginning with a digit.
fn key(name: &str) -> String {
    let mut key: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if key.chars().next().is_none_or(|first| first.is_ascii_digit()) {
        key.insert(0, '_');
    }
    key
}

/// A value as shells and systemd both read it.
fn quoted(value: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@' | '%' | '+' | ',' | '=');
    if value.chars().all(plain) {
        return value.to_owned();
    }
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars().filter(|c| *c != '\0') {
        if matches!(character, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use atoll_node::domain::id::Digest;
    use atoll_node::domain::kind::Kind;
    use atoll_node::domain::kind::variable_set::effective::effective;
    use atoll_node::domain::kind::variable_set::scope::Place;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shell_reads_every_value_back() {
        let hard = "it's \"$HOME\" `id` \\ and\nmore\n";
        let version = "01890a5d-ac96-774b-bcce-b302099a8057".parse::<SecretId>().unwrap();
        let set = json!({"Name": "s", "Variables": [
            {"Name": "Db.Host", "Value": "db-1:5432"}, {"Name": "hard", "Value": hard}, {"Name": "empty", "Value": null},
            {"Name": "Db Host", "Value": "same key"}, {"Name": "1st", "Value": 7}, {"Name": "gone", "Required": true},
            {"Name": "password", "Value": secret::reference_to(version), "IsSensitive": true},
        ]});
        let body = Kind::VariableSet.import(&set, None).unwrap().body;
        let variables = effective(&body, &Place::default());
        let reveal = |wanted: SecretId| (wanted == version).then(|| Plaintext::new("hunter2 $".to_owned()));
        let config = FilesConfig { environment_multiline: true, ..FilesConfig::default() };
        let text = String::from_utf8(render(Digest::of(b"r"), &variables, &config, &reveal).text.0).unwrap();
        assert!(text.starts_with(&format!("# $revision: {}\n", Digest::of(b"r"))), "{text}");
        assert!(text.contains("# gone: required") && text.contains("left out"), "{text}");

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("s.env");
        std::fs::write(&file, &text).unwrap();
        let script = format!(". {}; printf '%s|%s|%s|%s' \"$password\" \"$hard\" \"$empty\" \"$_1st\"", file.display());
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("hunter2 $|{hard}||7"));

        let hidden = String::from_utf8(render(Digest::of(b"r"), &variables, &config, &|_| None).text.0).unwrap();
        assert!(hidden.contains("# password: sensitive") && !hidden.contains("hunter2"), "{hidden}");
    }

    #[test]
    fn no_variable_smuggles_in_another_or_decides_what_runs() {
        let set = json!({"Name": "s", "Variables": [
            {"Name": "note", "Value": "fine\nLD_PRELOAD=/tmp/evil.so"}, {"Name": "return", "Value": "fine\rPATH=/tmp"},
            {"Name": "LD.PRELOAD", "Value": "/tmp/evil.so"}, {"Name": "PATH", "Value": "/opt/bin"},
            {"Name": "port", "Value": "80"}, {"Name": "A\nEVIL=1", "Value": "x"}, {"Name": "A.EVIL=1", "Value": "y"},
        ]});
        let body = Kind::VariableSet.import(&set, None).unwrap().body;
        let variables = effective(&body, &Place::default());
        let lines = |config: &FilesConfig| {
            let text = String::from_utf8(render(Digest::of(b"r"), &variables, config, &|_| None).text.0).unwrap();
            let set = text.split(['\n', '\r']).filter(|line| !line.starts_with('#') && !line.is_empty());
            set.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(lines(&FilesConfig::default()), ["A_EVIL_1=x", "port=80"]);
        let allowing = FilesConfig { environment_allow: vec!["PATH".to_owned()], ..FilesConfig::default() };
        assert_eq!(lines(&allowing).len(), 3);
    }
}
