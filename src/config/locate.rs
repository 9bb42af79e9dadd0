//! Where a key stands in the file: from a path (`line[0].allow`) to its line, and back.

use core::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Line number, from 1, of a byte offset.
pub(super) fn line_of_offset(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|byte| **byte == b'\n').count() + 1
}

/// Line of a key such as `sip.listen_udp` or `line[0].allow`; of its nearest table when it is absent.
pub(super) fn line_of_key(text: &str, path: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut table = root.get_ref();
    for step in path.split('.') {
        let (name, index) = match step.split_once('[') {
            Some((name, rest)) => (name, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (step, None),
        };
        let Some((key, value)) = entry(table, name) else {
            break;
        };
        let mut value = value;
        let mut span = key.span();
        if let (Some(index), DeValue::Array(items)) = (index, value.get_ref()) {
            let Some(item) = items.get(index) else {
                break;
            };
            span = item.span();
            value = item;
        }
        found = Some(span.start);
        let DeValue::Table(inner) = value.get_ref() else {
            break;
        };
        table = inner;
    }
    found.map(|offset| line_of_offset(text, offset))
}

fn entry<'t, 'i>(
    table: &'t DeTable<'i>,
    name: &str,
) -> Option<(
    &'t Spanned<toml::de::DeString<'i>>,
    &'t Spanned<DeValue<'i>>,
)> {
    table.iter().find(|(key, _)| key.get_ref().as_ref() == name)
}

/// The key whose name or value stands at a byte offset: the innermost one.
pub(super) fn key_at(text: &str, offset: usize) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    key_in(root.get_ref(), offset)
}

fn key_in(table: &DeTable<'_>, offset: usize) -> Option<String> {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let inner = match value.get_ref() {
            DeValue::Table(inner) => key_in(inner, offset).map(|path| format!("{name}.{path}")),
            DeValue::Array(items) => key_in_array(name, items.iter(), offset),
            _ => None,
        };
        if inner.is_some() {
            return inner;
        }
        if within(&key.span(), offset) || within(&value.span(), offset) {
            return Some(name.to_owned());
        }
    }
    None
}

fn key_in_array<'t, 'i: 't>(
    name: &str,
    items: impl Iterator<Item = &'t Spanned<DeValue<'i>>>,
    offset: usize,
) -> Option<String> {
    for (index, item) in items.enumerate() {
        if let DeValue::Table(inner) = item.get_ref()
            && let Some(path) = key_in(inner, offset)
        {
            return Some(format!("{name}[{index}].{path}"));
        }
        if within(&item.span(), offset) {
            return Some(format!("{name}[{index}]"));
        }
    }
    None
}

fn within(span: &Range<usize>, offset: usize) -> bool {
    span.contains(&offset) || span.start == offset
}

#[cfg(test)]
mod tests;
