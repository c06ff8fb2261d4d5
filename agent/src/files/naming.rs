//! Names of files.

use std::collections::BTreeMap;

use atoll_node::Running;
use atoll_node::domain::id::ResourceId;

/// Longest name of a file without its ending, in bytes: room is left for `.rejected` and its like.
const SLUG_LIMIT_BYTES: usize = 180;

/// A name as a file name: small letters, digits, and single dashes for everything else.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars().flat_map(char::to_lowercase) {
        if character.is_alphanumeric() || matches!(character, '_' | '.') && !slug.is_empty() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= SLUG_LIMIT_BYTES {
            break;
        }
    }
    let slug = slug.trim_end_matches(['-', '.']);
    if slug.is_empty() { "resource".to_owned() } else { slug.to_owned() }
}

/// The name of each resource's file without its ending. Resources whose names look alike get part of their id.
#[must_use]
pub fn stems(running: &[Running]) -> BTreeMap<ResourceId, String> {
    let plain = |resource: &Running| format!("{}/{}", resource.kind, slug(&resource.name));
    let with_id =
        |resource: &Running| format!("{}-{}", plain(resource), &resource.resource.0.simple().to_string()[..12]);
    let mut names: BTreeMap<ResourceId, String> =
        running.iter().map(|resource| (resource.resource, plain(resource))).collect();
    // A name with an id in it may be another's plain name. Each round gives ids to some that had none.
    loop {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for name in names.values() {
            *counts.entry(name.clone()).or_default() += 1;
        }
        let mut changed = false;
        for resource in running {
            let own = with_id(resource);
            if let Some(name) = names.get_mut(&resource.resource)
                && *name != own
                && counts.get(name).is_some_and(|count| *count > 1)
            {
                *name = own;
                changed = true;
            }
        }
        if !changed {
            return names;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_file_names_that_stay_inside_their_directory() {
        for (name, expected) in [
            ("Deploy a Package", "deploy-a-package"),
            ("../../etc/passwd", "etc-passwd"),
            ("Ünïcode  &  more!", "ünïcode-more"),
            ("v1.2_x", "v1.2_x"),
            (".hidden", "hidden"),
            ("///", "resource"),
        ] {
            assert_eq!(slug(name), expected);
        }
        assert!(slug(&"ü".repeat(500)).len() <= SLUG_LIMIT_BYTES + 4);
    }
}
