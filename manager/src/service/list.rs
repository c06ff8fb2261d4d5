//! Lists: filter, order, pages, total and facets, the same way everywhere.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::error::{Error, Result};

const PAGE_SIZE: usize = 100;
const PAGE_SIZE_LIMIT: usize = 1_000;
pub const FACET_VALUE_LIMIT: usize = 50;
const FILTER_TERM_LIMIT: usize = 32;

/// How a list was asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub page_size: usize,
    pub page_token: String,
    pub filter: String,
    pub order_by: String,
}

/// One page, and what is said about the whole list.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_page_token: String,
    pub total: usize,
    pub facets: Vec<(String, Vec<(String, u64)>)>,
}

impl<T> Page<T> {
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(each).collect(),
            next_page_token: self.next_page_token,
            total: self.total,
            facets: self.facets,
        }
    }
}

/// A field's value, as lists compare it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Number(i64),
    Text(String),
}

impl Field {
    /// Whether it is what a filter's value says.
    #[must_use]
    pub fn reads(&self, value: &str) -> bool {
        self.shown().eq_ignore_ascii_case(value)
    }

    pub fn text(text: impl ToString) -> Option<Self> {
        Some(Self::Text(text.to_string()))
    }

    fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// A row of a list.
pub trait Listed {
    /// Fields that a filter and an order may name.
    const FIELDS: &'static [&'static str];
    /// Fields whose values are counted.
    const FACETS: &'static [&'static str];
    /// Whether other words are fields too, such as label keys.
    const OPEN_FIELDS: bool = false;

    /// What a bare word of a filter looks into.
    fn title(&self) -> String;
    fn field(&self, name: &str) -> Option<Field>;
    /// Whether a filter's value fits; a list may widen it, as groups do to what is below them.
    fn fits(&self, name: &str, value: &str) -> bool {
        self.field(name).is_some_and(|field| field.reads(value))
    }
}

/// The items for which every term of a filter holds.
///
/// # Errors
/// The filter is none; the text says what there is.
pub fn matching<T: Listed>(items: Vec<T>, filter: &str) -> Result<Vec<T>> {
    let terms = terms::<T>(filter)?;
    Ok(items.into_iter().filter(|item| terms.iter().all(|term| term.holds(item))).collect())
}

/// How many rows were asked for.
#[must_use]
pub fn page_size(options: &Options) -> usize {
    if options.page_size == 0 { PAGE_SIZE } else { options.page_size.min(PAGE_SIZE_LIMIT) }
}

/// Cuts a list to what was asked for. `items` come in the list's natural order.
///
/// # Errors
/// A filter, an order or a page token that is not one; the text says what there is.
pub fn page<T: Listed>(items: Vec<T>, options: &Options) -> Result<Page<T>> {
    let mut items = matching(items, &options.filter)?;
    order(&mut items, &options.order_by)?;
    let facets = T::FACETS.iter().map(|name| ((*name).to_owned(), facet(&items, name))).collect();
    let total = items.len();
    let from = offset(&options.page_token)?;
    let size = page_size(options);
    let items: Vec<T> = items.into_iter().skip(from).take(size).collect();
    let next = from + items.len();
    let next_page_token = if next < total && !items.is_empty() { format!("after-{next}") } else { String::new() };
    Ok(Page { items, next_page_token, total, facets })
}

/// One term of a filter.
#[derive(Debug)]
pub enum Term {
    /// In lower case.
    Word(String),
    Is(String, String),
    IsNot(String, String),
}

impl Term {
    fn holds<T: Listed>(&self, item: &T) -> bool {
        match self {
            Self::Word(word) => item.title().to_lowercase().contains(word),
            Self::Is(key, value) => item.fits(key, value),
            Self::IsNot(key, value) => !item.fits(key, value),
        }
    }
}

/// Reads a filter.
///
/// # Errors
/// It is none, or names a field that the list does not have.
pub fn terms<T: Listed>(filter: &str) -> Result<Vec<Term>> {
    let words: Vec<&str> = filter.split_whitespace().collect();
    if words.len() > FILTER_TERM_LIMIT {
        return Err(Error::invalid("BAD_FILTER", format!("a filter has at most {FILTER_TERM_LIMIT} terms")));
    }
    words
        .into_iter()
        .map(|word| {
            if let Some((key, value)) = word.split_once("!=") {
                known::<T>(key).map(|()| Term::IsNot(key.to_owned(), value.to_owned()))
            } else if let Some((key, value)) = word.split_once('=') {
                known::<T>(key).map(|()| Term::Is(key.to_owned(), value.to_owned()))
            } else {
                Ok(Term::Word(word.to_lowercase()))
            }
        })
        .collect()
}

