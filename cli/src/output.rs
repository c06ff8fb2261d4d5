//! One renderer for every command, so that none can lack a format.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};

use atoll_domain::terminal::neutral;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::Format;
use crate::failure::{Failure, Result};

/// A column of a table: its heading, and the field it shows (a path with dots).
pub type Column = (&'static str, &'static str);

/// Renders what a command answers.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub format: Format,
}

impl Output {
    /// Shows a list. `wide` columns only show with `-o wide`.
    pub fn list<T: Serialize>(self, rows: &[T], columns: &[Column], wide: &[Column]) -> Result<()> {
        let rows: Vec<Value> = rows.iter().map(to_value).collect::<Result<_>>()?;
        match self.format {
            Format::Json => print_json(&Value::Array(rows)),
            Format::Yaml => print_yaml(&Value::Array(rows)),
            Format::Jsonl => rows.iter().try_for_each(|row| print_line(&row.to_string())),
            Format::Name => rows.iter().try_for_each(|row| print_line(&cell(row, columns[0].1))),
            Format::Csv => csv(&rows, columns, wide),
            Format::Table => table(&rows, columns),
            Format::Wide => table(&rows, &[columns, wide].concat()),
        }
    }

    /// Shows one thing: fields below each other.
    pub fn one<T: Serialize>(self, thing: &T, columns: &[Column]) -> Result<()> {
        let value = to_value(thing)?;
        match self.format {
            Format::Json | Format::Jsonl => print_json(&value),
            Format::Yaml => print_yaml(&value),
            Format::Name => print_line(&cell(&value, columns[0].1)),
            Format::Csv => csv(&[value], columns, &[]),
            Format::Table | Format::Wide => {
                let width = columns.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
                columns
                    .iter()
                    .map(|(heading, field)| (heading, neutral(&cell(&value, field), true).into_owned()))
                    .filter(|(_, text)| !text.is_empty())
                    .try_for_each(|(heading, text)| print_line(&format!("{heading:<width$}  {text}")))
            }
        }
    }

    /// Whether the answer is for a person at a terminal.
    pub fn is_for_people(self) -> bool {
        matches!(self.format, Format::Table | Format::Wide)
    }
}

/// Progress and notes: standard error, so that data stays clean.
pub fn say(text: &str) {
    // Whoever has closed it does not want to read it.
    let _ = writeln!(std::io::stderr(), "{}", neutral(text, false));
}

/// Whether somebody can be asked.
pub fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

pub fn to_value<T: Serialize>(thing: &T) -> Result<Value> {
    serde_json::to_value(thing).map_err(|error| Failure::usage(format!("the answer cannot be shown: {error}")))
}

/// Prints one line: what others wrote makes no second one of it, neither at a terminal nor for a program that reads it. A
/// reader that has gone, such as `head`, ends the command without a complaint.
pub fn print_line(line: &str) -> Result<()> {
    print(&neutral(line, true), true)
}

/// Prints a text of several lines, or one line in which tabs stay.
pub fn print_text(text: &str) -> Result<()> {
    print(text, false)
}

fn print(line: &str, is_one_line: bool) -> Result<()> {
    let out = std::io::stdout();
    // A program that reads gets what there is; a terminal would obey it.
    let line = if out.is_terminal() { neutral(line, is_one_line) } else { Cow::Borrowed(line) };
    match writeln!(out.lock(), "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::new(0, "")),
        other => Ok(other?),
    }
}

pub fn print_json(value: &Value) -> Result<()> {
    print_text(&serde_json::to_string_pretty(value).unwrap_or_default())
}

pub fn print_yaml(value: &Value) -> Result<()> {
    let text = serde_saphyr::to_string(value).map_err(|error| Failure::usage(error.to_string()))?;
    print_text(text.trim_end())
}

fn table(rows: &[Value], columns: &[Column]) -> Result<()> {
    if rows.is_empty() {
        say("nothing found");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(heading, _)| heading.to_uppercase()));
    for row in rows {
        table.add_row(columns.iter().map(|(_, field)| neutral(&cell(row, field), true).into_owned()));
    }
    table.to_string().lines().try_for_each(|line| print_line(line.trim_end()))
}

