//! Views that people gave a name.

use serde_json::json;
use uuid::Uuid;

use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::service::{Caller, Services};
use crate::store::access::{ViewRecord, view_count, view_delete, view_get, view_list, view_named, view_put};

const NAME_LIMIT: usize = 80;
const SCREEN_LIMIT: usize = 40;
const QUERY_LIMIT: usize = 2_000;
const OWNER_LIMIT: u64 = 200;

/// What is to be kept.
#[derive(Debug)]
pub struct NewView {
    pub name: String,
    pub screen: String,
    pub query: String,
    pub shared: bool,
}

impl Listed for ViewRecord {
    const FIELDS: &'static [&'static str] = &["name", "screen", "owner", "shared"];
    const FACETS: &'static [&'static str] = &["screen", "owner"];
    fn title(&self) -> String {
        self.name.clone()
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "name" => Field::text(&self.name),
            "screen" => Field::text(&self.screen),
            "owner" => Field::text(&self.owner),
            "shared" => Field::text(self.shared),
            _ => None,
        }
    }
}

/// The caller's own views and those that are shared, by name.
///
/// # Errors
/// The database does not answer.
pub async fn list(services: &Services, caller: &Caller, options: &Options) -> Result<Page<ViewRecord>> {
    let mut views = view_list(&services.store, &caller.name).await?;
    views.sort_by(|one, other| (&one.name, &one.owner, one.id).cmp(&(&other.name, &other.owner, other.id)));
    page(views, options)
}

/// Keeps a view, or replaces the caller's own one of that name.
///
/// # Errors
/// A text is too long, or the caller has too many views.
pub async fn save(services: &Services, caller: &Caller, new: NewView) -> Result<ViewRecord> {
    check(&new)?;
    let mut tx = services.store.begin().await?;
    let before = view_named(&tx, &caller.name, &new.screen, &new.name).await?;
    if before.is_none() && view_count(&tx, &caller.name).await? >= OWNER_LIMIT {
        return Err(Error::new(
            ErrorKind::Exhausted,
            "TOO_MANY_VIEWS",
            format!("you keep {OWNER_LIMIT} views already; delete one of them first"),
        ));
    }
    let record = ViewRecord {
        id: before.map_or_else(clock::new_id, |before| before.id),
        owner: caller.name.clone(),
        screen: new.screen,
        name: new.name,
        query: new.query,
        shared: new.shared,
    };
    view_put(&tx, &record).await?;
    caller.record(&mut tx, "view.save", &record.name, json!({ "screen": record.screen, "shared": record.shared }));
    tx.commit().await?;
    Ok(record)
}

fn check(new: &NewView) -> Result<()> {
    let length = new.name.chars().count();
    if new.name.trim().is_empty() || length > NAME_LIMIT || new.name.chars().any(char::is_control) {
        return Err(Error::invalid("BAD_NAME", format!("a view's name is 1 to {NAME_LIMIT} characters")));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    if new.screen.is_empty() || new.screen.len() > SCREEN_LIMIT || !new.screen.chars().all(fits) {
        return Err(Error::invalid("BAD_SCREEN", format!("a screen is 1 to {SCREEN_LIMIT} of a-z, 0-9, -, _ and /")));
    }
    if new.query.chars().count() > QUERY_LIMIT || new.query.chars().any(char::is_control) {
        return Err(Error::invalid("BAD_QUERY", format!("what a view keeps is at most {QUERY_LIMIT} characters")));
    }
    Ok(())
}

/// Forgets one of the caller's own views.
///
/// # Errors
/// There is none, or it is somebody else's.
pub async fn delete(services: &Services, caller: &Caller, id: Uuid) -> Result<()> {
    let mut tx = services.store.begin().await?;
    let seen = view_get(&tx, id).await?.filter(|view| view.shared || view.owner == caller.name);
    let record = seen.ok_or_else(|| Error::not_found("view", &id.to_string()))?;
    if record.owner != caller.name {
        return Err(Error::denied(
            "NOT_YOURS",
            format!("this view is {}'s, and only its owner deletes it", record.owner),
        ));
    }
    view_delete(&tx, id).await?;
    caller.record(&mut tx, "view.delete", &record.name, json!({ "screen": record.screen }));
    tx.commit().await?;
    Ok(())
}
