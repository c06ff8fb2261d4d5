//! Groups.

use atoll_domain::fleet::name::GroupPath;
use serde_json::json;

use crate::error::{Error, Result};
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::service::{Caller, Services};
use crate::store::fleet::{
    GroupRecord, group_alike, group_delete, group_ensure, group_exists, group_in_use, group_list,
};

/// A group with how many nodes it has.
#[derive(Debug, Clone)]
pub struct GroupView {
    pub record: GroupRecord,
    pub nodes: u64,
    pub nodes_below: u64,
}

impl Listed for GroupView {
    const FIELDS: &'static [&'static str] = &["path", "nodes"];
    const FACETS: &'static [&'static str] = &[];
    fn title(&self) -> String {
        self.record.path.to_string()
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "path" => Field::text(&self.record.path),
            "nodes" => i64::try_from(self.nodes_below).ok().map(Field::Number),
            _ => None,
        }
    }
    fn fits(&self, name: &str, value: &str) -> bool {
        name == "path" && value.parse::<GroupPath>().is_ok_and(|group| group.contains(&self.record.path))
    }
}

pub async fn list(services: &Services, options: &Options) -> Result<Page<GroupView>> {
    let nodes = services.nodes().await?;
    let mut groups = group_list(&services.store).await?;
    groups.sort_by(|one, other| one.path.cmp(&other.path));
    let views = groups
        .into_iter()
        .map(|record| {
            let nodes_below = nodes.iter().filter(|node| record.path.contains(&node.group)).count() as u64;
            let own = nodes.iter().filter(|node| node.group == record.path).count() as u64;
            GroupView { record, nodes: own, nodes_below }
        })
        .collect();
    page(views, options)
}

/// Makes a group and those above it. Making it again changes nothing.
///
/// # Errors
/// The database does not answer.
pub async fn create(services: &Services, caller: &Caller, path: GroupPath, description: &str) -> Result<GroupView> {
    let mut tx = services.store.begin_ordered().await?;
    let is_new = !group_exists(&tx, &path).await?;
    for one in path.ancestors().iter().chain([&path]) {
        if let Some(other) = group_alike(&tx, one).await?
            && other != *one
        {
            return Err(Error::exists("group", &format!("{other}, which is the same but for its writing")));
        }
    }
    for above in path.ancestors() {
        group_ensure(&tx, &above, "", caller.now.0).await?;
    }
    group_ensure(&tx, &path, description, caller.now.0).await?;
    if is_new {
        caller.record(&mut tx, "group.create", &path, json!({ "description": description }));
    }
    tx.commit().await?;
    let record = GroupRecord { path, description: description.to_owned() };
    Ok(GroupView { record, nodes: 0, nodes_below: 0 })
}

/// Removes an empty group.
///
/// # Errors
/// It does not exist, has nodes, or has groups below it.
pub async fn delete(services: &Services, caller: &Caller, path: &GroupPath) -> Result<()> {
    let mut tx = services.store.begin_ordered().await?;
    if !group_exists(&tx, path).await? {
        return Err(Error::not_found("group", path.as_str()));
    }
    let below = group_list(&tx).await?.into_iter().any(|group| group.path != *path && path.contains(&group.path));
    if below || path.as_str() == "/" || group_in_use(&tx, path).await? {
        return Err(Error::precondition(
            "GROUP_IN_USE",
            format!("{path} still contains nodes or groups; move or remove them first"),
        ));
    }
    group_delete(&tx, path).await?;
    caller.record(&mut tx, "group.delete", path, json!({}));
    tx.commit().await?;
    Ok(())
}
