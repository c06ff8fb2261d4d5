//! `atoll merge`: the merge as a tool of its own.

use std::path::Path;

use atoll_domain::canonical;
use atoll_domain::kind::Kind;
use atoll_domain::sharing::text::TextMode;
use atoll_domain::sharing::three_way::{ThreeWay, conflict_summary, three_way};
use serde_json::{Value, json};

use super::read_input;
use crate::arguments::MergeArguments;
use crate::failure::{Failure, Result};
use crate::output::{Output, print_json, print_line, print_yaml};

pub fn run(arguments: &MergeArguments, output: Output) -> Result<()> {
    let kind: Kind = arguments.kind.replace('-', "_").parse().map_err(Failure::usage)?;
    let text: TextMode = match &arguments.text {
        Some(text) => text.parse().map_err(Failure::usage)?,
        None => kind.default_text_mode(),
    };
    let base = document(&arguments.base)?;
    let ours = document(&arguments.ours)?;
    let theirs = document(&arguments.theirs)?;
    let outcome = three_way(kind, &base, &ours, &theirs, text).map_err(Failure::usage)?;
    show(&outcome, output)?;
    if outcome.is_settled() { Ok(()) } else { Err(Failure::negative()) }
}

fn document(path: &Path) -> Result<Value> {
    canonical::parse(&read_input(path)?).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn show(outcome: &ThreeWay, output: Output) -> Result<()> {
    if output.is_for_people() {
        if outcome.is_settled() {
            return print_json(&outcome.merged);
        }
        print_line(&format!("not settled: {} open", outcome.conflicts.len()))?;
        return outcome.conflicts.iter().try_for_each(|conflict| {
            print_line(&format!("  {}  {:?}", conflict.path, conflict.reason))?;
            for (side, value) in [("base", &conflict.base), ("ours", &conflict.left), ("theirs", &conflict.right)] {
                let value = value.as_ref().map_or_else(|| "(nothing)".to_owned(), Value::to_string);
                print_line(&format!("    {side:<7}{}", value.chars().take(200).collect::<String>()))?;
            }
            Ok(())
        });
    }
    let answer = json!({
        "status": if outcome.is_settled() { "settled" } else { "conflict" },
        "merged": outcome.merged,
        "conflicts": outcome.conflicts.iter().map(conflict_summary).collect::<Vec<_>>(),
    });
    match output.format {
        crate::arguments::Format::Yaml => print_yaml(&answer),
        _ => print_json(&answer),
    }
}
