//! Contexts.

use serde_json::{Value, json};

use crate::arguments::{Connection, ContextCommand};
use crate::context::{Context, Contexts};
use crate::failure::{Failure, Result};
use crate::output::{Output, say};

pub fn run(command: ContextCommand, flags: &Connection, output: Output) -> Result<()> {
    let mut contexts = Contexts::load()?;
    match command {
        ContextCommand::List => {
            let rows: Vec<Value> =
                contexts.contexts.iter().map(|(name, context)| row(&contexts, name, context)).collect();
            output.list(
                &rows,
                &[("name", "name"), ("current", "current"), ("server", "server")],
                &[("token file", "token_file")],
            )
        }
        ContextCommand::Use { name } => {
            contexts.get(&name)?;
            contexts.current = Some(name);
            contexts.save()
        }
        ContextCommand::Set { name, address, token_path, ca_path } => {
            let absolute = |path: std::path::PathBuf| std::path::absolute(path).map_err(Failure::from);
            let server = address.or_else(|| flags.server.clone()).ok_or_else(|| {
                Failure::usage("say which manager the context is for, such as --server http://127.0.0.1:7400")
            })?;
            let context = Context {
                server,
                token_file: token_path.or_else(|| flags.token_file.clone()).map(absolute).transpose()?,
                ca_file: ca_path.or_else(|| flags.ca_file.clone()).map(absolute).transpose()?,
            };
            contexts.contexts.insert(name.clone(), context);
            contexts.current.get_or_insert(name);
            contexts.save()
        }
        ContextCommand::Show => {
            let name = contexts.current.clone().ok_or_else(|| {
                Failure::new(crate::failure::NOT_FOUND, "no context is in use; make one with `atoll context set`")
            })?;
            let context = contexts.get(&name)?;
            output.one(
                &row(&contexts, &name, context),
                &[("name", "name"), ("server", "server"), ("token file", "token_file")],
            )
        }
        ContextCommand::Delete { name } => {
            contexts.get(&name)?;
            contexts.contexts.remove(&name);
            if contexts.current.as_deref() == Some(&name) {
                contexts.current = None;
                say("that was the context in use; choose another with `atoll context use`");
            }
            contexts.save()
        }
    }
}

fn row(contexts: &Contexts, name: &str, context: &Context) -> Value {
    json!({
        "name": name,
        "current": contexts.current.as_deref() == Some(name),
        "server": context.server,
        "token_file": context.token_file,
        "ca_file": context.ca_file,
    })
}
