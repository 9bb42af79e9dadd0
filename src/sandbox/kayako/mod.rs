//! The stand-in for Kayako (`/api/v1`): what a helpdesk adapter needs of it, as strict as the real one.

mod articles;
mod cases;
mod envelope;
pub(super) mod seed;
mod session;
mod users;
mod view;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::any;
use serde_json::{Map, Value, json};

use self::envelope::{Answer, Trouble};
use self::seed::Article;
use super::World;

pub(super) use self::envelope::error;

/// Cases held; a further one is refused with 429.
const MAX_CASES: usize = 10_000;
/// Posts of one case, and identities of one kind of one user; a further one is refused with 429.
const MAX_EACH: usize = 1_000;
/// Users held; a further one is refused with 429.
const MAX_USERS: usize = 10_000;

pub(super) fn routes() -> Router<World> {
    Router::new().route("/api/v1/{*path}", any(serve))
}

/// A person, or the service account.
#[derive(Clone, Debug)]
struct User {
    id: u64,
    full_name: String,
    role: u64,
    /// (identity id, address).
    emails: Vec<(u64, String)>,
    /// (identity id, number).
    phones: Vec<(u64, String)>,
    created: String,
}

/// A message or note of a case.
#[derive(Clone, Debug)]
struct Post {
    id: u64,
    channel: String,
    contents: String,
    creator: u64,
    created: String,
}

/// A case, which its users call a conversation or ticket.
#[derive(Clone, Debug)]
struct Case {
    id: u64,
    subject: String,
    requester: u64,
    creator: u64,
    channel: String,
    status: u64,
    priority: Option<u64>,
    kind: Option<u64>,
    team: Option<u64>,
    agent: Option<u64>,
    tags: Vec<String>,
    posts: Vec<Post>,
    created: String,
    updated: String,
    /// Orders cases by their last change.
    change: u64,
}

/// A message that left the helpdesk by e-mail. A telephone assistant must never cause one.
#[derive(Clone, Debug)]
struct Mail {
    case: u64,
    to: Vec<String>,
}

/// The helpdesk's memory.
pub(super) struct Desk {
    users: Vec<User>,
    cases: Vec<Case>,
    mails: Vec<Mail>,
    articles: Vec<Article>,
    sessions: session::Sessions,
    next: u64,
}

impl Desk {
    pub(super) fn new(articles: &[Article]) -> Self {
        let service = User {
            id: 1,
            full_name: "Service Account".to_owned(),
            role: view::AGENT,
            emails: vec![(1, "assistant@helpdesk.example".to_owned())],
            phones: Vec::new(),
            created: view::now(),
        };
        Self {
            users: vec![service],
            cases: Vec::new(),
            mails: Vec::new(),
            articles: articles.to_vec(),
            sessions: session::Sessions::default(),
            next: 100,
        }
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn user(&self, id: u64) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    fn case(&mut self, id: u64) -> Result<&mut Case, Trouble> {
        let found = self.cases.iter_mut().find(|case| case.id == id);
        found.ok_or_else(Trouble::not_found)
    }

    /// For `/state`.
    pub(super) fn json(&self) -> Value {
        let users: Vec<Value> = self.users.iter().map(|user| user.plain()).collect();
        let tickets: Vec<Value> = self.cases.iter().map(|case| case.plain(self)).collect();
        let mails = self.mails.iter();
        let mails: Vec<Value> = mails
            .map(|mail| json!({"case_id": mail.case, "to": mail.to}))
            .collect();
        json!({"users": users, "tickets": tickets, "emails_sent": mails})
    }
}

impl User {
    fn plain(&self) -> Value {
        let texts = |list: &[(u64, String)]| -> Vec<String> {
            list.iter().map(|(_, text)| text.clone()).collect()
        };
        json!({"id": self.id, "full_name": self.full_name, "role": view::role_name(self.role),
            "emails": texts(&self.emails), "phones": texts(&self.phones)})
    }
}

impl Case {
    fn plain(&self, desk: &Desk) -> Value {
        let posts = self.posts.iter();
        let posts: Vec<Value> = posts
            .map(|post| json!({"id": post.id, "channel": post.channel, "contents": post.contents}))
            .collect();
        json!({"id": self.id, "subject": self.subject, "contents": self.posts[0].contents,
            "channel": self.channel, "tags": self.tags,
            "requester": desk.user(self.requester).map(User::plain),
            "status": view::label(view::STATUSES, Some(self.status)),
            "priority": view::label(view::PRIORITIES, self.priority), "posts": posts})
    }
}

/// A request, taken apart.
struct Call {
    method: Method,
    /// The path below `/api/v1`, without `.json`.
    path: String,
    query: Vec<(String, String)>,
    fields: Map<String, Value>,
    /// Where the helpdesk is, for links.
    base: String,
    agent: Option<u64>,
}

impl Call {
    fn argument(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(each, _)| each == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A text field of the body that must be there.
    fn required(&self, name: &str) -> Result<String, Trouble> {
        match self.fields.get(name) {
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
            None | Some(Value::Null | Value::String(_)) => Err(Trouble::required(name)),
            Some(_) => Err(Trouble::invalid(name)),
        }
    }

    /// A number field of the body; forms send it as text.
    fn number(&self, name: &str) -> Result<Option<u64>, Trouble> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| Trouble::invalid(name)),
            Some(value) => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| Trouble::invalid(name)),
        }
    }

    /// `tags`: a list as one text.
    fn tags(&self) -> Result<Option<Vec<String>>, Trouble> {
        match self.fields.get("tags") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(
                text.split(',')
                    .map(|tag| tag.trim().to_owned())
                    .filter(|tag| !tag.is_empty())
                    .collect(),
            )),
            Some(_) => Err(Trouble::invalid("tags")),
        }
    }
}

