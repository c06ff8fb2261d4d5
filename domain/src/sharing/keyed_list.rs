//! Lists whose elements have an identity.
//!
//! A list of parameters is not a sequence of positions: two people who each add one must not collide. In the normal
//! form such a list is `{"$items": {key: element}, "$order": [key, ...]}`. The key is Atoll's own and is given when
//! an element is first seen, from its name, so that two imports of the same text agree; later imports find the
//! element again by its id, then by its name, and keep the key. Order is a value of its own, apart from membership.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value, json};

pub const ITEMS: &str = "$items";
pub const ORDER: &str = "$order";

/// What an element is known by, the surest mark first. The first mark that an element has also names a new key.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// Looked for in this order when an element is sought in the parent's list.
    pub marks: &'static [fn(&Value) -> Option<String>],
    /// What the key of an element never seen before is made from.
    pub seed: fn(&Value) -> Option<String>,
}

/// Brings a plain list into normal form, with the keys that its elements had in `parent` (the same list in normal form).
#[must_use]
pub fn normalise(list: &[Value], parent: Option<&Value>, identity: Identity) -> Value {
    let known = parent.and_then(|list| list.get(ITEMS)).and_then(Value::as_object);
    // Elements that nothing tells apart are matched in the order of the list, so that reading it again moves none.
    let known_order = parent.map(order_of).unwrap_or_default();
    let in_order = || known_order.iter().filter_map(|key| Some((key.as_str(), known?.get(key)?)));
    let mut keys: Vec<Option<String>> = vec![None; list.len()];
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for mark in identity.marks {
        let mut by_mark = Candidates::by(in_order(), *mark);
        for (slot, element) in keys.iter_mut().zip(list) {
            if slot.is_some() {
                continue;
            }
            if let Some(key) = mark(element).and_then(|value| by_mark.next(&value, &taken)) {
                taken.insert(key.to_owned());
                *slot = Some(key.to_owned());
            }
        }
    }
    // What has no mark at all is known by its whole content.
    let has_no_mark = |element: &Value| identity.marks.iter().all(|mark| mark(element).is_none());
    let unmarked = || in_order().filter(|(_, element)| has_no_mark(element));
    let mut by_content = Candidates::by(unmarked(), content);
    for (slot, element) in keys.iter_mut().zip(list) {
        if slot.is_some() || !has_no_mark(element) {
            continue;
        }
        *slot = content(element).and_then(|content| by_content.next(&content, &taken)).map(str::to_owned);
        taken.extend(slot.clone());
    }
    // An element never seen before must not take over the key, and so the history, of one that is or was there.
    let mut used: BTreeSet<String> = taken;
    used.extend(known.into_iter().flat_map(|items| items.keys().cloned()));
    let mut items = Map::new();
    let mut order = Vec::with_capacity(list.len());
    let mut rounds = BTreeMap::new();
    for (slot, element) in keys.into_iter().zip(list) {
        let key = slot.unwrap_or_else(|| fresh_key(element, identity, &used, &mut rounds));
        used.insert(key.clone());
        order.push(Value::String(key.clone()));
        items.insert(key, element.clone());
    }
    json!({ ITEMS: items, ORDER: order })
}

/// The plain list of a normal form.
#[must_use]
pub fn denormalise(list: &Value) -> Vec<Value> {
    let items = list.get(ITEMS).and_then(Value::as_object);
    order_of(list).iter().filter_map(|key| items?.get(key)).cloned().collect()
}

/// Whether a list in normal form names each of its elements once in its order, and nothing else, as [`normalise`] makes it.
/// Told by anybody else it need not be so: what one reader leaves out another would show.
#[must_use]
pub fn is_whole(list: &Value) -> bool {
    let parts = (list.get(ITEMS).and_then(Value::as_object), list.get(ORDER).and_then(Value::as_array));
    let (Some(items), Some(order)) = parts else { return false };
    let named: BTreeSet<&str> = order.iter().filter_map(Value::as_str).collect();
    order.len() == items.len() && named.len() == items.len() && items.keys().all(|key| named.contains(key.as_str()))
}

