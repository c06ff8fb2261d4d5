//! Variable sets: single values, and what applies where.

use std::io::Read as _;

use atoll_domain::kind::Kind;
use atoll_proto::v1;

use super::{Session, read_input, resource};
use crate::arguments::{ScopeArguments, VarsCommand};
use crate::failure::{Failure, Result};
use crate::output::{is_interactive, print_line, say};

pub async fn run(session: &mut Session, command: VarsCommand) -> Result<()> {
    match command {
        VarsCommand::Resource(command) => resource::run(session, Kind::VariableSet, command).await,
        VarsCommand::Set { set, name, value, scope, sensitive, null, file, message, publish, with_drafts } => {
            let value = match (value, file, null) {
                (None, None, true) => String::new(),
                (None, Some(file), false) => text(read_input(&file)?)?,
                (Some(_), None, false) if sensitive => {
                    return Err(Failure::usage(
                        "a sensitive value cannot be an argument, which other users of this machine can read; give \
                         it on standard input or with --file",
                    ));
                }
                (Some(value), None, false) => value,
                (None, None, false) if sensitive => typed()?,
                _ => return Err(Failure::usage("give exactly one of a value, --file and --null")),
            };
            let request = v1::SetVariableRequest {
                resource: set.clone(),
                name,
                scope: Some(scope_of(scope)),
                value,
                null,
                sensitive,
                message,
            };
            let answer = session.client.sharing.set_variable(request).await?.into_inner();
            if !publish && !answer.changed {
                say("nothing changed: it already has this value");
                return Ok(());
            }
            let revision = answer.revision.unwrap_or_default();
            if !publish {
                resource::written(&revision);
                return Ok(());
            }
            let written = (&*revision.id, answer.changed);
            let released = resource::release_written(session, Kind::VariableSet, &set, written, with_drafts).await?;
            say(&resource::released_words(&set, &released));
            Ok(())
        }
        VarsCommand::Unset { set, name, scope, message } => {
            let request =
                v1::UnsetVariableRequest { resource: set.clone(), name, scope: Some(scope_of(scope)), message };
            let answer = session.client.sharing.unset_variable(request).await?.into_inner();
            resource::written(&answer.revision.unwrap_or_default());
            Ok(())
        }
        VarsCommand::Effective { set, node, environment, role, target, group, explain } => {
            let resource = set.unwrap_or_default();
            let asked = node.clone();
            let request = v1::GetEffectiveVariablesRequest { resource, node, environment, role, target, group };
            let answer = session.client.sharing.get_effective_variables(request).await?.into_inner();
            show(session, &answer.variables, explain)?;
            say_if_older(session, asked).await
        }
    }
}

/// What a node runs may be older than what applies to it.
async fn say_if_older(session: &mut Session, node: String) -> Result<()> {
    if node.is_empty() {
        return Ok(());
    }
    let seen = session.client.fleet.get_node(v1::GetNodeRequest { node }).await?.into_inner().node.unwrap_or_default();
    // A node that lacks a required value runs what it should all the same.
    if !matches!(seen.sync_state.as_str(), "in_sync" | "incomplete") {
        say(&format!("{} is {} and not in sync: it may still run older values", seen.name, seen.state));
    }
    Ok(())
}

fn scope_of(scope: ScopeArguments) -> v1::VariableScope {
    v1::VariableScope {
        environments: scope.environments,
        roles: scope.roles,
        targets: scope.targets,
        groups: scope.groups,
    }
}

fn text(bytes: Vec<u8>) -> Result<String> {
    let text = String::from_utf8(bytes).map_err(|_| Failure::usage("the value is not valid UTF-8"))?;
    // What an editor or echo adds at the end is not part of the value.
    Ok(text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text).to_owned())
}

fn typed() -> Result<String> {
    if is_interactive() {
        say("type the value and end with Ctrl-D (it is visible while you type; use --file to avoid that)");
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    text(bytes)
}

fn show(session: &Session, variables: &[v1::EffectiveVariable], explain: bool) -> Result<()> {
    let columns =
        [("set", "set"), ("name", "name"), ("outcome", "outcome"), ("value", "value"), ("sensitive", "sensitive")];
    if !session.output.is_for_people() {
        return session.output.list(variables, &columns, &[]);
    }
    if !explain {
        // People are told that there is a value; programs get the reference to it.
        let hidden = |variable: &v1::EffectiveVariable| v1::EffectiveVariable {
            value: if variable.sensitive { "(sealed)".to_owned() } else { variable.value.clone() },
            ..variable.clone()
        };
        return session.output.list(&variables.iter().map(hidden).collect::<Vec<_>>(), &columns, &[]);
    }
    for variable in variables {
        let value = if variable.sensitive { "(sealed)" } else { variable.value.as_str() };
        print_line(&format!("{} / {}: {} {value}", variable.set, variable.name, variable.outcome))?;
        for considered in &variable.considered {
            let mark = if considered.applies { "+" } else { "-" };
            print_line(&format!("  {mark} {}: {}", considered.scope, considered.why))?;
        }
    }
    Ok(())
}
