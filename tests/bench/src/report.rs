//! The table that people read, and the raw figures beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::machine;

/// What must hold of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Ours divided by the floor.
    RatioAtMost(f64),
    RatioAtLeast(f64),
    Below(f64),
    Exactly(f64),
    /// Shown, and nothing is demanded.
    None,
}

/// One measure.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub measure: String,
    pub ours: f64,
    pub floor: Option<f64>,
    pub target: Target,
}

impl Row {
    pub fn new(measure: impl Into<String>, ours: f64, floor: Option<f64>, target: Target) -> Self {
        Self { measure: measure.into(), ours, floor, target }
    }

    fn ratio(&self) -> Option<f64> {
        self.floor.map(|floor| self.ours / floor)
    }

    /// `None` where nothing is demanded. A figure that could not be computed misses its target.
    pub fn holds(&self) -> Option<bool> {
        let ratio = self.ratio().unwrap_or(f64::NAN);
        match self.target {
            Target::RatioAtMost(limit) => Some(ratio <= limit),
            Target::RatioAtLeast(limit) => Some(ratio >= limit),
            Target::Below(limit) => Some(self.ours < limit),
            Target::Exactly(value) => Some((self.ours - value).abs() < f64::EPSILON),
            Target::None => None,
        }
    }

    fn cells(&self) -> [String; 6] {
        let target = match self.target {
            Target::RatioAtMost(limit) => format!("<= {limit}x"),
            Target::RatioAtLeast(limit) => format!(">= {limit}x"),
            Target::Below(limit) => format!("< {limit}"),
            Target::Exactly(value) => format!("= {value}"),
            Target::None => String::new(),
        };
        let verdict = match self.holds() {
            Some(true) => "ok",
            Some(false) => "missed",
            None => "",
        };
        [
            self.measure.clone(),
            number(self.ours),
            self.floor.map(number).unwrap_or_default(),
            self.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            target,
            verdict.to_owned(),
        ]
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Report {
    pub rows: Vec<Row>,
    pub raw: Map<String, Value>,
    pub skipped: Vec<String>,
}

impl Report {
    pub fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub fn raw(&mut self, name: &str, value: Value) {
        self.raw.insert(name.to_owned(), value);
    }

    pub fn skip(&mut self, text: String) {
        self.skipped.push(text);
    }

    /// The table as text.
    pub fn table(&self) -> String {
        let header = ["measure", "ours", "floor", "ratio", "target", ""].map(str::to_owned);
        let lines: Vec<[String; 6]> = std::iter::once(header).chain(self.rows.iter().map(Row::cells)).collect();
        let width = |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        let mut out = String::new();
        for cells in &lines {
            for (column, cell) in cells.iter().enumerate() {
                let width = widths[column];
                let _ = if column == 0 { write!(out, "{cell:<width$}") } else { write!(out, "  {cell:>width$}") };
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
        for text in &self.skipped {
            let _ = writeln!(out, "skipped: {text}");
        }
        out
    }

    /// Writes the raw figures into a file named after the time.
    pub fn write(&self, directory: &Path) -> Result<PathBuf> {
        fs::create_dir_all(directory)?;
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let path = directory.join(format!("{time}.json"));
        let verdicts: Vec<Value> =
            self.rows.iter().map(|row| json!({ "row": row, "ratio": row.ratio(), "holds": row.holds() })).collect();
        let all = json!({
            "time": time,
            "machine": machine::facts(),
            "rows": verdicts,
            "raw": self.raw,
            "skipped": self.skipped,
        });
        fs::write(&path, serde_json::to_vec_pretty(&all)?)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_says_so() {
        let row = |ours, target| Row::new("x", ours, Some(10.0), target);
        assert_eq!(row(15.0, Target::RatioAtMost(1.5)).holds(), Some(true));
        assert_eq!(row(15.1, Target::RatioAtMost(1.5)).holds(), Some(false));
        assert_eq!(row(5.0, Target::RatioAtLeast(0.6)).holds(), Some(false));
        assert_eq!(Row::new("x", f64::NAN, None, Target::RatioAtMost(1.5)).holds(), Some(false));
        let mut report = Report::default();
        report.row(row(15.1, Target::RatioAtMost(1.5)));
        assert!(report.table().contains("missed"));
    }
}
