//! Step templates and variable sets: the same acts for every kind.

mod import;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command as Process;

use atoll_domain::canonical;
use atoll_domain::kind::Kind;
use atoll_proto::v1;
use atoll_proto::v1::preview_change_request::Change;
use serde_json::Value;

use self::import::import;
use super::proposal::show_differences;
use super::{Session, confirm, pages, preview, publication, read_input, request_id, sync};
use crate::arguments::{ListArguments, ResourceCommand};
use crate::failure::{CONFLICT, Failure, Result};
use crate::output::{Column, print_json, print_line, print_yaml, say, time};

const COLUMNS: [Column; 7] = [
    ("name", "name"),
    ("version", "version"),
    ("draft", "hasDraft"),
    ("state", "state"),
    ("conflicts", "openConflicts"),
    ("changed", "changedMs"),
    ("publications", "publications"),
];

pub async fn run(session: &mut Session, kind: Kind, command: ResourceCommand) -> Result<()> {
    match command {
        ResourceCommand::List(list) => {
            let rows = all(session, kind, &list).await?;
            let wide = [("changed by", "changedBy"), ("texts", "textMode"), ("heads", "heads"), ("id", "id")];
            session.output.list(&rows, &COLUMNS, &wide)
        }
        ResourceCommand::Get { name, revision } => show(session, kind, &name, &revision).await,
        ResourceCommand::Import { files, base, message, publish, to, widen, with_drafts } => {
            session.widen = widen;
            import(session, kind, &files, &base, &message, publish.then_some(with_drafts), &to).await
        }
        ResourceCommand::Export { name, revision, all, without_revision } => {
            export(session, kind, name.as_deref(), &revision, all.as_deref(), !without_revision).await
        }
        ResourceCommand::Edit { name, file, base, message, widen } => {
            session.widen = widen;
            edit(session, kind, &name, file.as_deref().map(|file| (file, &*base)), &message).await
        }
        ResourceCommand::Validate { file } => validate(kind, &file),
        ResourceCommand::Publish { name: resource, version, revision, dry_run: true, .. } => {
            let planned = v1::PlannedRelease { kind: kind.to_string(), resource, revision, version };
            preview::change(session, Change::Release(planned)).await
        }
        ResourceCommand::Publish { name, version, revision, to, wait, widen, expect, .. } => {
            session.widen = widen;
            session.expect = expect;
            let is_new_there = !to.is_empty() && !publication::includes(session, &to, kind, &name).await?;
            let request = v1::ReleaseResourceRequest { version, revision, ..Default::default() };
            let released = release(session, kind, &name, request).await?;
            if !to.is_empty() {
                publication::add(session, &to, kind, &name).await?;
            }
            if released.changed || !is_new_there {
                say(&released_words(&name, &released));
            }
            if is_new_there {
                say(&format!("publication {to} includes {name} now"));
            }
            if wait {
                let resource = name.clone();
                let question = v1::GetSyncStatusRequest { kind: kind.to_string(), resource, ..Default::default() };
                let status = sync::until_synced(session, &question, "60s").await?;
                say(&sync::sentence(&status));
            }
            let release = released.release.unwrap_or_default();
            session.output.one(&release, &[("version", "version"), ("revision", "revision")])
        }
        ResourceCommand::Versions { name, list } => versions(session, kind, &name, &list).await,
        ResourceCommand::Usages { name, list } => usages(session, kind, &name, &list).await,
        ResourceCommand::Diff { name, from, to } => diff(session, kind, name, from, to).await,
        ResourceCommand::Rollback { name, to, message, widen, expect } => {
            let request = v1::RollBackResourceRequest {
                kind: kind.to_string(),
                resource: name,
                to,
                message,
                widen,
                expected_revision: expect,
            };
            let rolled = session.client.sharing.roll_back_resource(request).await?.into_inner();
            match rolled.changed {
                true => written(&rolled.revision.unwrap_or_default()),
                false => say("nothing changed: it already has this content"),
            }
            Ok(())
        }
        ResourceCommand::TextMode { name, mode } => {
            let request = v1::SetTextModeRequest { kind: kind.to_string(), resource: name, text_mode: mode };
            let set = session.client.sharing.set_text_mode(request).await?.into_inner();
            say(&format!("text merge mode: {}", set.resource.unwrap_or_default().text_mode));
            Ok(())
        }
        ResourceCommand::Delete { name: resource, dry_run: true, .. } => {
            let planned = v1::ResourceName { kind: kind.to_string(), resource };
            preview::change(session, Change::DeleteResource(planned)).await
        }
        ResourceCommand::Delete { name, message, expect, .. } => {
            confirm(session, &format!("delete {name} from every node? Its history is kept"))?;
            let request = v1::DeleteResourceRequest {
                kind: kind.to_string(),
                resource: name.clone(),
                message,
                expected_revision: expect,
            };
            session.client.sharing.delete_resource(request).await?;
            say(&format!("{name} is deleted; to restore it, roll it back to an earlier version and publish it"));
            Ok(())
        }
    }
}

