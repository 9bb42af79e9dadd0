//! `/users`, `/identities`, `/search` and the rest.

use axum::http::Method;
use serde_json::{Value, json};

use super::cases::labels;
use super::envelope::{Answer, Trouble};
use super::view::{self, ROLES, TEAMS, View};
use super::{Call, Desk, MAX_EACH, MAX_USERS, User};

/// Hits of a search at most.
const MAX_HITS: usize = 30;

/// Everything that is neither a case nor knowledge.
pub(super) fn route(desk: &mut Desk, call: &Call, path: &[&str]) -> Result<Answer, Trouble> {
    let get = call.method == Method::GET;
    let post = call.method == Method::POST;
    match path {
        ["me"] if get => user(desk, call, call.agent.unwrap_or_default()),
        ["users"] if get => Ok(list(desk, call)),
        ["users"] if post => create(desk, call),
        ["users", id] if get => user(desk, call, id.parse().map_err(|_| Trouble::not_found())?),
        ["identities", "emails"] if post => identity(desk, call, "email"),
        ["identities", "phones"] if post => identity(desk, call, "number"),
        ["roles"] if get => Ok(labels(desk, call, "role", ROLES)),
        ["teams"] if get => Ok(labels(desk, call, "team", TEAMS)),
        ["search"] if get => search(desk, call),
        ["autocomplete", "emails"] if get => autocomplete(desk, call),
        ["me" | "users" | "roles" | "teams" | "search"]
        | ["users", _]
        | ["identities" | "autocomplete", "emails"]
        | ["identities", "phones"] => Err(Trouble::method()),
        _ => Err(Trouble::not_found()),
    }
}

fn user(desk: &Desk, call: &Call, id: u64) -> Result<Answer, Trouble> {
    let user = desk.user(id).ok_or_else(Trouble::not_found)?;
    Ok(Answer::one("user", View::new(desk, call).user(user)))
}

/// Filters `role` and `ids` only: others are ignored, as by the real one.
fn list(desk: &Desk, call: &Call) -> Answer {
    let role = call.argument("role");
    let ids: Option<Vec<&str>> = call.argument("ids").map(|ids| ids.split(',').collect());
    let view = View::new(desk, call);
    let users = desk.users.iter().filter(|user| {
        let class = ROLES.iter().find(|(id, ..)| *id == user.role);
        role.is_none_or(|role| class.is_some_and(|(_, _, class)| *class == role))
            && ids
                .as_ref()
                .is_none_or(|ids| ids.iter().any(|id| *id == user.id.to_string()))
    });
    Answer::Many {
        resource: "user",
        data: users.map(|user| view.user(user)).collect(),
    }
}

fn is_email(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'))
        && !text.contains(char::is_whitespace)
}

fn owner<'a>(desk: &'a Desk, field: &str, value: &str) -> Option<&'a User> {
    desk.users.iter().find(|user| {
        let list = if field == "email" {
            &user.emails
        } else {
            &user.phones
        };
        list.iter()
            .any(|(_, each)| each.eq_ignore_ascii_case(value))
    })
}

fn create(desk: &mut Desk, call: &Call) -> Result<Answer, Trouble> {
    let full_name = call.required("full_name")?;
    let role = call.number("role_id")?;
    let role = role.ok_or_else(|| Trouble::required("role_id"))?;
    if view::role_name(role).is_none() {
        return Err(Trouble::invalid("role_id"));
    }
    let email = match call.fields.get("email") {
        None | Some(Value::Null) => None,
        Some(_) => Some(call.required("email")?),
    };
    if let Some(email) = &email {
        if !is_email(email) {
            return Err(Trouble::invalid("email"));
        }
        if owner(desk, "email", email).is_some() {
            return Err(Trouble::duplicate("email"));
        }
    }
    if desk.users.len() >= MAX_USERS {
        return Err(Trouble::full());
    }
    let id = desk.id();
    let emails = email.map(|email| (desk.id(), email));
    desk.users.push(User {
        id,
        full_name,
        role,
        emails: emails.into_iter().collect(),
        phones: Vec::new(),
        created: view::now(),
    });
    let user = desk.user(id).ok_or_else(Trouble::not_found)?;
    Ok(Answer::created("user", View::new(desk, call).user(user)))
}

