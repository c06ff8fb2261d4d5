//! The web UI: signing browsers in and out.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};

use atoll_proto::v1;

use super::{Session, duration_ms, pages, request_id};
use crate::arguments::{SessionCommand, UiCommand};
use crate::failure::Result;
use crate::output::{print_line, say, time};

pub async fn ui(session: &mut Session, command: UiCommand) -> Result<()> {
    let UiCommand::Open { print, expires } = command;
    let request = v1::CreateSignInLinkRequest { lifetime_ms: duration_ms(&expires)?, request_id: request_id() };
    let link = session.client.access.create_sign_in_link(request).await?.into_inner();
    let address = format!("{}{}", session.server.trim_end_matches('/'), link.path);
    say(&format!("this link signs in once, until {}", time(link.expires_ms)));
    print_line(&address)?;
    if !print && has_display() {
        open(&address);
    }
    Ok(())
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Asks the desktop for a browser. The link was printed: without one a person opens it.
///
/// Arguments can be read by everybody on the machine, so what the browser is sent to is a page of this user's own that
/// leads to the link. It stays, since a browser may take its time, and is worth nothing once the link was used.
fn open(address: &str) {
    let opened = page(address).and_then(|page| {
        let quiet = || Stdio::null();
        Process::new("xdg-open").arg(page).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn()
    });
    if opened.is_err() {
        say("no browser could be opened; open the link yourself");
    }
}

/// Writes a page that leads to an address and that only this user can read.
fn page(address: &str) -> std::io::Result<PathBuf> {
    let directory = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let path = directory.join(format!("atoll-{}.html", request_id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let address = address.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    write!(file, "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">")?;
    writeln!(file, "<meta http-equiv=\"refresh\" content=\"0; url={address}\"><title>Atoll</title>")?;
    Ok(path)
}

pub async fn session(session: &mut Session, command: SessionCommand) -> Result<()> {
    match command {
        SessionCommand::List(list) => {
            let client = &mut session.client.access;
            let sessions = pages(&list, async |options| {
                let page = client.list_sessions(v1::ListSessionsRequest { options: Some(options) }).await?.into_inner();
                Ok((page.sessions, page.summary))
            });
            session.output.list(
                &sessions.await?,
                &[("id", "id"), ("name", "name"), ("since", "createdMs"), ("until", "expiresMs")],
                &[("browser", "browser")],
            )
        }
        SessionCommand::Revoke { id } => {
            session.client.access.revoke_session(v1::RevokeSessionRequest { id: id.clone() }).await?;
            say(&format!("{id} is signed out"));
            Ok(())
        }
    }
}