async fn all(session: &mut Session, kind: Kind, list: &ListArguments) -> Result<Vec<v1::Resource>> {
    let filter = format!("kind={kind} {}", list.filter);
    let list = ListArguments { filter, ..list.clone() };
    let client = &mut session.client.sharing;
    pages(&list, async |options| {
        let page = client.list_resources(v1::ListResourcesRequest { options: Some(options) }).await?.into_inner();
        Ok((page.resources, page.summary))
    })
    .await
}

async fn get(session: &mut Session, kind: Kind, name: &str, revision: &str) -> Result<v1::GetResourceResponse> {
    let request =
        v1::GetResourceRequest { kind: kind.to_string(), resource: name.to_owned(), revision: revision.to_owned() };
    Ok(session.client.sharing.get_resource(request).await?.into_inner())
}

async fn show(session: &mut Session, kind: Kind, name: &str, revision: &str) -> Result<()> {
    let answer = get(session, kind, name, revision).await?;
    if !session.output.is_for_people() {
        return session.output.one(&answer, &[("name", "resource.name")]);
    }
    session.output.one(
        &answer,
        &[
            ("name", "resource.name"),
            ("id", "resource.id"),
            ("state", "resource.state"),
            ("open conflicts", "resource.openConflicts"),
            ("version", "resource.version"),
            ("draft", "resource.hasDraft"),
            ("texts", "resource.textMode"),
            ("publications", "resource.publications"),
            ("revision", "revision.id"),
            ("by", "revision.author"),
            ("at", "revision.atMs"),
            ("message", "revision.message"),
        ],
    )?;
    let releases = answer.releases.iter().map(|release| format!("{} ({})", release.version, time(release.at_ms)));
    print_line(&format!("releases  {}", releases.collect::<Vec<_>>().join(", ")))?;
    print_json(&content(&answer)?)
}

fn content(answer: &v1::GetResourceResponse) -> Result<Value> {
    if answer.content.is_empty() {
        return Err(Failure::usage("this revision is a deletion and has no content"));
    }
    serde_json::from_str(&answer.content).map_err(|error| Failure::usage(error.to_string()))
}

/// Reads a document: YAML by its file name, JSON otherwise.
pub fn read_document(path: &Path) -> Result<Value> {
    let bytes = read_input(path)?;
    let named = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    if is_yaml {
        let text = String::from_utf8(bytes).map_err(|error| named(error.to_string()))?;
        let value: Value = serde_saphyr::from_str(&text).map_err(|error| named(error.to_string()))?;
        canonical::check(&value).map_err(|error| named(error.to_string()))?;
        return Ok(value);
    }
    canonical::parse(&bytes).map_err(|error| named(error.to_string()))
}

/// Checks a file against the rules of its kind.
pub fn validate(kind: Kind, file: &Path) -> Result<()> {
    let imported = kind.import(&read_document(file)?, None).map_err(Failure::usage)?;
    let problems = kind.check(&imported.body);
    for problem in &problems {
        print_line(&format!("{}: {}", problem.path, problem.message))?;
    }
    if problems.is_empty() {
        say("valid");
        Ok(())
    } else {
        Err(Failure::negative())
    }
}

fn in_conflict(id: &str) -> Failure {
    let text = format!(
        "this edit conflicts with a newer one; nothing is lost, and the release is unchanged; see: \
         atoll conflict show {id}"
    );
    Failure::new(CONFLICT, text)
}