fn identity(desk: &mut Desk, call: &Call, field: &str) -> Result<Answer, Trouble> {
    let user = call.number("user_id")?;
    let user = user.ok_or_else(|| Trouble::required("user_id"))?;
    let value = call.required(field)?;
    let place = desk.users.iter().position(|each| each.id == user);
    let place = place.ok_or_else(|| Trouble::invalid("user_id"))?;
    let telephone = value.len() >= 3 && value.chars().all(|c| c.is_ascii_digit() || c == '+');
    if !(if field == "email" {
        is_email(&value)
    } else {
        telephone
    }) {
        return Err(Trouble::invalid(field));
    }
    if owner(desk, field, &value).is_some() {
        return Err(Trouble::duplicate(field));
    }
    let held = desk.users[place]
        .emails
        .len()
        .max(desk.users[place].phones.len());
    if held >= MAX_EACH {
        return Err(Trouble::full());
    }
    let id = desk.id();
    let entry = &mut desk.users[place];
    if field == "email" {
        entry.emails.push((id, value.clone()));
        return Ok(Answer::created(
            "identity_email",
            view::email(id, &value, user),
        ));
    }
    entry.phones.push((id, value.clone()));
    Ok(Answer::created(
        "identity_phone",
        view::phone(id, &value, user),
    ))
}

/// Every user and case that holds the words, by `resources`.
fn search(desk: &Desk, call: &Call) -> Result<Answer, Trouble> {
    let query = call
        .argument("query")
        .ok_or_else(|| Trouble::required("query"))?;
    let query = query.trim_matches(['"', ' ']).to_lowercase();
    let resources = call.argument("resources").unwrap_or("USERS,CASES");
    let holds = |text: &str| text.to_lowercase().contains(&query);
    let mut hits = Vec::new();
    let hit = |id: u64, title: &str, kind: &str, whole: Value| {
        let mut hit = json!({"id": id, "title": title, "snippet": title, "relevance": 1.0,
            "resource": kind});
        if call.argument("fields") == Some("*") {
            hit["data"] = whole;
        }
        hit
    };
    let view = View::new(desk, call);
    if resources.contains("USERS") {
        for user in &desk.users {
            let mut identities = user.emails.iter().chain(&user.phones);
            if holds(&user.full_name) || identities.any(|(_, text)| holds(text)) {
                hits.push(hit(user.id, &user.full_name, "user", view.user(user)));
            }
        }
    }
    if resources.contains("CASES") {
        for case in &desk.cases {
            let found = holds(&case.subject)
                || case.tags.iter().any(|tag| holds(tag))
                || case.posts.iter().any(|post| holds(&post.contents));
            if found {
                hits.push(hit(case.id, &case.subject, "case", view.case(case)));
            }
        }
    }
    hits.truncate(MAX_HITS);
    Ok(Answer::Many {
        resource: "search_result",
        data: hits,
    })
}

fn autocomplete(desk: &Desk, call: &Call) -> Result<Answer, Trouble> {
    let wanted = call
        .argument("address")
        .ok_or_else(|| Trouble::required("address"))?;
    let wanted = wanted.to_lowercase();
    let mut found = Vec::new();
    for user in &desk.users {
        for (id, address) in &user.emails {
            if address.to_lowercase().starts_with(&wanted) {
                found.push(
                    json!({"identity": {"id": id, "resource_type": "identity_email"},
                    "parent": {"id": user.id, "resource_type": "user"}}),
                );
            }
        }
    }
    Ok(Answer::Many {
        resource: "autocomplete_email",
        data: found,
    })
}
