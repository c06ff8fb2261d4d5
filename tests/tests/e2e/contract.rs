//! Rules that the contract keeps.

use std::fs;
use std::path::Path;

use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet};

fn descriptors() -> FileDescriptorSet {
    FileDescriptorSet::decode(atoll_proto::DESCRIPTORS).unwrap()
}

fn message(name: &str) -> DescriptorProto {
    let wanted = name.rsplit('.').next().unwrap();
    descriptors().file.into_iter().flat_map(|file| file.message_type).find(|message| message.name() == wanted).unwrap()
}

#[test]
fn every_message_field_and_call_is_documented() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/atoll/v1");
    let mut undocumented = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let declares = line.starts_with("rpc ")
                || line.starts_with("message ")
                || line.starts_with("service ")
                || line.starts_with("enum ")
                || (line.ends_with(';') && line.contains(" = ") && !line.starts_with("syntax"));
            if declares && !lines[index - 1].starts_with("//") {
                undocumented.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert_eq!(undocumented, Vec::<String>::new());
}

#[test]
fn every_list_has_options_and_a_summary_and_every_create_a_request_id() {
    let mut lists = 0;
    for service in descriptors().file.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            let has = |name: &str, field: &str| message(name).field.iter().any(|f| f.name() == field);
            if method.name().starts_with("List") {
                lists += 1;
                assert!(has(method.input_type(), "options"), "{} takes options", method.name());
                assert!(has(method.output_type(), "summary"), "{} gives a summary", method.name());
            }
            if method.name().starts_with("Create") {
                assert!(has(method.input_type(), "request_id"), "{} takes a request id", method.name());
            }
            let plain = method.name();
            let request = method.input_type().rsplit('.').next().unwrap();
            if !method.client_streaming() {
                assert_eq!(request, format!("{plain}Request"), "requests are named after their call");
            }
        }
    }
    assert!(lists >= 10, "there are lists");
}
