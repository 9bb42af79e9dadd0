//! `/cases`.

use axum::http::Method;
use serde_json::{Value, json};

use super::envelope::{Answer, Trouble};
use super::view::{self, Labels, PRIORITIES, STATUSES, TEAMS, TYPES, View};
use super::{Call, Case, Desk, MAX_CASES, MAX_EACH, Mail, Post};

const CHANNELS: [&str; 4] = ["MAIL", "TWITTER", "FACEBOOK", "NOTE"];
/// Characters of a subject.
const MAX_SUBJECT: usize = 255;

/// Everything below `/cases`.
pub(super) fn route(desk: &mut Desk, call: &Call, rest: &[&str]) -> Result<Answer, Trouble> {
    let get = call.method == Method::GET;
    let post = call.method == Method::POST;
    match rest {
        [] if get => Ok(list(desk, call)),
        [] if post => create(desk, call),
        ["statuses"] if get => Ok(labels(desk, call, "case_status", STATUSES)),
        ["priorities"] if get => Ok(labels(desk, call, "case_priority", PRIORITIES)),
        ["types"] if get => Ok(labels(desk, call, "case_type", TYPES)),
        ["channels"] if get => Ok(channels()),
        [id] => {
            let id = number(id)?;
            desk.case(id)?;
            if call.method == Method::PUT {
                change(desk, call, id)?;
            } else if !get {
                return Err(Trouble::method());
            }
            Ok(Answer::one("case", show(desk, call, id)?))
        }
        [id, "reply"] if post => reply(desk, call, number(id)?),
        [_, "reply", "channels"] if get => Ok(channels()),
        [id, "tags"] if post => tag(desk, call, number(id)?),
        [id, "posts"] if get => posts(desk, call, number(id)?),
        [] | [_, "reply" | "tags" | "posts"] => Err(Trouble::method()),
        _ => Err(Trouble::not_found()),
    }
}

fn number(text: &str) -> Result<u64, Trouble> {
    text.parse().map_err(|_| Trouble::not_found())
}

/// A list of labels as resources.
pub(super) fn labels(desk: &Desk, call: &Call, kind: &'static str, list: Labels) -> Answer {
    let view = View::new(desk, call);
    Answer::Many {
        resource: kind,
        data: list
            .iter()
            .map(|(id, ..)| view.label(kind, list, *id))
            .collect(),
    }
}

fn channels() -> Answer {
    Answer::Many {
        resource: "channel",
        data: vec![
            json!({"type": "MAIL", "account": {"id": 1, "resource_type": "mailbox"}, "resource_type": "channel"}),
            json!({"type": "NOTE", "account": null, "resource_type": "channel"}),
        ],
    }
}

fn show(desk: &mut Desk, call: &Call, id: u64) -> Result<Value, Trouble> {
    let case = desk.case(id)?.clone();
    Ok(View::new(desk, call).case(&case))
}

fn list(desk: &Desk, call: &Call) -> Answer {
    let words = |name: &str| -> Option<Vec<String>> {
        let text = call.argument(name)?;
        Some(text.split(',').map(|word| word.trim().to_owned()).collect())
    };
    let statuses = words("status");
    let tags = words("tags");
    let identity = call
        .argument("identity_type")
        .zip(call.argument("identity_value"));
    let mut cases: Vec<&Case> = desk
        .cases
        .iter()
        .filter(|case| {
            let status = STATUSES.iter().find(|(id, ..)| *id == case.status);
            let class = status.map_or("", |(_, _, class)| class);
            statuses
                .as_ref()
                .is_none_or(|wanted| wanted.iter().any(|each| each == class))
                && tags
                    .as_ref()
                    .is_none_or(|wanted| wanted.iter().any(|each| case.tags.contains(each)))
                && identity.is_none_or(|(kind, value)| belongs(desk, case.requester, kind, value))
        })
        .collect();
    cases.sort_by_key(|case| std::cmp::Reverse(case.change));
    let view = View::new(desk, call);
    Answer::Many {
        resource: "case",
        data: cases.into_iter().map(|case| view.case(case)).collect(),
    }
}

/// True when the user has this identity.
fn belongs(desk: &Desk, user: u64, kind: &str, value: &str) -> bool {
    let Some(user) = desk.user(user) else {
        return false;
    };
    let list = match kind {
        "EMAIL" => &user.emails,
        "PHONE" => &user.phones,
        _ => return false,
    };
    list.iter()
        .any(|(_, each)| each.eq_ignore_ascii_case(value))
}

fn valid(name: &str, list: Labels, id: Option<u64>) -> Result<Option<u64>, Trouble> {
    match id {
        Some(id) if !list.iter().any(|(each, ..)| *each == id) => Err(Trouble::invalid(name)),
        _ => Ok(id),
    }
}

/// The channel of a new case or reply; all but notes name an account.
fn channel(call: &Call) -> Result<String, Trouble> {
    let channel = call.required("channel")?;
    if !CHANNELS.contains(&channel.as_str()) {
        return Err(Trouble::invalid("channel"));
    }
    if channel != "NOTE" && call.number("channel_id")?.is_none() {
        return Err(Trouble::required("channel_id"));
    }
    Ok(channel)
}

