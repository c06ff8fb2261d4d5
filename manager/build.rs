//! The web UI is embedded from `ui/dist`. It need not have been built: without it the port says how to.

use std::path::Path;
use std::{env, fs};

fn main() -> std::io::Result<()> {
    let built = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../ui/dist");
    fs::create_dir_all(&built)?;
    println!("cargo:rerun-if-changed=build.rs");
    // Debug builds read the folder while they run; only what embeds it is built again when it changes.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed={}", built.display());
    }
    Ok(())
}
