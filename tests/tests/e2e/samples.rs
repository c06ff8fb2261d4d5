//! Small documents for tests.

use serde_json::{Value, json};

pub fn template(name: &str) -> Value {
    json!({
        "Name": name, "ActionType": "Octopus.Script", "Description": "first line\nsecond line\nthird line\nfourth line\nfifth line",
        "Version": 1,
        "Properties": { "Octopus.Action.Script.Syntax": "Bash", "Octopus.Action.Script.ScriptBody": "echo one\necho two\necho three\necho four\necho five\n" },
        "Parameters": [
            { "Id": "p1", "Name": "Host", "Label": "Host", "DefaultValue": "localhost", "DisplaySettings": {} },
            { "Id": "p2", "Name": "Port", "Label": "Port", "DefaultValue": "80", "DisplaySettings": {} }
        ]
    })
}

pub fn variables(name: &str) -> Value {
    json!({
        "Name": name, "Description": "",
        "Variables": [
            { "Name": "Db.Host", "Value": "localhost" },
            { "Name": "Db.Host", "Value": "db.prod", "Scope": { "Environment": ["production"] } },
            { "Name": "Db.Name", "Required": true }
        ]
    })
}