fn create(desk: &mut Desk, call: &Call) -> Result<Answer, Trouble> {
    let subject = call.required("subject")?;
    let contents = call.required("contents")?;
    let channel = channel(call)?;
    let requester = call.number("requester_id")?;
    let requester = requester.ok_or_else(|| Trouble::required("requester_id"))?;
    if desk.user(requester).is_none() {
        return Err(Trouble::invalid("requester_id"));
    }
    if subject.chars().count() > MAX_SUBJECT {
        return Err(Trouble::invalid("subject"));
    }
    let status = valid("status_id", STATUSES, call.number("status_id")?)?;
    let priority = valid("priority_id", PRIORITIES, call.number("priority_id")?)?;
    let kind = valid("type_id", TYPES, call.number("type_id")?)?;
    let team = valid("assigned_team_id", TEAMS, call.number("assigned_team_id")?)?;
    let agent = agent(desk, call)?;
    let tags = call.tags()?.unwrap_or_default();
    if desk.cases.len() >= MAX_CASES {
        return Err(Trouble::full());
    }
    let id = desk.id();
    let post = note(desk, call, id, &channel, requester, contents);
    desk.cases.push(Case {
        id,
        subject,
        requester,
        creator: call.agent.unwrap_or_default(),
        channel,
        status: status.unwrap_or(1),
        priority,
        kind,
        team,
        agent,
        tags,
        created: post.created.clone(),
        updated: post.created.clone(),
        change: post.id,
        posts: vec![post],
    });
    Ok(Answer::created("case", show(desk, call, id)?))
}

fn agent(desk: &Desk, call: &Call) -> Result<Option<u64>, Trouble> {
    let agent = call.number("assigned_agent_id")?;
    match agent {
        Some(id) if desk.user(id).is_none() => Err(Trouble::invalid("assigned_agent_id")),
        _ => Ok(agent),
    }
}

/// Makes a post; one on the mail channel is sent to the requester.
fn note(
    desk: &mut Desk,
    call: &Call,
    case: u64,
    channel: &str,
    requester: u64,
    contents: String,
) -> Post {
    if channel == "MAIL" {
        let to = desk.user(requester).map(|user| user.emails.clone());
        let to = to.unwrap_or_default().into_iter();
        desk.mails.push(Mail {
            case,
            to: to.map(|(_, address)| address).collect(),
        });
    }
    Post {
        id: desk.id(),
        channel: channel.to_owned(),
        contents,
        creator: call.agent.unwrap_or_default(),
        created: view::now(),
    }
}

/// PUT: tells the customer nothing; `tags` replaces the list.
fn change(desk: &mut Desk, call: &Call, id: u64) -> Result<(), Trouble> {
    let status = valid("status_id", STATUSES, call.number("status_id")?)?;
    let priority = valid("priority_id", PRIORITIES, call.number("priority_id")?)?;
    let kind = valid("type_id", TYPES, call.number("type_id")?)?;
    let team = valid("assigned_team_id", TEAMS, call.number("assigned_team_id")?)?;
    let agent = agent(desk, call)?;
    let requester = call.number("requester_id")?;
    if requester.is_some_and(|id| desk.user(id).is_none()) {
        return Err(Trouble::invalid("requester_id"));
    }
    let subject = call.fields.get("subject").and_then(|value| value.as_str());
    let tags = call.tags()?;
    let change = desk.id();
    let case = desk.case(id)?;
    case.status = status.unwrap_or(case.status);
    case.priority = priority.or(case.priority);
    case.kind = kind.or(case.kind);
    case.team = team.or(case.team);
    case.agent = agent.or(case.agent);
    case.requester = requester.unwrap_or(case.requester);
    if let Some(subject) = subject {
        case.subject = subject.to_owned();
    }
    if let Some(tags) = tags {
        case.tags = tags;
    }
    case.updated = view::now();
    case.change = change;
    Ok(())
}

fn reply(desk: &mut Desk, call: &Call, id: u64) -> Result<Answer, Trouble> {
    let contents = call.required("contents")?;
    let channel = channel(call)?;
    let case = desk.case(id)?;
    let requester = case.requester;
    if case.posts.len() >= MAX_EACH {
        return Err(Trouble::full());
    }
    change(desk, call, id)?;
    let post = note(desk, call, id, &channel, requester, contents);
    let case = desk.case(id)?;
    case.posts.push(post.clone());
    Ok(Answer::created("post", View::new(desk, call).post(&post)))
}

/// Adds tags to those that are there.
fn tag(desk: &mut Desk, call: &Call, id: u64) -> Result<Answer, Trouble> {
    let tags = call.tags()?.ok_or_else(|| Trouble::required("tags"))?;
    let case = desk.case(id)?;
    for tag in tags {
        if !case.tags.contains(&tag) {
            case.tags.push(tag);
        }
    }
    Ok(Answer::one("case", show(desk, call, id)?))
}

/// Newest first.
fn posts(desk: &mut Desk, call: &Call, id: u64) -> Result<Answer, Trouble> {
    let posts = desk.case(id)?.posts.clone();
    let view = View::new(desk, call);
    Ok(Answer::Many {
        resource: "post",
        data: posts.iter().rev().map(|post| view.post(post)).collect(),
    })
}
