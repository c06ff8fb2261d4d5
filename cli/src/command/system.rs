//! The manager itself: status, tokens, audit.

use atoll_proto::v1;

use super::{Session, duration_ms, pages, request_id};
use crate::arguments::{AuditCommand, TokenCommand};
use crate::failure::Result;
use crate::output::{print_line, say};

pub async fn status(session: &mut Session) -> Result<()> {
    let status = session.client.telemetry.get_status(v1::GetStatusRequest {}).await?.into_inner();
    session.output.one(
        &status,
        &[
            ("version", "version"),
            ("database", "database"),
            ("started", "startedMs"),
            ("node address", "nodeAddress"),
            ("feed", "sequence"),
            ("nodes", "nodes"),
            ("  online", "nodesOnline"),
            ("  in sync", "nodesInSync"),
            ("resources", "resources"),
            ("publications", "publications"),
            ("open conflicts", "conflictsOpen"),
            ("open proposals", "proposalsOpen"),
        ],
    )
}

pub async fn whoami(session: &mut Session) -> Result<()> {
    let who = session.client.access.who_am_i(v1::WhoAmIRequest {}).await?.into_inner();
    session.output.one(&who, &[("name", "name"), ("token", "tokenId")])
}

pub async fn token(session: &mut Session, command: TokenCommand) -> Result<()> {
    match command {
        TokenCommand::Create { name, expires } => {
            let lifetime_ms = expires.as_deref().map(duration_ms).transpose()?.unwrap_or(0);
            let request = v1::CreateTokenRequest { name, lifetime_ms, request_id: request_id() };
            let created = session.client.access.create_token(request).await?.into_inner();
            say("this token is shown only once; store it where only its owner can read it");
            print_line(&created.text)
        }
        TokenCommand::List(list) => {
            let client = &mut session.client.access;
            let tokens = pages(&list, async |options| {
                let page = client.list_tokens(v1::ListTokensRequest { options: Some(options) }).await?.into_inner();
                Ok((page.tokens, page.summary))
            });
            session.output.list(
                &tokens.await?,
                &[("name", "name"), ("created", "createdMs"), ("created by", "createdBy"), ("revoked", "revoked")],
                &[("id", "id"), ("expires", "expiresMs")],
            )
        }
        TokenCommand::Revoke { token, keep_made } => {
            let request = v1::RevokeTokenRequest { token, keep_made };
            let done = session.client.access.revoke_token(request).await?.into_inner();
            done.revoked.iter().for_each(|name| say(&format!("{name} is revoked")));
            if done.join_tokens > 0 {
                say(&format!("{} join tokens made with it are revoked too", done.join_tokens));
            }
            Ok(())
        }
    }
}

pub async fn audit(session: &mut Session, command: AuditCommand) -> Result<()> {
    let AuditCommand::List(list) = command;
    let client = &mut session.client.audit;
    let events = pages(&list, async |options| {
        let page = client.list_events(v1::ListEventsRequest { options: Some(options) }).await?.into_inner();
        Ok((page.events, page.summary))
    });
    session.output.list(
        &events.await?,
        &[("number", "number"), ("at", "atMs"), ("who", "actor"), ("what", "action"), ("on", "subject")],
        &[("detail", "detail")],
    )
}
