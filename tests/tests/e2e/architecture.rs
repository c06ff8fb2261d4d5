//! The arrows between crates and layers, read from the sources.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{} has sources", directory.display());
    found
}

fn mentions(text: &str, krate: &str) -> bool {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")).any(|line| {
        line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == krate) && line.contains("::")
    })
}

/// Files below `directory` that mention a crate, apart from those whose path contains one of the exceptions.
fn trespassers(directory: &str, krate: &str, allowed: &[&str]) -> Vec<PathBuf> {
    sources(&root().join(directory))
        .into_iter()
        .filter(|(path, text)| {
            let path = path.to_string_lossy();
            mentions(text, krate) && !allowed.iter().any(|allowed| path.contains(allowed))
        })
        .map(|(path, _)| path)
        .collect()
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let allowed: [(&str, &[&str]); 6] = [
        ("domain", &[]),
        ("proto", &[]),
        ("node-sdk", &["atoll-domain", "atoll-proto"]),
        ("agent", &["atoll-node", "atoll-domain"]),
        ("cli", &["atoll-domain", "atoll-proto"]),
        ("manager", &["atoll-domain", "atoll-proto", "atoll-migrations"]),
    ];
    for (krate, allowed) in allowed {
        let manifest = fs::read_to_string(root().join(krate).join("Cargo.toml")).unwrap();
        let dependencies = manifest.lines().filter_map(|line| line.split(['.', ' ']).next());
        for dependency in dependencies.filter(|name| name.starts_with("atoll-")) {
            assert!(allowed.contains(&dependency), "{krate} must not depend on {dependency}");
        }
    }
    let domain = fs::read_to_string(root().join("domain/Cargo.toml")).unwrap();
    for impure in ["tokio", "tonic", "prost", "sea-orm", "redb", "hyper", "axum"] {
        assert!(!domain.contains(impure), "the domain is pure and must not depend on {impure}");
    }
}

#[test]
fn inside_the_manager_each_library_stays_in_its_layer() {
    let nobody: Vec<PathBuf> = Vec::new();
    assert_eq!(trespassers("manager/src", "tonic", &["/rpc/", "/http/mod.rs", "app.rs", "/tls/"]), nobody);
    assert_eq!(trespassers("manager/src", "axum", &["/http/", "app.rs"]), nobody);
    assert_eq!(trespassers("manager/src", "sea_orm", &["/store/"]), nobody);
    assert_eq!(trespassers("manager/src/service", "atoll_proto", &[]), nobody);
    assert_eq!(trespassers("manager/src/store", "service", &[]), nobody);
}

#[test]
fn time_and_randomness_come_in_as_arguments() {
    for word in ["SystemTime", "OsRng", "now_v7"] {
        let trespassers =
            [trespassers("manager/src", word, &["clock.rs"]), trespassers("domain/src", word, &[])].concat();
        assert_eq!(trespassers, Vec::<PathBuf>::new(), "{word}");
    }
}
