//! Random resources and random edits of them, in their outside form. Names and values come from small alphabets, so
//! that independent edits often meet, and a value often returns to what it was.

use std::fmt;

use atoll_domain::kind::Kind;
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::text::TextMode;
use atoll_domain::sharing::touched::difference;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const LINES: [&str; 4] = ["begin", "work", "work harder", "end"];

/// One thing a person does to a resource. Numbers are taken modulo what is there.
#[derive(Debug, Clone)]
pub enum Change {
    SetField(u8, u8),
    RemoveField(u8),
    SetProperty(u8, u8),
    RemoveProperty(u8),
    ReplaceLine(u8, u8),
    InsertLine(u8, u8),
    RemoveLine(u8),
    LineEnds,
    AddElement {
        name: u8,
        value: u8,
        at: u8,
        id: Option<u8>,
    },
    RemoveElement(u8),
    RenameElement(u8, u8),
    SetElement {
        at: u8,
        field: u8,
        value: u8,
    },
    MoveElement(u8, u8),
    RemoveList,
    /// Back to how the resource began.
    Revert,
}

pub fn change() -> impl Strategy<Value = Change> {
    let small = || 0..8_u8;
    prop_oneof![
        2 => (small(), small()).prop_map(|(field, value)| Change::SetField(field, value)),
        1 => small().prop_map(Change::RemoveField),
        3 => (small(), small()).prop_map(|(name, value)| Change::SetProperty(name, value)),
        1 => small().prop_map(Change::RemoveProperty),
        3 => (small(), small()).prop_map(|(at, line)| Change::ReplaceLine(at, line)),
        2 => (small(), small()).prop_map(|(at, line)| Change::InsertLine(at, line)),
        1 => small().prop_map(Change::RemoveLine),
        1 => Just(Change::LineEnds),
        3 => (small(), small(), small(), proptest::option::of(0..3_u8))
            .prop_map(|(name, value, at, id)| Change::AddElement { name, value, at, id }),
        2 => small().prop_map(Change::RemoveElement),
        2 => (small(), small()).prop_map(|(at, name)| Change::RenameElement(at, name)),
        3 => (small(), small(), small()).prop_map(|(at, field, value)| Change::SetElement { at, field, value }),
        2 => (small(), small()).prop_map(|(from, to)| Change::MoveElement(from, to)),
        1 => Just(Change::RemoveList),
        1 => Just(Change::Revert),
    ]
}

pub fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::StepTemplate), Just(Kind::VariableSet)]
}

pub fn text_mode() -> impl Strategy<Value = TextMode> {
    prop_oneof![Just(TextMode::Off), Just(TextMode::Review), Just(TextMode::Auto)]
}

/// Edits one after another, each of a few changes.
pub fn edits(most: usize) -> impl Strategy<Value = Vec<Vec<Change>>> {
    proptest::collection::vec(proptest::collection::vec(change(), 1..4), 0..most)
}

/// How every resource begins.
pub fn beginning(kind: Kind) -> Value {
    match kind {
        Kind::StepTemplate => json!({
            "Id": "ActionTemplates-1", "Version": 3, "Name": "t", "ActionType": "Octopus.Script", "Description": "",
            "Properties": {"a": "0", "Script": "begin\nwork\nrest\nwork\nend\n"},
            "Parameters": [{"Id": "1", "Name": "a", "DefaultValue": "0"}, {"Name": "b", "DefaultValue": "1"}],
        }),
        Kind::VariableSet => json!({
            "Id": "vars-1", "Version": 3, "Name": "s", "Description": "begin\nwork\nrest\nwork\nend\n",
            "Extra": {"a": "0"},
            "Variables": [{"Id": "1", "Name": "a", "Value": "0"}, {"Name": "b", "Value": "1"}],
        }),
    }
}

/// The places of a kind that edits go to.
struct Places {
    properties: &'static str,
    list: &'static str,
    value: &'static str,
}

fn places(kind: Kind) -> Places {
    match kind {
        Kind::StepTemplate => Places { properties: "Properties", list: "Parameters", value: "DefaultValue" },
        Kind::VariableSet => Places { properties: "Extra", list: "Variables", value: "Value" },
    }
}

fn script(kind: Kind, document: &mut Value) -> &mut Value {
    match kind {
        Kind::StepTemplate => &mut document["Properties"]["Script"],
        Kind::VariableSet => &mut document["Description"],
    }
}

fn value(number: u8) -> Value {
    match number % 6 {
        0 => json!("0"),
        1 => json!("1"),
        2 => json!("one\ntwo\n"),
        3 => Value::Null,
        4 => json!({"HasValue": true, "NewValue": null}),
        _ => json!(7),
    }
}

/// Does one change to a document.
pub fn apply(kind: Kind, document: &mut Value, change: &Change) {
    let at = places(kind);
    let name = |number: u8| NAMES[usize::from(number) % NAMES.len()];
    match change {
        Change::SetField(field, new) => document[["Category", "Notes"][usize::from(field % 2)]] = value(*new),
        Change::RemoveField(field) => remove(document, ["Category", "Notes"][usize::from(field % 2)]),
        Change::SetProperty(property, new) => document[at.properties][name(*property)] = value(*new),
        Change::RemoveProperty(property) => remove(&mut document[at.properties], name(*property)),
        Change::RemoveList => remove(document, at.list),
        Change::Revert => *document = beginning(kind),
        Change::ReplaceLine(..) | Change::InsertLine(..) | Change::RemoveLine(_) | Change::LineEnds => {
            edit_lines(script(kind, document), change);
        }
        _ => edit_list(&at, document, change),
    }
}

