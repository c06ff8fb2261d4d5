//! Facts about the machine, so that figures can be compared with others.

use std::fs;

use serde_json::{Value, json};

fn first_line(path: &str) -> String {
    fs::read_to_string(path).ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_default()
}

fn after(path: &str, key: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

pub fn facts() -> Value {
    json!({
        "processor": after("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": after("/proc/meminfo", "MemTotal"),
        "kernel": first_line("/proc/version"),
        "load_average": first_line("/proc/loadavg"),
    })
}