/// Whether a value is a list in normal form.
#[must_use]
pub fn is_keyed_list(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|fields| fields.len() == 2 && fields.contains_key(ITEMS) && fields.contains_key(ORDER))
}

/// The keys of a normal form in their order, each once. Elements that the order does not name follow in the order of their
/// keys, for every reader alike.
#[must_use]
pub fn order_of(list: &Value) -> Vec<String> {
    let named = list.get(ORDER).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let rest = list.get(ITEMS).and_then(Value::as_object).into_iter().flat_map(|items| items.keys());
    let mut seen = BTreeSet::new();
    named.chain(rest.map(String::as_str)).filter(|key| seen.insert(*key)).map(str::to_owned).collect()
}

fn content(element: &Value) -> Option<String> {
    String::from_utf8(crate::canonical::to_bytes(element)).ok()
}

/// The elements that a mark may mean, each given out once. A list may hold thousands that are alike.
struct Candidates<'a>(BTreeMap<String, VecDeque<&'a str>>);

impl<'a> Candidates<'a> {
    fn by(elements: impl Iterator<Item = (&'a str, &'a Value)>, mark: fn(&Value) -> Option<String>) -> Self {
        let mut index: BTreeMap<String, VecDeque<&str>> = BTreeMap::new();
        for (key, element) in elements {
            if let Some(value) = mark(element) {
                index.entry(value).or_default().push_back(key);
            }
        }
        Self(index)
    }

    fn next(&mut self, value: &str, taken: &BTreeSet<String>) -> Option<&'a str> {
        let candidates = self.0.get_mut(value)?;
        while let Some(key) = candidates.pop_front() {
            if !taken.contains(key) {
                return Some(key);
            }
        }
        None
    }
}

/// A field's text as a mark, where it is not empty.
#[must_use]
pub fn text_mark(element: &Value, field: &str) -> Option<String> {
    element.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Made from what people know the element by (so that two who add the same name meet at one key), else from content.
///
/// `rounds` remembers how many keys each seed has given: a list may hold thousands of elements that are alike.
fn fresh_key(
    element: &Value,
    identity: Identity,
    used: &BTreeSet<String>,
    rounds: &mut BTreeMap<Vec<u8>, u32>,
) -> String {
    let seed = (identity.seed)(element).map_or_else(|| crate::canonical::to_bytes(element), String::into_bytes);
    let round = rounds.entry(seed.clone()).or_insert(0);
    loop {
        // Bounded by the number of keys in use: each round yields another digest.
        *round = round.saturating_add(1);
        let salted = match *round {
            1 => seed.clone(),
            round => [seed.as_slice(), b"#", round.to_string().as_bytes()].concat(),
        };
        let key = hex::encode(&crate::id::Digest::of(&salted).0[..8]);
        if !used.contains(&key) {
            return key;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_ID_THEN_NAME: Identity = Identity {
        marks: &[|element| text_mark(element, "Id"), |element| text_mark(element, "Name")],
        seed: |element| text_mark(element, "Name"),
    };

    #[test]
    fn a_renamed_element_keeps_its_key_and_a_new_one_with_the_old_name_gets_another() {
        let first = normalise(&[json!({"Id": "1", "Name": "Port"})], None, BY_ID_THEN_NAME);
        let second = normalise(
            &[json!({"Id": "1", "Name": "TcpPort"}), json!({"Id": "2", "Name": "Port"})],
            Some(&first),
            BY_ID_THEN_NAME,
        );
        assert_eq!(order_of(&first)[0], order_of(&second)[0]);
        assert_ne!(order_of(&second)[0], order_of(&second)[1]);
    }

    #[test]
    fn import_and_export_of_a_list_is_lossless_even_with_equal_names() {
        let list = [json!({"Name": "a"}), json!({"Name": "a"}), json!("odd"), Value::Null];
        assert_eq!(denormalise(&normalise(&list, None, BY_ID_THEN_NAME)), list);
    }
}