async fn export(
    session: &mut Session,
    kind: Kind,
    name: Option<&str>,
    revision: &str,
    directory: Option<&Path>,
    with_revision: bool,
) -> Result<()> {
    match (name, directory) {
        (Some(name), None) => {
            let document = exported(session, kind, name, revision, with_revision).await?;
            match session.output.format {
                crate::arguments::Format::Yaml => print_yaml(&document),
                _ => print_json(&document),
            }
        }
        (None, Some(directory)) => {
            fs::create_dir_all(directory)?;
            let list = ListArguments { filter: String::new(), order_by: String::new(), limit: 100_000 };
            let resources = all(session, kind, &list).await?;
            for resource in &resources {
                let document = exported(session, kind, &resource.id, "", with_revision).await?;
                let path = directory.join(format!("{}.json", file_name(&resource.name, &resource.id)));
                let text =
                    serde_json::to_string_pretty(&document).map_err(|error| Failure::usage(error.to_string()))?;
                fs::write(&path, text + "\n")
                    .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
            }
            say(&format!("{} files written to {}", resources.len(), directory.display()));
            Ok(())
        }
        _ => Err(Failure::usage("give a name, or --all DIRECTORY")),
    }
}

async fn exported(session: &mut Session, kind: Kind, name: &str, revision: &str, with_revision: bool) -> Result<Value> {
    let answer = get(session, kind, name, revision).await?;
    let mut document = content(&answer)?;
    if let (true, Some(fields)) = (with_revision, document.as_object_mut()) {
        fields.insert("$revision".to_owned(), Value::String(answer.revision.unwrap_or_default().id));
    }
    Ok(document)
}

/// A name that any file system takes; the end of the id keeps equal ones apart.
fn file_name(name: &str, id: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(80)
        .collect();
    format!("{plain}-{}", id.get(id.len().saturating_sub(6)..).unwrap_or_default())
}

/// Takes out of a document which revision it was edited from; empty where it does not say.
fn own_base(document: &mut Value) -> String {
    let revision = document.as_object_mut().and_then(|fields| fields.remove("$revision"));
    revision.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What a file holds, and which revision it was edited from: what it says, unless something else is given.
fn edited_file(file: &Path, base: &str, head: String) -> Result<(Value, String)> {
    let mut document = read_document(file)?;
    let own = own_base(&mut document);
    let base = match base {
        "" => own,
        "head" => head,
        given => given.to_owned(),
    };
    if base.is_empty() {
        return Err(Failure::usage(format!(
            "{} does not say which revision it was edited from, so what others changed since could be lost; edit what \
             `export` writes, or name the revision with --base; --base head puts the file in the place of the newest one",
            file.display()
        )));
    }
    Ok((document, base))
}

async fn edit(session: &mut Session, kind: Kind, name: &str, file: Option<(&Path, &str)>, message: &str) -> Result<()> {
    let answer = get(session, kind, name, "").await?;
    let head = answer.revision.clone().unwrap_or_default().id;
    let (document, base_revision) = match file {
        Some((file, base)) => edited_file(file, base, head)?,
        None => (edited(&content(&answer)?)?, head),
    };
    let request = v1::SaveResourceRequest {
        kind: kind.to_string(),
        resource: answer.resource.unwrap_or_default().id,
        content: document.to_string(),
        base_revision,
        message: message.to_owned(),
        imported: false,
        request_id: String::new(),
        widen: session.widen,
    };
    let saved = session.client.sharing.save_resource(request).await?.into_inner();
    if !saved.conflict_id.is_empty() {
        return Err(in_conflict(&saved.conflict_id));
    }
    if saved.changed {
        written(&saved.revision.unwrap_or_default());
    } else {
        say("nothing changed");
    }
    Ok(())
}

pub fn written(revision: &v1::Revision) {
    say(&format!(
        "saved as revision {}; it is a draft until you publish it",
        revision.id.get(..12).unwrap_or_default()
    ));
}

/// Lets a person change the document in an editor. The file stays when it cannot be read, so that nothing typed is lost.
fn edited(document: &Value) -> Result<Value> {
    let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).unwrap_or_else(|_| "vi".to_owned());
    let path = std::env::temp_dir().join(format!("atoll-{}.json", request_id()));
    let text = serde_json::to_string_pretty(document).map_err(|error| Failure::usage(error.to_string()))?;
    // What is typed may be sensitive, and the folder is everybody's.
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    let mut words = editor.split_whitespace();
    let status = Process::new(words.next().unwrap_or("vi")).args(words).arg(&path).status()?;
    if !status.success() {
        return Err(Failure::usage(format!("{editor} failed; your text is in {}", path.display())));
    }
    let edited = read_document(&path)
        .map_err(|failure| Failure::usage(format!("{}; your text is in {}", failure.text, path.display())))?;
    fs::remove_file(&path)?;
    Ok(edited)
}

