//! What is in a file, both ways.

use atoll_node::EditBase;
use atoll_node::domain::canonical;
use atoll_node::domain::id::RevisionId;
use serde_json::Value;

/// Says which revision a file was written from.
pub const REVISION: &str = "$revision";

/// How a file is written and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    Yaml,
    /// Resolved variables; edits of it are not taken.
    Env,
}

impl Form {
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Env => "env",
        }
    }

    /// The form of the file at a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        match path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("yaml") => Self::Yaml,
            Some("env") => Self::Env,
            _ => Self::Json,
        }
    }

    /// Files with values in the clear are for their owner only.
    #[must_use]
    pub fn mode(self) -> u32 {
        match self {
            Self::Env => 0o600,
            Self::Json | Self::Yaml => 0o644,
        }
    }
}

/// The text of a JSON or YAML file.
///
/// # Errors
/// Says what cannot be written.
pub fn render(mut outside: Value, revision: RevisionId, form: Form) -> Result<Vec<u8>, String> {
    if let Value::Object(fields) = &mut outside {
        fields.insert(REVISION.to_owned(), Value::String(revision.to_string()));
    }
    let text = match form {
        Form::Yaml => yaml(&outside)?,
        Form::Json | Form::Env => json(&outside)?,
    };
    Ok(text.into_bytes())
}

fn json(value: &Value) -> Result<String, String> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| error.to_string())
}

/// YAML that reads back as the same value. Where a text would not, JSON is written: every JSON text is YAML.
fn yaml(value: &Value) -> Result<String, String> {
    if let Ok(text) = serde_saphyr::to_string(value)
        && serde_saphyr::from_str::<Value>(&text).is_ok_and(|back| back == *value)
    {
        return Ok(text);
    }
    json(value)
}

/// Where a YAML file is wrong. Not what stands there: that may be a password, and this is told to the manager.
fn wrong_yaml(error: &serde_saphyr::Error) -> String {
    match error.location() {
        Some(place) => format!("the file is not valid YAML at line {}, column {}", place.line(), place.column()),
        None => "the file is not valid YAML".to_owned(),
    }
}

/// An edit as it was found in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    pub content: Value,
    pub base: EditBase,
}

/// Reads a file that somebody changed.
///
/// # Errors
/// Says what is wrong with it, for the person who edits it.
pub fn parse(bytes: &[u8], form: Form) -> Result<Parsed, String> {
    let mut content = match form {
        Form::Json => canonical::parse(bytes).map_err(|error| error.to_string())?,
        Form::Yaml => {
            let text =
                std::str::from_utf8(bytes).map_err(|_| "the file is not valid UTF-8; save it as UTF-8".to_owned())?;
            let value: Value = serde_saphyr::from_str(text).map_err(|error| wrong_yaml(&error))?;
            canonical::check(&value).map_err(|error| error.to_string())?;
            value
        }
        Form::Env => {
            return Err("edits of this file are not taken: it holds resolved values; edit the variable set at the manager, or use format json or yaml".to_owned());
        }
    };
    let Value::Object(fields) = &mut content else {
        return Err("the file must hold one object".to_owned());
    };
    // Whoever wrote it: where the file came from is not part of what it says.
    let base = match fields.remove(REVISION) {
        Some(Value::String(text)) => text.parse::<RevisionId>().map_or(EditBase::Unknown, EditBase::Revision),
        _ => EditBase::Unknown,
    };
    Ok(Parsed { content, base })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_reads_back_what_was_written_whatever_is_in_it() {
        let scripts = [
            "echo hi\n",
            "a: b\n  - c",
            "  leading",
            "trailing  \n",
            "\ttab\r\nand more",
            "yes",
            "0x1F",
            "1e3",
            "null",
            "~",
            "",
            "\n",
            "\n\n x",
            "ünï ☃",
            "#no",
            "'\"",
            "a\n\n\nb\n\n",
            "012",
            "=",
            "<<",
            "2020-01-01",
            "\u{feff}bom",
            "\u{85}",
        ];
        for script in scripts {
            let value =
                json!({"Name": script, "Properties": {"x": script, "n": null, "t": true, "i": 7}, "L": [script, {}]});
            let text = yaml(&value).unwrap();
            assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn a_file_says_what_it_was_written_from_and_that_is_not_its_content() {
        let id = atoll_node::domain::id::Digest::of(b"x");
        let text = format!("{{\"$revision\": \"{id}\", \"Name\": \"a\"}}");
        let parsed = parse(text.as_bytes(), Form::Json).unwrap();
        assert_eq!(parsed, Parsed { content: json!({"Name": "a"}), base: EditBase::Revision(id) });
        for unknown in ["{}", "{\"$revision\": 7}", "{\"$revision\": \"garbled\"}"] {
            assert_eq!(parse(unknown.as_bytes(), Form::Json).unwrap().base, EditBase::Unknown);
        }
        for wrong in ["", "{\"a\": 1,", "[]", "{\"a\": 1, \"a\": 2}"] {
            parse(wrong.as_bytes(), Form::Json).unwrap_err();
        }
        parse(b"a: [1", Form::Yaml).unwrap_err();
    }
}
