//! Names of files.

use std::collections::BTreeMap;

use atoll_node::Running;
use atoll_node::domain::id::ResourceId;
use atoll_node::domain::kind::file_name::slug;

/// The name of each resource's file without its ending. Resources whose names look alike get part of their id, or all of it.
/// `holder` says whose file has a name already: it keeps it for as long as its resource keeps its own name, so that nobody
/// changes the name under which a server reads something by giving another resource one that looks like it.
#[must_use]
pub fn stems(
    running: &[Running],
    holder: impl Fn(&Running, &str) -> Option<ResourceId>,
) -> BTreeMap<ResourceId, String> {
    let holds = |resource: &Running, stem: &str| holder(resource, stem) == Some(resource.resource);
    let mut names: BTreeMap<ResourceId, (Distinction, String)> = running
        .iter()
        .map(|resource| {
            let held = Distinction::ALL.into_iter().find(|distinction| holds(resource, &distinction.stem(resource)));
            let distinction = held.unwrap_or(Distinction::None);
            (resource.resource, (distinction, distinction.stem(resource)))
        })
        .collect();
    // A name with an id in it may be another's plain name. Each round tells some apart that were not.
    loop {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (_, name) in names.values() {
            *counts.entry(name.clone()).or_default() += 1;
        }
        let mut changed = false;
        for resource in running {
            if let Some((distinction, name)) = names.get_mut(&resource.resource)
                && counts.get(name).is_some_and(|count| *count > 1)
                && !holds(resource, name)
                && let Some(next) = distinction.next()
            {
                (*distinction, *name) = (next, next.stem(resource));
                changed = true;
            }
        }
        if !changed {
            return names.into_iter().map(|(id, (_, name))| (id, name)).collect();
        }
    }
}

/// What of a resource's id is in the name of its file.
#[derive(Debug, Clone, Copy)]
enum Distinction {
    None,
    /// The end: an id begins with the time at which it was made.
    End,
    All,
}

impl Distinction {
    const ALL: [Self; 3] = [Self::None, Self::End, Self::All];

    fn next(self) -> Option<Self> {
        match self {
            Self::None => Some(Self::End),
            Self::End => Some(Self::All),
            Self::All => None,
        }
    }

    fn stem(self, resource: &Running) -> String {
        let plain = format!("{}/{}", resource.kind, slug(&resource.name));
        let id = resource.resource.0.simple().to_string();
        match self {
            Self::None => plain,
            Self::End => format!("{plain}-{}", &id[20..]),
            Self::All => format!("{plain}-{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use atoll_node::domain::id::Digest;
    use atoll_node::domain::sharing::offer::EditMode;

    use super::*;

    fn running(id: u128, name: &str) -> Running {
        Running {
            resource: format!("{id:032x}").parse().unwrap(),
            kind: atoll_node::domain::kind::Kind::StepTemplate,
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            revision: Digest::of(b"any"),
            edit_mode: EditMode::Propose,
            body: None,
            metadata: serde_json::Value::Null,
            fork: None,
            message: String::new(),
        }
    }

    #[test]
    fn a_file_keeps_its_name_whatever_others_are_called_and_whoever_goes() {
        let [old, other] = [running(1, "Deploy a"), running(2, "Something else")];
        let first = stems(&[old.clone(), other.clone()], |_, _| None);
        // Somebody gives the other one a name that looks like the first: only its own file gets another name.
        let renamed = running(2, "Deploy/a");
        let held = |names: BTreeMap<ResourceId, String>| {
            move |_: &Running, stem: &str| names.iter().find(|(_, name)| *name == stem).map(|(id, _)| *id)
        };
        let second = stems(&[old.clone(), renamed.clone()], held(first.clone()));
        assert_eq!(second[&old.resource], first[&old.resource]);
        assert_ne!(second[&renamed.resource], first[&old.resource]);
        let third = stems(std::slice::from_ref(&renamed), held(second.clone()));
        assert_eq!(third[&renamed.resource], second[&renamed.resource], "nor does it change when the first one goes");
        // Whoever takes a new name lets the old one go.
        let fourth = stems(&[running(1, "New"), renamed.clone()], held(second.clone()));
        assert_eq!(fourth[&old.resource], "step_template/new");
        assert_eq!(fourth[&renamed.resource], second[&renamed.resource]);
    }

    #[test]
    fn names_that_look_alike_are_two_files_whenever_they_were_made() {
        // Made in the same millisecond; and ids that somebody has chosen.
        let same_time = 0x0199_0000_0000_7000_8000_0000_0000_0000;
        for ids in [[same_time + 1, same_time + 2], [1 << 64, 2 << 64]] {
            let both = [running(ids[0], "Dup 1/a"), running(ids[1], "Dup 1 a")];
            let names: std::collections::BTreeSet<String> = stems(&both, |_, _| None).into_values().collect();
            assert_eq!(names.len(), 2, "{names:?}");
        }
    }
}
