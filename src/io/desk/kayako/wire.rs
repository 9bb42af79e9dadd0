//! Kayako's JSON, read leniently: unknown fields are ignored, odd items of a list are left out.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::io::desk::Article;
use crate::ticket::Draft;

/// What surrounds every answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Envelope {
    #[serde(default)]
    pub(super) data: Value,
    #[serde(default)]
    pub(super) total_count: Option<usize>,
    #[serde(default)]
    pub(super) session_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) errors: Vec<ErrorItem>,
}

/// One error of an answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorItem {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) code: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) parameter: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) message: String,
}

/// What cannot be read, `null` above all, is as if it were not there.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = Value::deserialize(deserializer)?;
    Ok(T::deserialize(value).unwrap_or_default())
}

impl Envelope {
    /// The items of a list that can be read.
    pub(super) fn items<T: DeserializeOwned>(&self) -> Vec<T> {
        let items = self.data.as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(read).collect()
    }

    /// The one item, if it can be read.
    pub(super) fn item<T: DeserializeOwned>(&self) -> Option<T> {
        read(&self.data)
    }
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// An id: a number as a rule, kept as text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    Number(u64),
    Text(String),
}

impl Id {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// An id as it is sent: a number where it is one.
pub(super) fn id_value(id: &str) -> Value {
    id.parse::<u64>()
        .map_or_else(|_| json!(id), |number| json!(number))
}

/// Anything with an id.
#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    pub(super) id: Id,
}

/// An item of `GET /autocomplete/emails.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Completion {
    pub(super) parent: Parent,
}

/// Whom an identity belongs to.
#[derive(Debug, Deserialize)]
pub(super) struct Parent {
    pub(super) id: Id,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) resource_type: String,
}

/// A user with all identities.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: Id,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) full_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) emails: Vec<EmailIdentity>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) phones: Vec<PhoneIdentity>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) role: Option<Role>,
}

/// An e-mail address of a user; without the address when it was not expanded.
#[derive(Debug, Deserialize)]
pub(super) struct EmailIdentity {
    pub(super) email: Option<String>,
}

/// A telephone number of a user; without the number when it was not expanded.
#[derive(Debug, Deserialize)]
pub(super) struct PhoneIdentity {
    pub(super) number: Option<String>,
}

/// A role.
#[derive(Debug, Deserialize)]
pub(super) struct Role {
    pub(super) id: Id,
    #[serde(default, rename = "type", deserialize_with = "or_default")]
    pub(super) kind: String,
}

/// A status, priority, type or team.
#[derive(Debug, Deserialize)]
pub(super) struct Labelled {
    pub(super) id: Id,
    #[serde(default)]
    pub(super) label: Value,
    #[serde(default)]
    pub(super) title: Value,
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
}

impl Labelled {
    /// True when this is what the administrator called `wanted`: its label, or its type.
    pub(super) fn is_called(&self, wanted: &str) -> bool {
        let same = |name: &str| name.trim().to_lowercase() == wanted.trim().to_lowercase();
        // A label is text, or a list of translations; a team has a title instead.
        let by_name = |name: &Value| match name {
            Value::String(label) => same(label),
            Value::Array(labels) => labels
                .iter()
                .filter_map(|label| label.get("translation").and_then(Value::as_str))
                .any(same),
            _ => false,
        };
        by_name(&self.label) || by_name(&self.title) || self.kind.as_deref().is_some_and(same)
    }
}

/// A case with its tags, which come as names or as objects with a name.
#[derive(Debug, Deserialize)]
pub(super) struct Case {
    pub(super) id: Id,
    #[serde(default)]
    pub(super) tags: Value,
}

impl Case {
    /// True when the case bears the tag. (Kayako may keep tags in lower case.)
    pub(super) fn bears(&self, tag: &str) -> bool {
        match &self.tags {
            Value::String(list) => list
                .split(',')
                .any(|name| name.trim().eq_ignore_ascii_case(tag)),
            Value::Array(tags) => tags
                .iter()
                .filter_map(|item| item.as_str().or_else(|| item.get("name")?.as_str()))
                .any(|name| name.eq_ignore_ascii_case(tag)),
            _ => false,
        }
    }
}

/// The body of `POST /cases.json`. Channel NOTE: nothing is mailed to anybody.
pub(super) fn new_case(draft: &Draft, requester_id: &str, own_tags: &[String]) -> Value {
    let tags = draft.tags.iter().chain(own_tags);
    let mut tags: Vec<String> = tags.map(|tag| tag.replace(',', " ")).collect();
    tags.push(draft.call_tag());
    json!({
        "subject": draft.subject,
        "contents": draft.body_html,
        "channel": "NOTE",
        "channel_options": {"html": true},
        "requester_id": id_value(requester_id),
        "tags": tags.join(","),
    })
}

/// An article of `GET /articles.json`.
#[derive(Debug, Deserialize)]
pub(super) struct ArticleItem {
    id: Id,
    #[serde(default, deserialize_with = "or_default")]
    titles: Vec<Translation>,
    #[serde(default, deserialize_with = "or_default")]
    contents: Vec<Translation>,
    #[serde(default)]
    keywords: Option<Value>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    section: Option<Section>,
    #[serde(default, deserialize_with = "or_default")]
    helpcenter_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Translation {
    #[serde(default, deserialize_with = "or_default")]
    locale: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    translation: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Section {
    #[serde(default, deserialize_with = "or_default")]
    visibility: Option<String>,
}

impl ArticleItem {
    /// The article if everybody may read it: published, in a section that is shown to be public.
    pub(super) fn into_public(self, locale: &str) -> Option<Article> {
        let section = self.section.and_then(|section| section.visibility);
        if self.status.as_deref() != Some("PUBLISHED") || section.as_deref() != Some("PUBLIC") {
            return None;
        }
        let keywords = match self.keywords {
            Some(Value::String(words)) => words,
            Some(Value::Array(words)) => words
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(" "),
            _ => String::new(),
        };
        Some(Article {
            id: self.id.text(),
            title: choose(&self.titles, locale)?.to_owned(),
            html: choose(&self.contents, locale)?.to_owned(),
            url: self.helpcenter_url.unwrap_or_default(),
            keywords,
        })
    }
}

/// The translation in the wanted language: exactly it, else its language, else English, else the first.
fn choose<'a>(translations: &'a [Translation], wanted: &str) -> Option<&'a str> {
    let language = |locale: &str| {
        locale
            .split(['-', '_'])
            .next()
            .unwrap_or_default()
            .to_lowercase()
    };
    let rank = |locale: &str| {
        if locale.eq_ignore_ascii_case(wanted) {
            0
        } else if language(locale) == language(wanted) {
            1
        } else if language(locale) == "en" {
            2
        } else {
            3
        }
    };
    let given = translations.iter().filter_map(|item| {
        let text = item
            .translation
            .as_deref()
            .filter(|text| !text.trim().is_empty())?;
        Some((rank(item.locale.as_deref().unwrap_or_default()), text))
    });
    given.min_by_key(|(rank, _)| *rank).map(|(_, text)| text)
}

/// `Retry-After` in seconds; at most a day. (Kayako sends no dates there.)
pub(super) fn retry_after(header: Option<&str>) -> Option<Duration> {
    let seconds: u64 = header?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(86_400)))
}
