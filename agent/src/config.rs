//! Settings: the file, then `ATOLL_AGENT_*`, then flags; the later wins. Anything unknown is an error that names it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::AgentError;

const PREFIX: &str = "ATOLL_AGENT_";

/// Variables that belong to flags and are read by those.
const OF_FLAGS: [&str; 5] = ["DATA_DIR", "CONFIG", "TOKEN", "TOKEN_FILE", "NAME"];

/// All settings of the agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub log: LogConfig,
    /// Absent: the agent writes no files.
    pub files: Option<FilesConfig>,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,atoll_node=debug`.
    pub level: String,
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// The files adapter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesConfig {
    /// Where the files go: `<directory>/<kind>/<name>.<format>`.
    pub directory: PathBuf,
    pub format: FileFormat,
    /// Run after files have changed; without a shell.
    pub reload_command: Vec<String>,
    pub reload_timeout_ms: u64,
    /// How often the files are looked at for edits.
    pub poll_ms: u64,
    /// Who edits of files are said to be from; `file:<name>` if empty.
    pub author: String,
    /// Variables that environment files may set although they decide what a program loads or runs, such as `PATH`.
    pub environment_allow: Vec<String>,
    /// Values of several lines go into environment files: right for shells and systemd. A program that reads line by line
    /// would take the second line for a variable of its own.
    pub environment_multiline: bool,
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::new(),
            format: FileFormat::Json,
            reload_command: Vec::new(),
            reload_timeout_ms: 30_000,
            poll_ms: 500,
            author: String::new(),
            environment_allow: Vec::new(),
            environment_multiline: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    #[default]
    Json,
    Yaml,
    /// Variable sets as `KEY=value`, resolved for this node; everything else as JSON.
    Env,
}

/// Settings that flags gave.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub log_level: Option<String>,
    pub log_format: Option<String>,
    pub files_directory: Option<PathBuf>,
    pub files_format: Option<String>,
}

impl Config {
    /// Reads the settings from where they lie.
    ///
    /// # Errors
    /// Names the setting that is unknown or wrong.
    pub fn read(file: Option<&Path>, overrides: &Overrides) -> Result<Self, AgentError> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| AgentError::file(path, &error))?,
            None => String::new(),
        };
        Self::layered(&text, std::env::vars(), overrides).map_err(AgentError::Config)
    }

    /// Puts the layers together.
    ///
    /// # Errors
    /// Names the setting that is unknown or wrong.
    pub fn layered(
        file: &str,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &Overrides,
    ) -> Result<Self, String> {
        let mut config: Self = toml::from_str(file).map_err(|error| error.to_string())?;
        for (key, value) in environment {
            if let Some(name) = key.strip_prefix(PREFIX)
                && !OF_FLAGS.contains(&name)
            {
                config.set(&name.to_lowercase(), &value).map_err(|problem| format!("{key}: {problem}"))?;
            }
        }
        let flags = [
            ("log_level", "--log-level", overrides.log_level.clone()),
            ("log_format", "--log-format", overrides.log_format.clone()),
            ("files_directory", "--files-dir", overrides.files_directory.as_ref().map(|dir| dir.display().to_string())),
            ("files_format", "--files-format", overrides.files_format.clone()),
        ];
        for (key, flag, value) in flags {
            if let Some(value) = value {
                config.set(key, &value).map_err(|problem| format!("{flag}: {problem}"))?;
            }
        }
        config.check()?;
        Ok(config)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if let Some(key) = key.strip_prefix("files_") {
            return self.files.get_or_insert_default().set(key, value);
        }
        match key {
            "log_level" => value.clone_into(&mut self.log.level),
            "log_format" => self.log.format = one_of(value, &[("text", LogFormat::Text), ("json", LogFormat::Json)])?,
            _ => return Err("unknown setting; see agent.toml in the documentation".to_owned()),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let Some(files) = &self.files else { return Ok(()) };
        if files.directory.as_os_str().is_empty() {
            return Err("files.directory is missing; set it to the directory for the files".to_owned());
        }
        if files.reload_command.first().is_some_and(String::is_empty) {
            return Err("files.reload_command begins with an empty text; the first element is the program".to_owned());
        }
        for (key, value, least, most) in [
            ("files.reload_timeout_ms", files.reload_timeout_ms, 100, 3_600_000),
            ("files.poll_ms", files.poll_ms, 20, 60_000),
        ] {
            if !(least..=most).contains(&value) {
                return Err(format!("{key} is {value}; it must be between {least} and {most}"));
            }
        }
        Ok(())
    }
}

impl FilesConfig {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "directory" => self.directory = PathBuf::from(value),
            "format" => {
                let formats = [("json", FileFormat::Json), ("yaml", FileFormat::Yaml), ("env", FileFormat::Env)];
                self.format = one_of(value, &formats)?;
            }
            "reload_command" => self.reload_command = command(value)?,
            "reload_timeout_ms" => self.reload_timeout_ms = number(value)?,
            "poll_ms" => self.poll_ms = number(value)?,
            "author" => value.clone_into(&mut self.author),
            "environment_allow" => self.environment_allow = command(value)?,
            "environment_multiline" => {
                self.environment_multiline = one_of(value, &[("true", true), ("false", false)])?;
            }
            _ => return Err("unknown setting; see agent.toml in the documentation".to_owned()),
        }
        Ok(())
    }
}

fn one_of<T: Copy>(value: &str, known: &[(&str, T)]) -> Result<T, String> {
    known.iter().find(|(name, _)| *name == value).map(|(_, found)| *found).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        format!("\"{value}\" is not one of {}", names.join(", "))
    })
}

fn number(value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| format!("\"{value}\" is not a whole number"))
}

/// A list in JSON, or words with spaces between.
fn command(value: &str) -> Result<Vec<String>, String> {
    if value.trim_start().starts_with('[') {
        return serde_json::from_str(value).map_err(|error| format!("it is not a list of texts: {error}"));
    }
    Ok(value.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_file_gives_way_to_the_environment_and_that_to_flags() {
        let file =
            "[files]\ndirectory = \"/a\"\nformat = \"yaml\"\nreload_command = [\"systemctl\", \"reload\", \"x\"]\n";
        let environment = environment(&[
            ("ATOLL_AGENT_FILES_DIRECTORY", "/b"),
            ("ATOLL_AGENT_LOG_LEVEL", "debug"),
            ("ATOLL_AGENT_TOKEN", "belongs to a flag"),
            ("HOME", "/root"),
        ]);
        let overrides = Overrides { files_directory: Some("/c".into()), ..Overrides::default() };
        let config = Config::layered(file, environment, &overrides).unwrap();
        let files = config.files.unwrap();
        assert_eq!((files.directory.as_path(), files.format), (Path::new("/c"), FileFormat::Yaml));
        assert_eq!((files.reload_command.len(), files.poll_ms, config.log.level.as_str()), (3, 500, "debug"));
    }

    #[test]
    fn what_is_unknown_or_wrong_is_named() {
        let problem = |file: &str, pairs: &[(&str, &str)]| {
            Config::layered(file, environment(pairs), &Overrides::default()).unwrap_err()
        };
        assert!(problem("[files]\ndirectroy = \"/a\"", &[]).contains("directroy"));
        assert!(problem("", &[("ATOLL_AGENT_FILES_FROMAT", "x")]).contains("ATOLL_AGENT_FILES_FROMAT"));
        assert!(problem("[files]\n", &[]).contains("files.directory"));
        assert!(problem("[files]\ndirectory = \"/a\"\npoll_ms = 0", &[]).contains("files.poll_ms"));
        assert!(problem("", &[("ATOLL_AGENT_FILES_FORMAT", "xml")]).contains("json, yaml, env"));
    }
}