async fn serve(State(world): State<World>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return error(StatusCode::BAD_REQUEST, None);
    };
    let mut desk = world.desk();
    let mut session = None;
    let call = call(&mut desk, &parts.method, &parts.uri, &parts.headers, &body);
    let (call, answer) = match call {
        Ok((call, opened)) => {
            session = opened;
            let answer = route(&mut desk, &call);
            (Some(call), answer)
        }
        Err(trouble) => (None, Err(trouble)),
    };
    drop(desk);
    envelope::response(call.as_ref(), &parts.headers, answer, session)
}

/// Takes a request apart and finds out who asks; also gives the session that was opened for him.
fn call(
    desk: &mut Desk,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(Call, Option<String>), Trouble> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let accept = text("accept").unwrap_or("*/*");
    if !["application/json", "*/*", "application/*"]
        .iter()
        .any(|kind| accept.contains(kind))
    {
        return Err(Trouble::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE"));
    }
    let (agent, opened) = session::authenticate(desk, headers)?;
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
    let path = uri
        .path()
        .trim_start_matches("/api/v1/")
        .trim_end_matches('/');
    let host = text("host").unwrap_or("localhost");
    let call = Call {
        method: method.clone(),
        path: path.strip_suffix(".json").unwrap_or(path).to_owned(),
        query: query.map(|query| query.0).unwrap_or_default(),
        fields: fields(text("content-type").unwrap_or_default(), body)?,
        base: format!("http://{host}/api/v1"),
        agent,
    };
    Ok((call, opened))
}

/// The body's fields, from JSON or a form.
fn fields(kind: &str, body: &Bytes) -> Result<Map<String, Value>, Trouble> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let bad = || Trouble::new(StatusCode::BAD_REQUEST, "BAD_REQUEST");
    if kind.starts_with("application/json") {
        return serde_json::from_slice(body).map_err(|_| bad());
    }
    if kind.starts_with("application/x-www-form-urlencoded") {
        let text = std::str::from_utf8(body).map_err(|_| bad())?;
        let uri: Uri = format!("/?{text}").parse().map_err(|_| bad())?;
        let form = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
        let form = form.map_err(|_| bad())?.0;
        return Ok(form
            .into_iter()
            .map(|(name, value)| (name, Value::String(value)))
            .collect());
    }
    Err(Trouble::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
    ))
}

fn route(desk: &mut Desk, call: &Call) -> Result<Answer, Trouble> {
    let segments: Vec<&str> = call.path.split('/').collect();
    if call.agent.is_none() && !articles::is_public(&segments) {
        return Err(Trouble::new(
            StatusCode::UNAUTHORIZED,
            "AUTHENTICATION_FAILED",
        ));
    }
    match segments[0] {
        "cases" => cases::route(desk, call, &segments[1..]),
        "articles" | "helpcenter" | "locale" => articles::route(desk, call, &segments),
        _ => users::route(desk, call, &segments),
    }
}

#[cfg(test)]
mod tests;
