//! `/articles`, `/locale/fields` and `/helpcenter/search`.

use axum::http::Method;
use serde_json::{Value, json};

use super::envelope::{Answer, Trouble};
use super::seed::Article;
use super::view::View;
use super::{Call, Desk};

/// Locale of all articles.
const LOCALE: &str = "en-us";

/// Paths that need no login.
pub(super) fn is_public(path: &[&str]) -> bool {
    matches!(path, ["articles" | "helpcenter" | "locale", ..])
}

/// Everything about knowledge.
pub(super) fn route(desk: &Desk, call: &Call, path: &[&str]) -> Result<Answer, Trouble> {
    let get = call.method == Method::GET;
    let post = call.method == Method::POST;
    match path {
        ["articles"] if get => {
            let view = View::new(desk, call);
            let shown = visible(desk, call).filter(|(_, article)| {
                call.argument("filter") != Some("PUBLISHED") || article.published
            });
            Ok(Answer::Many {
                resource: "article",
                data: shown.map(|(id, each)| article(&view, id, each)).collect(),
            })
        }
        ["articles", id] if get => {
            let (id, found) = visible(desk, call)
                .find(|(each, _)| each.to_string() == *id)
                .ok_or_else(Trouble::not_found)?;
            Ok(Answer::one(
                "article",
                article(&View::new(desk, call), id, found),
            ))
        }
        ["locale", "fields", id] if get => field_of(desk, call, id),
        ["helpcenter", "search"] if get => live(desk, call),
        ["helpcenter", "search", "articles"] if post => {
            let query = call.required("query")?;
            if query.chars().count() <= 3 {
                return Err(Trouble::invalid("query"));
            }
            let view = View::new(desk, call);
            Ok(Answer::Many {
                resource: "article",
                data: matching(desk, call, &query)
                    .map(|(id, each)| article(&view, id, each))
                    .collect(),
            })
        }
        ["articles"] | ["articles", _] | ["helpcenter", "search", ..] => Err(Trouble::method()),
        _ => Err(Trouble::not_found()),
    }
}

/// Articles with their ids that the asker may see: agents see drafts and inner sections too.
fn visible<'a>(desk: &'a Desk, call: &'a Call) -> impl Iterator<Item = (u64, &'a Article)> {
    (1..)
        .zip(&desk.articles)
        .filter(|(_, each)| call.agent.is_some() || each.public && each.published)
}

fn matching<'a>(
    desk: &'a Desk,
    call: &'a Call,
    query: &str,
) -> impl Iterator<Item = (u64, &'a Article)> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    visible(desk, call).filter(move |(_, each)| {
        let text = format!("{} {}", each.title, each.html).to_lowercase();
        words.iter().any(|word| text.contains(word.as_str()))
    })
}

fn title_id(article: u64) -> u64 {
    article * 10 + 1
}

fn contents_id(article: u64) -> u64 {
    article * 10 + 2
}

fn field(id: u64, text: &str) -> Value {
    json!({"id": id, "locale": LOCALE, "translation": text, "resource_type": "locale_field"})
}

fn field_of(desk: &Desk, call: &Call, id: &str) -> Result<Answer, Trouble> {
    let found = visible(desk, call).find_map(|(number, article)| {
        let fields = [
            (title_id(number), &article.title),
            (contents_id(number), &article.html),
        ];
        let mut fields = fields.into_iter();
        let (id, text) = fields.find(|(each, _)| each.to_string() == id)?;
        Some(field(id, text))
    });
    let found = found.ok_or_else(Trouble::not_found)?;
    Ok(Answer::one("locale_field", found))
}

fn article(view: &View<'_>, id: u64, article: &Article) -> Value {
    let text = |id: u64, text: &str| view.reference("locale_field", id, || field(id, text));
    let section = if article.public { 1 } else { 2 };
    let link = format!("{}/../../article/{id}-{}", view.base, slug(&article.title));
    let status = if article.published {
        "PUBLISHED"
    } else {
        "DRAFT"
    };
    json!({"id": id, "uuid": format!("00000000-0000-4000-8000-{id:012}"),
        "titles": [text(title_id(id), &article.title)],
        "slugs": [{"locale": LOCALE, "translation": slug(&article.title)}],
        "contents": [text(contents_id(id), &article.html)], "keywords": null,
        "section": view.reference("section", section, || section_of(section, &article.section)),
        "status": status, "tags": [], "is_featured": false,
        "helpcenter_url": link.replace("/api/v1/../..", ""),
        "created_at": "2026-01-05T09:00:00+00:00", "updated_at": article.updated,
        "published_at": article.published.then_some(article.updated.as_str()),
        "resource_type": "article", "resource_url": format!("{}/articles/{id}", view.base)})
}

fn section_of(id: u64, title: &str) -> Value {
    let visibility = if id == 1 { "PUBLIC" } else { "PRIVATE" };
    json!({"id": id, "titles": [{"locale": LOCALE, "translation": title}], "visibility": visibility,
        "category": {"id": 1, "resource_type": "category"}, "resource_type": "section"})
}

fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}

fn live(desk: &Desk, call: &Call) -> Result<Answer, Trouble> {
    let query = call
        .argument("query")
        .ok_or_else(|| Trouble::required("query"))?;
    let view = View::new(desk, call);
    let hits = matching(desk, call, query).map(|(id, each)| {
        let original = article(&view, id, each);
        json!({"uuid": original["uuid"], "title": each.title, "contents": each.html,
            "link": original["helpcenter_url"], "original": original})
    });
    Ok(Answer::Many {
        resource: "search",
        data: hits.collect(),
    })
}
