//! A server that is a node: joins, runs, shows what changes, and makes an edit.

use atoll_node::domain::kind::Kind;
use atoll_node::{CancellationToken, EditBase, JoinOptions, NewEdit, Node, join};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let token = std::env::var("TOKEN")?.parse()?;
    join(JoinOptions::new("node-data", token, "example")).await?;
    let node = Node::open("node-data")?;
    let mut changes = node.watch();
    let link = tokio::spawn({
        let node = node.clone();
        async move { node.run(CancellationToken::new()).await }
    });
    while changes.changed().await.is_ok() && !link.is_finished() {
        println!("{} at {:?}", node.status().name, node.status().cursors);
        for resource in node.running() {
            println!("  {} {} {}", resource.kind, resource.name, resource.version);
        }
        let demo = node.running().into_iter().find(|running| running.name == "demo");
        if let Some((id, mut set)) = demo.and_then(|running| Some((running.resource, running.body?))) {
            set["Description"] = "edited on the node".into();
            let (kind, name, author) = (Kind::VariableSet, "demo".to_owned(), "example".to_owned());
            let content = kind.export(&set, &serde_json::json!({}));
            node.edit(NewEdit {
                resource: Some(id),
                kind,
                name,
                base: EditBase::Running,
                content,
                author,
                message: String::new(),
            })
            .await?;
        }
    }
    Ok(())
}