fn known<T: Listed>(field: &str) -> Result<()> {
    if T::OPEN_FIELDS || T::FIELDS.contains(&field) {
        return Ok(());
    }
    let fields = T::FIELDS.join(", ");
    Err(Error::invalid("BAD_FILTER", format!("this list has no field \"{field}\"; it has {fields}")))
}

/// Reads an order: a field, and whether it is turned round.
///
/// # Errors
/// It is none, or names a field that the list does not have.
pub fn ordering<T: Listed>(order_by: &str) -> Result<Option<(&str, bool)>> {
    let words: Vec<&str> = order_by.split_whitespace().collect();
    let (field, descending) = match words.as_slice() {
        [] => return Ok(None),
        [field] | [field, "asc"] => (*field, false),
        [field, "desc"] => (*field, true),
        _ => return Err(Error::invalid("BAD_ORDER", "order by a field; append \" desc\" for descending order")),
    };
    known::<T>(field)?;
    Ok(Some((field, descending)))
}

fn order<T: Listed>(items: &mut [T], order_by: &str) -> Result<()> {
    let Some((field, descending)) = ordering::<T>(order_by)? else { return Ok(()) };
    // What has no value comes last, whichever way the list is turned. The values are made once, not for each comparison.
    if descending {
        items.sort_by_cached_key(|item| item.field(field).map_or((1, None), |value| (0, Some(Reverse(value)))));
    } else {
        items.sort_by_cached_key(|item| item.field(field).map_or((1, None), |value| (0, Some(value))));
    }
    Ok(())
}

/// How many items have which value of a field, the most frequent first.
pub fn facet<T: Listed>(items: &[T], name: &str) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for value in items.iter().filter_map(|item| item.field(name)) {
        *counts.entry(value.shown()).or_default() += 1;
    }
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    counts.truncate(FACET_VALUE_LIMIT);
    counts
}

fn offset(token: &str) -> Result<usize> {
    if token.is_empty() {
        return Ok(0);
    }
    token
        .strip_prefix("after-")
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| Error::invalid("BAD_PAGE_TOKEN", "invalid page token for this list; start again without one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fruit(&'static str, i64);

    impl Listed for Fruit {
        const FIELDS: &'static [&'static str] = &["name", "weight"];
        const FACETS: &'static [&'static str] = &["weight"];
        fn title(&self) -> String {
            self.0.to_owned()
        }
        fn field(&self, name: &str) -> Option<Field> {
            match name {
                "name" => Field::text(self.0),
                "weight" => Some(Field::Number(self.1)),
                _ => None,
            }
        }
    }

    fn fruits() -> Vec<Fruit> {
        vec![Fruit("apple", 9), Fruit("pear", 10), Fruit("pineapple", 10)]
    }

    fn names(options: &Options) -> Result<(Vec<&'static str>, usize, String)> {
        let page = page(fruits(), options)?;
        Ok((page.items.iter().map(|fruit| fruit.0).collect(), page.total, page.next_page_token))
    }

    #[test]
    fn a_list_is_filtered_ordered_counted_and_paged() {
        let apples = Options { filter: "apple weight!=9".to_owned(), ..Options::default() };
        assert_eq!(names(&apples).unwrap().0, ["pineapple"]);
        let heavy = Options { order_by: "weight desc".to_owned(), page_size: 2, ..Options::default() };
        let (first, total, token) = names(&heavy).unwrap();
        assert_eq!((first, total), (vec!["pear", "pineapple"], 3));
        let rest = names(&Options { page_token: token, ..heavy }).unwrap();
        assert_eq!(rest, (vec!["apple"], 3, String::new()));
        assert_eq!(
            page(fruits(), &Options::default()).unwrap().facets[0].1,
            [("10".to_owned(), 2), ("9".to_owned(), 1)]
        );
    }

    #[test]
    fn an_unknown_field_is_refused_with_the_ones_there_are() {
        let error = names(&Options { filter: "colour=red".to_owned(), ..Options::default() }).unwrap_err();
        assert_eq!(error.text, "this list has no field \"colour\"; it has name, weight");
    }
}
