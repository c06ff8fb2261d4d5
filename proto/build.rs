//! Compiles the contract with protox, so that no protoc is needed.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let nouns = ["common", "node_link", "fleet", "sharing", "access", "audit", "telemetry"];
    let files: Vec<String> = nouns.iter().map(|noun| format!("atoll/v1/{noun}.proto")).collect();
    for file in &files {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(&files, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let encoded = descriptors.encode_to_vec();
    fs::write(out.join("descriptors.bin"), &encoded)?;
    tonic_prost_build::configure()
        .bytes(".atoll.v1.Changes.documents")
        .bytes(".atoll.v1.SignedDocument")
        .compile_fds(descriptors)?;
    pbjson_build::Builder::new().register_descriptors(&encoded)?.emit_fields().build(&[".atoll.v1"])?;
    Ok(())
}
