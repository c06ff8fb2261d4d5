//! The web UI: signing browsers in and out.

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
fn open(address: &str) {
    let started =
        Process::new("xdg-open").arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if started.is_err() {
        say("no browser could be opened; open the link yourself");
    }
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