fn remove(object: &mut Value, key: &str) {
    if let Value::Object(fields) = object {
        fields.remove(key);
    }
}

fn edit_lines(text: &mut Value, change: &Change) {
    let before = text.as_str().unwrap_or_default().to_owned();
    let end = if before.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<&str> = before.lines().collect();
    let line = |number: u8| LINES[usize::from(number) % LINES.len()];
    match change {
        Change::ReplaceLine(at, new) if !lines.is_empty() => {
            let index = usize::from(*at) % lines.len();
            lines[index] = line(*new);
        }
        Change::InsertLine(at, new) => lines.insert(usize::from(*at) % (lines.len() + 1), line(*new)),
        Change::RemoveLine(at) if !lines.is_empty() => {
            lines.remove(usize::from(*at) % lines.len());
        }
        _ => {}
    }
    let end = if matches!(change, Change::LineEnds) { ["\n", "\r\n"][usize::from(end == "\n")] } else { end };
    *text = Value::String(lines.iter().map(|line| format!("{line}{end}")).collect());
}

fn edit_list(at: &Places, document: &mut Value, change: &Change) {
    let mut list = document.get(at.list).and_then(Value::as_array).cloned().unwrap_or_default();
    let index = |number: u8, list: &[Value]| usize::from(number) % list.len().max(1);
    let name = |number: u8| json!(NAMES[usize::from(number) % NAMES.len()]);
    match change {
        Change::AddElement { name: called, value: new, at: position, id } => {
            let mut element = json!({"Name": name(*called), at.value: value(*new)});
            if let Some(id) = id {
                element["Id"] = json!(id.to_string());
            }
            list.insert(usize::from(*position) % (list.len() + 1), element);
        }
        Change::RemoveElement(position) if !list.is_empty() => {
            list.remove(index(*position, &list));
        }
        Change::RenameElement(position, new) if !list.is_empty() => {
            let position = index(*position, &list);
            list[position]["Name"] = name(*new);
        }
        Change::SetElement { at: position, field, value: new } if !list.is_empty() => {
            let position = index(*position, &list);
            match field % 3 {
                0 => list[position][at.value] = value(*new),
                1 => list[position]["Scope"] = json!({"Environment": [NAMES[usize::from(*new) % NAMES.len()]]}),
                _ => remove(&mut list[position], at.value),
            }
        }
        Change::MoveElement(from, to) if !list.is_empty() => {
            let element = list.remove(index(*from, &list));
            list.insert(usize::from(*to) % (list.len() + 1), element);
        }
        _ => {}
    }
    document[at.list] = Value::Array(list);
}

/// A state that edits led to, with every place written on the way.
#[derive(Clone)]
pub struct State {
    pub outside: Value,
    pub body: Value,
    pub touched: TouchedPaths,
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let touched: Vec<String> = self.touched.iter().map(Path::to_string).collect();
        write!(formatter, "{} touched {touched:?}", self.body)
    }
}

impl State {
    pub fn beginning(kind: Kind) -> Self {
        let outside = beginning(kind);
        let body = kind.import(&outside, None).unwrap().body;
        Self { outside, body, touched: TouchedPaths::default() }
    }

    /// The state after edits made from this one; its touched places are those of the edits alone.
    pub fn edited(&self, kind: Kind, edits: &[Vec<Change>]) -> Self {
        let mut state = Self { touched: TouchedPaths::default(), ..self.clone() };
        for edit in edits {
            edit.iter().for_each(|change| apply(kind, &mut state.outside, change));
            let body = kind.import(&state.outside, Some(&state.body)).unwrap().body;
            state.touched.extend(&difference(Some(&state.body), Some(&body)));
            state.body = body;
        }
        state
    }
}

/// Every place of a body that holds no further object, except the orders of lists.
pub fn leaves(body: &Value) -> Vec<Path> {
    fn walk(path: &Path, value: &Value, out: &mut Vec<Path>) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                fields.iter().for_each(|(key, field)| walk(&path.child(key), field, out));
            }
            _ if path.last() == Some("$order") => {}
            _ => out.push(path.clone()),
        }
    }
    let mut out = Vec::new();
    walk(&Path::root(), body, &mut out);
    out
}

/// Puts the values of another body at some places into this one, and lists every element of a list in its order.
pub fn overlaid<'a>(onto: &Value, from: &Value, places: impl Iterator<Item = &'a Path>) -> Value {
    let mut body = onto.clone();
    for place in places {
        place.put(&mut body, place.get(from).cloned());
    }
    well_formed(&mut body);
    body
}

fn well_formed(value: &mut Value) {
    let Value::Object(fields) = value else { return };
    if fields.contains_key("$items") {
        let items = fields["$items"].as_object().cloned().unwrap_or_default();
        fields.insert("$order".to_owned(), complete_order(fields.get("$order"), &items));
    }
    fields.values_mut().for_each(well_formed);
}

fn complete_order(order: Option<&Value>, items: &Map<String, Value>) -> Value {
    let named: Vec<Value> = order.and_then(Value::as_array).cloned().unwrap_or_default();
    let named = named.into_iter().filter(|key| items.contains_key(key.as_str().unwrap_or_default()));
    let mut order: Vec<Value> = named.collect();
    order.extend(items.keys().map(|key| json!(key)).filter(|key| !order.contains(key)).collect::<Vec<_>>());
    Value::Array(order)
}