/// Releases a resource; the rest of the request says what of it.
pub async fn release(
    session: &mut Session,
    kind: Kind,
    name: &str,
    request: v1::ReleaseResourceRequest,
) -> Result<v1::ReleaseResourceResponse> {
    let request = v1::ReleaseResourceRequest {
        kind: kind.to_string(),
        resource: name.to_owned(),
        widen: session.widen,
        expected_revision: session.expect.clone(),
        ..request
    };
    let done = session.client.sharing.release_resource(request).await?.into_inner();
    done.warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
    Ok(done)
}

/// Releases what was just written: its revision, and whether anything changed by it. What was written before its release was
/// refused is there, and is said to be.
pub async fn release_written(
    session: &mut Session,
    kind: Kind,
    name: &str,
    (revision, changed): (&str, bool),
    with_drafts: bool,
) -> Result<v1::ReleaseResourceResponse> {
    let request =
        v1::ReleaseResourceRequest { written_revision: revision.to_owned(), with_drafts, ..Default::default() };
    release(session, kind, name, request).await.map_err(|failure| {
        if !changed {
            return failure;
        }
        let revision = revision.get(..12).unwrap_or_default();
        let text = format!("{}; the edit itself is saved as a draft, revision {revision}", failure.text);
        Failure::new(failure.code, text)
    })
}

pub fn released_words(name: &str, done: &v1::ReleaseResourceResponse) -> String {
    let version = done.release.as_ref().map(|release| release.version.as_str()).unwrap_or_default();
    match done.changed {
        true => format!("{name} {version} is released"),
        false => format!("nothing changed: {name} {version} is already released"),
    }
}

async fn versions(session: &mut Session, kind: Kind, name: &str, list: &ListArguments) -> Result<()> {
    let client = &mut session.client.sharing;
    let revisions = pages(list, async |options| {
        let request =
            v1::ListRevisionsRequest { kind: kind.to_string(), resource: name.to_owned(), options: Some(options) };
        let page = client.list_revisions(request).await?.into_inner();
        Ok((page.revisions, page.summary))
    });
    session.output.list(
        &revisions.await?,
        &[
            ("revision", "id"),
            ("versions", "versions"),
            ("by", "author"),
            ("at", "atMs"),
            ("origin", "origin"),
            ("message", "message"),
        ],
        &[("parents", "parents"), ("touched", "touched")],
    )
}

async fn usages(session: &mut Session, kind: Kind, name: &str, list: &ListArguments) -> Result<()> {
    let client = &mut session.client.sharing;
    let usages = pages(list, async |options| {
        let request =
            v1::ListUsagesRequest { kind: kind.to_string(), resource: name.to_owned(), options: Some(options) };
        let page = client.list_usages(request).await?.into_inner();
        Ok((page.usages, page.summary))
    });
    session.output.list(
        &usages.await?,
        &[
            ("node", "node"),
            ("group", "group"),
            ("publication", "publication"),
            ("version", "version"),
            ("newest", "newest"),
            ("state", "state"),
        ],
        &[("policy", "policy"), ("last seen", "lastSeenMs")],
    )
}

async fn diff(session: &mut Session, kind: Kind, name: String, from: String, to: String) -> Result<()> {
    let request = v1::DiffRevisionsRequest { kind: kind.to_string(), resource: name, from, to };
    let answer = session.client.sharing.diff_revisions(request).await?.into_inner();
    if session.output.is_for_people() {
        show_differences(&answer.differences)?;
    } else {
        session.output.one(&answer, &[("differences", "differences")])?;
    }
    if answer.differences.is_empty() { Ok(()) } else { Err(Failure::negative()) }
}
