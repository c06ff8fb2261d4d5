//! Bringing files in, as new resources or new revisions.

use std::path::{Path, PathBuf};

use atoll_domain::kind::Kind;
use atoll_proto::v1;
use serde_json::Value;

use super::{get, in_conflict, own_base, read_document, release_written};
use crate::command::{Session, publication, request_id};
use crate::failure::{Failure, Result, SIGN_IN, UNAVAILABLE};
use crate::output::say;

pub(super) async fn import(
    session: &mut Session,
    kind: Kind,
    files: &[PathBuf],
    base: &str,
    message: &str,
    publish: Option<bool>,
    to: &str,
) -> Result<()> {
    publication::check(session, to).await?;
    let (mut created, mut written, mut same, mut released, mut failures) = (0, 0, 0, 0, Vec::new());
    for file in files {
        match import_one(session, kind, file, base, message, publish, to).await {
            Ok(imported) => {
                released += usize::from(imported.released);
                match (imported.created, imported.changed) {
                    (_, false) => same += 1,
                    (true, true) => created += 1,
                    (false, true) => written += 1,
                }
            }
            Err(failure) if files.len() > 1 => {
                say(&format!("{}: {}", file.display(), failure.text));
                failures.push(failure.code);
                // The rest would fail in the same way.
                if matches!(failure.code, UNAVAILABLE | SIGN_IN) {
                    break;
                }
            }
            Err(failure) => return Err(failure),
        }
    }
    let tried = created + written + same + failures.len();
    let published = if released > 0 { format!(", {released} released") } else { String::new() };
    let rest = if tried < files.len() { format!(", {} not tried", files.len() - tried) } else { String::new() };
    say(&format!("{created} created, {written} changed, {same} unchanged{published}, {} failed{rest}", failures.len()));
    // What is said by the code is said of the first of them.
    failures.first().map_or(Ok(()), |code| Err(Failure::new(*code, "")))
}

/// What became of a file.
struct Imported {
    created: bool,
    changed: bool,
    released: bool,
}

async fn import_one(
    session: &mut Session,
    kind: Kind,
    file: &Path,
    base: &str,
    message: &str,
    publish: Option<bool>,
    to: &str,
) -> Result<Imported> {
    let mut document = read_document(file)?;
    // A file that was exported with its revision knows what it was edited from.
    let own_base = own_base(&mut document);
    let name = document.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let base_revision = match base {
        "head" => get(session, kind, &name, "").await?.revision.unwrap_or_default().id,
        "" => own_base,
        given => given.to_owned(),
    };
    let request = v1::SaveResourceRequest {
        kind: kind.to_string(),
        resource: String::new(),
        content: document.to_string(),
        base_revision,
        message: message.to_owned(),
        imported: true,
        request_id: request_id(),
        widen: session.widen,
    };
    let saved = session.client.sharing.save_resource(request).await?.into_inner();
    let revision = saved.revision.unwrap_or_default();
    if !saved.conflict_id.is_empty() {
        return Err(in_conflict(&saved.conflict_id));
    }
    let released = match publish {
        Some(with_drafts) => {
            release_written(session, kind, &name, (&*revision.id, saved.changed), with_drafts).await?.changed
        }
        None => false,
    };
    if !to.is_empty() {
        publication::add(session, to, kind, &name).await?;
    }
    Ok(Imported { created: revision.parents.is_empty(), changed: saved.changed, released })
}