fn csv(rows: &[Value], columns: &[Column], wide: &[Column]) -> Result<()> {
    let columns = [columns, wide].concat();
    print(&columns.iter().map(|(heading, _)| quoted(heading)).collect::<Vec<_>>().join(","), true)?;
    rows.iter().try_for_each(|row| {
        print(&columns.iter().map(|(_, field)| quoted(&cell(row, field))).collect::<Vec<_>>().join(","), true)
    })
}

/// A field of a CSV file (RFC 4180). One that a spreadsheet would calculate is a text (OWASP, CSV injection); numbers stay.
/// What would steer a terminal or turn the line around is neutral here too: such files are looked at.
fn quoted(text: &str) -> String {
    let text = &neutral(text, false);
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if is_formula { format!("'{text}") } else { text.to_string() };
    // Spreadsheets of other countries split at semicolons, and pasted text at tabs.
    if text.contains([',', ';', '\t', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// A field as people read it: times as dates, labels as pairs, ids of revisions shortened.
pub fn cell(row: &Value, field: &str) -> String {
    let parts = || field.split('.').filter(|part| !part.is_empty());
    let value = parts().try_fold(row, |value, part| value.get(part));
    let name = field.rsplit('.').next().unwrap_or(field);
    if name == "author"
        && let Some(author) = value.and_then(Value::as_str)
        && let Some(node) = parts()
            .take_while(|part| *part != "author")
            .try_fold(row, |value, part| value.get(part))
            .and_then(|revision| revision.get("node")?.as_str())
            .filter(|node| !node.is_empty())
    {
        return made_by(author, node);
    }
    match value {
        None | Some(Value::Null) => String::new(),
        // Nobody recorded since when.
        Some(Value::String(text)) if name == "sinceMs" && text == "0" => String::new(),
        Some(Value::String(text)) if name.ends_with("Ms") => text.parse().map(time).unwrap_or_else(|_| text.clone()),
        Some(Value::Number(number)) if name.ends_with("Ms") => number.as_i64().map(time).unwrap_or_default(),
        Some(Value::String(text)) if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            text[..12].to_owned()
        }
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
        Some(Value::Array(items)) => items.iter().map(|item| cell(item, "")).collect::<Vec<_>>().join(", "),
        Some(Value::Object(fields)) => {
            fields.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
    }
}

/// Who made something. Which node it was is proven; who sat there is the node's word and nobody else's.
pub fn made_by(author: &str, node: &str) -> String {
    match (author, node) {
        (author, "") => format!("{author} at the manager"),
        ("", node) => node.to_owned(),
        (author, node) => format!("{node} (claims: {author})"),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub fn time(at_ms: i64) -> String {
    if at_ms == 0 { "never".to_owned() } else { atoll_domain::time::Timestamp(at_ms).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wrote_something_on_a_node_is_what_the_node_claims() {
        let row = |node: &str| serde_json::json!({"revision": {"author": "admin", "node": node}});
        assert_eq!(cell(&row("oct-1"), "revision.author"), "oct-1 (claims: admin)");
        assert_eq!(cell(&row(""), "revision.author"), "admin");
        assert_eq!(cell(&row("oct-1")["revision"], "author"), "oct-1 (claims: admin)");
    }

    #[test]
    fn a_spreadsheet_calculates_nothing_that_a_node_said() {
        assert_eq!(quoted("=HYPERLINK(\"http://evil\")"), "\"'=HYPERLINK(\"\"http://evil\"\")\"");
        assert_eq!(
            (quoted("@SUM(A1)"), quoted("-cmd|' /C calc'!A0")),
            ("'@SUM(A1)".into(), "'-cmd|' /C calc'!A0".into())
        );
        assert_eq!((quoted("-5"), quoted("oct-1")), ("-5".into(), "oct-1".into()));
        assert_eq!(quoted("a\u{202e}b\u{1b}[2J"), "a\\u202eb\\u001b[2J");
    }
}
