//! A Kayako in this process: as strict as the real one where it matters, with faults on demand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub const EMAIL: &str = "agent@example.org";
pub const PASSWORD: &str = "correct horse";

/// What happens to a request instead of, or after, its being done.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with this and does nothing.
    Status(u16, &'static str),
    /// The same with `Retry-After`.
    StatusAfter(u16, &'static str, u64),
    /// Does it, and answers 500.
    DoneBut500,
    /// Does it, and never answers.
    DoneButSilent,
    /// Never answers.
    Silent,
    /// Does it this much later.
    Slow(Duration),
    /// Answers with a web page.
    Page,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub has_basic: bool,
    pub session: Option<String>,
    pub agent: String,
}

#[derive(Debug)]
pub struct World {
    pub users: Vec<Value>,
    pub cases: Vec<Value>,
    pub articles: Vec<Value>,
    pub seen: Vec<Seen>,
    /// Faults for requests whose method and path begin so, each used once.
    pub plan: VecDeque<(&'static str, Fault)>,
    /// Everything fails so, while set.
    pub down: Option<Fault>,
    pub sessions: Vec<String>,
    /// The list of cases ignores its arguments.
    pub ignores_arguments: bool,
    /// Cases keep no tags.
    pub keeps_no_tags: bool,
    /// Searches find nothing (an index that lags).
    pub index_lags: bool,
    pub takes_no_phones: bool,
    pub gives_etags: bool,
    pub total_is_wrong: bool,
    pub statuses: Vec<Value>,
    pub running: usize,
    pub running_max: usize,
    next_id: u64,
}

impl World {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub fn add_user(&mut self, name: &str, email: Option<&str>, phone: Option<&str>) -> u64 {
        let id = self.id();
        let emails: Vec<Value> = email
            .map(|email| json!({"id": id, "email": email, "resource_type": "identity_email"}))
            .into_iter()
            .collect();
        let phones: Vec<Value> = phone
            .map(|number| json!({"id": id, "number": number, "resource_type": "identity_phone"}))
            .into_iter()
            .collect();
        self.users.push(json!({
            "id": id, "full_name": name, "emails": emails, "phones": phones, "resource_type": "user",
        }));
        id
    }

    /// Cases of a call, by its tag or its id in the text.
    pub fn cases_of(&self, call_id: &str) -> Vec<Value> {
        let is_of = |case: &&Value| case.to_string().contains(call_id);
        self.cases.iter().filter(is_of).cloned().collect()
    }

    pub fn count(&self, method: &str, path: &str) -> usize {
        let is_so = |seen: &&Seen| seen.method.as_str() == method && seen.path.starts_with(path);
        self.seen.iter().filter(is_so).count()
    }
}

/// A running server.
pub struct Fake {
    pub world: Arc<Mutex<World>>,
    pub address: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    pub async fn start() -> Self {
        let world = Arc::new(Mutex::new(World {
            users: Vec::new(),
            cases: Vec::new(),
            articles: Vec::new(),
            seen: Vec::new(),
            plan: VecDeque::new(),
            down: None,
            sessions: Vec::new(),
            ignores_arguments: false,
            keeps_no_tags: false,
            index_lags: false,
            takes_no_phones: false,
            gives_etags: false,
            total_is_wrong: false,
            statuses: vec![
                json!({"id": 1, "label": "New", "type": "NEW"}),
                json!({"id": 2, "label": "Waiting for us", "type": "OPEN"}),
            ],
            running: 0,
            running_max: 0,
            next_id: 100,
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(serve).with_state(Arc::clone(&world));
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        Self {
            world,
            address,
            task,
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn fail(&self, request: &'static str, fault: Fault) {
        self.world().plan.push_back((request, fault));
    }
}

async fn serve(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_start_matches("/api/v1/").to_owned();
    let seen = Seen {
        method: method.clone(),
        path: path.clone(),
        query: parse_query(uri.query().unwrap_or_default()),
        has_basic: headers.contains_key(header::AUTHORIZATION),
        session: text(&headers, "x-session-id"),
        agent: text(&headers, "user-agent").unwrap_or_default(),
    };
    let fault = {
        let mut world = world.lock().unwrap();
        world.seen.push(seen.clone());
        world.running += 1;
        world.running_max = world.running_max.max(world.running);
        let request = format!("{method} {path}");
        match world
            .plan
            .iter()
            .position(|(wanted, _)| request.starts_with(wanted))
        {
            Some(place) => world.plan.remove(place).map(|(_, fault)| fault),
            None => world.down.clone(),
        }
    };
    let answer = react(&world, fault, &seen, &headers, &body).await;
    world.lock().unwrap().running -= 1;
    answer
}

async fn react(
    world: &Mutex<World>,
    fault: Option<Fault>,
    seen: &Seen,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    let act = || handle(&mut world.lock().unwrap(), seen, headers, body);
    match fault {
        None => act(),
        Some(Fault::Status(status, code)) => error(status, code, "", None),
        Some(Fault::StatusAfter(status, code, after)) => error(status, code, "", Some(after)),
        Some(Fault::DoneBut500) => {
            drop(act());
            error(500, "", "", None)
        }
        Some(Fault::DoneButSilent) => {
            drop(act());
            std::future::pending().await
        }
        Some(Fault::Silent) => std::future::pending().await,
        Some(Fault::Slow(time)) => {
            tokio::time::sleep(time).await;
            act()
        }
        Some(Fault::Page) => "<html>We are back soon</html>".into_response(),
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://localhost/?{query}")).unwrap();
    url.query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn error(status: u16, code: &str, parameter: &str, after: Option<u64>) -> Response {
    let body = json!({"status": status, "errors": [
        {"code": code, "parameter": parameter, "message": "words of the fake", "more_info": "https://example.org"}
    ]});
    let mut answer = (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response();
    if let Some(after) = after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, after.into());
    }
    answer
}

fn list(items: Vec<Value>) -> Response {
    let total = items.len();
    json!({"status": 200, "data": items, "resource": "thing", "offset": 0, "limit": 10, "total_count": total})
        .to_string()
        .into_response()
}

fn one(status: u16, item: &Value) -> Response {
    let body = json!({"status": status, "data": item, "resource": "thing"});
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

fn handle(world: &mut World, seen: &Seen, headers: &HeaderMap, body: &Bytes) -> Response {
    if text(headers, "accept").is_none_or(|accept| !accept.contains("application/json")) {
        return error(406, "NOT_ACCEPTABLE", "", None);
    }
    match (&seen.session, seen.has_basic) {
        (Some(_), true) => return error(454, "SESSION_LOADING_FAILED", "", None),
        (Some(session), false) if !world.sessions.contains(session) => {
            return error(454, "SESSION_LOADING_FAILED", "", None);
        }
        (Some(_), false) => {}
        (None, true) => return sign_in(world, headers),
        (None, false) => return error(401, "AUTHENTICATION_FAILED", "", None),
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let path = seen.path.trim_end_matches(".json");
    let parts: Vec<&str> = path.split('/').collect();
    match (seen.method.as_str(), parts.as_slice()) {
        ("GET", ["me"]) => one(
            200,
            &json!({"id": 1, "full_name": "Agent", "role": {"id": 2, "type": "AGENT"}}),
        ),
        ("GET", ["roles"]) => list(vec![
            json!({"id": 1, "type": "ADMIN"}),
            json!({"id": 4, "type": "CUSTOMER"}),
        ]),
        ("GET", ["cases", "statuses"]) => list(world.statuses.clone()),
        ("GET", ["teams"]) => list(vec![json!({"id": 31, "title": "Support"})]),
        ("GET", ["cases"]) => list_cases(world, seen),
        ("POST", ["cases"]) => create_case(world, body),
        ("GET", ["cases", id]) => find(&world.cases, id),
        ("GET", ["cases", id, "posts"]) => list(
            world
                .cases
                .iter()
                .filter(|case| id_of(case) == *id)
                .cloned()
                .collect(),
        ),
        ("POST", ["users"]) => create_user(world, &body),
        ("GET", ["users", id]) => find(&world.users, id),
        ("POST", ["identities", "phones"]) => add_phone(world, &body),
        ("GET", ["search"]) => search(world, seen),
        ("GET", ["autocomplete", "emails"]) => autocomplete(world, seen),
        ("GET", ["articles"]) => articles(world, seen, headers),
        _ => error(404, "RESOURCE_NOT_FOUND", "", None),
    }
}

fn sign_in(world: &mut World, headers: &HeaderMap) -> Response {
    let given = text(headers, "authorization").unwrap_or_default();
    // base64 of EMAIL:PASSWORD
    if given != "Basic YWdlbnRAZXhhbXBsZS5vcmc6Y29ycmVjdCBob3JzZQ==" {
        return error(401, "AUTHENTICATION_FAILED", "", None);
    }
    let session = format!("session-{}", world.id());
    world.sessions.push(session.clone());
    json!({"status": 200, "data": {"id": 1, "resource_type": "user"}, "resource": "user", "session_id": session})
        .to_string()
        .into_response()
}

fn id_of(item: &Value) -> String {
    item["id"].to_string()
}

fn find(items: &[Value], id: &str) -> Response {
    match items.iter().find(|item| id_of(item) == id) {
        Some(item) => one(200, item),
        None => error(404, "RESOURCE_NOT_FOUND", "", None),
    }
}

fn list_cases(world: &World, seen: &Seen) -> Response {
    let wanted = seen.query.get("tags").cloned().unwrap_or_default();
    let with_tags = seen
        .query
        .get("fields")
        .is_some_and(|fields| fields == "+tags");
    let bears = |case: &&Value| {
        let tags = case["tags"].as_array().unwrap();
        world.ignores_arguments || tags.iter().any(|tag| tag["name"] == wanted.as_str())
    };
    let mut cases: Vec<Value> = world.cases.iter().filter(bears).cloned().collect();
    for case in &mut cases {
        if !with_tags {
            case.as_object_mut().unwrap().remove("tags");
        }
    }
    list(cases)
}

fn create_case(world: &mut World, body: Value) -> Response {
    for field in ["subject", "contents", "channel", "requester_id"] {
        if body[field].is_null() {
            return error(400, "FIELD_REQUIRED", field, None);
        }
    }
    if body["channel"] != "NOTE" || !body["tags"].is_string() || !body["requester_id"].is_u64() {
        return error(400, "FIELD_INVALID", "channel", None);
    }
    if !world
        .users
        .iter()
        .any(|user| user["id"] == body["requester_id"])
    {
        return error(400, "FIELD_INVALID", "requester_id", None);
    }
    let status = &body["status_id"];
    if !status.is_null() && !world.statuses.iter().any(|known| known["id"] == *status) {
        return error(400, "FIELD_INVALID", "status_id", None);
    }
    let mut case = body.clone();
    case["id"] = json!(world.id());
    let names = body["tags"].as_str().unwrap().split(',').map(str::to_owned);
    let tags: Vec<Value> = names
        .map(|name| json!({"id": 1, "name": name, "resource_type": "tag"}))
        .collect();
    case["tags"] = if world.keeps_no_tags {
        json!([])
    } else {
        json!(tags)
    };
    world.cases.push(case.clone());
    one(201, &case)
}

fn create_user(world: &mut World, body: &Value) -> Response {
    let name = body["full_name"].as_str().unwrap_or_default();
    if name.is_empty() || body["role_id"] != 4 {
        return error(400, "FIELD_REQUIRED", "full_name", None);
    }
    let email = body["email"].as_str();
    let is_taken = |user: &Value| {
        user["emails"]
            .as_array()
            .unwrap()
            .iter()
            .any(|identity| identity["email"].as_str() == email)
    };
    if email.is_some() && world.users.iter().any(is_taken) {
        return error(400, "FIELD_DUPLICATE", "email", None);
    }
    let id = world.add_user(name, email, None);
    one(201, &json!({"id": id, "resource_type": "user"}))
}

fn add_phone(world: &mut World, body: &Value) -> Response {
    if world.takes_no_phones {
        return error(400, "FIELD_INVALID", "number", None);
    }
    let number = body["number"].clone();
    let Some(user) = world
        .users
        .iter_mut()
        .find(|user| user["id"] == body["user_id"])
    else {
        return error(400, "FIELD_INVALID", "user_id", None);
    };
    user["phones"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": 9, "number": number}));
    one(201, &json!({"id": 9}))
}

/// Like a full-text search: hits that contain the words, behind one that does not.
fn search(world: &World, seen: &Seen) -> Response {
    if world.index_lags {
        return list(Vec::new());
    }
    let wanted = seen.query.get("query").cloned().unwrap_or_default();
    let items = match seen.query.get("resources").map(String::as_str) {
        Some("USERS") => &world.users,
        Some("CASES") => &world.cases,
        _ => return error(400, "FIELD_INVALID", "resources", None),
    };
    let (hits, others): (Vec<&Value>, Vec<&Value>) = items.iter().partition(|item| {
        item.to_string()
            .replace(' ', "")
            .contains(&wanted.replace(' ', ""))
    });
    let found = others.into_iter().take(1).chain(hits).take(30);
    list(
        found
            .map(|item| json!({"id": item["id"], "title": "", "snippet": ""}))
            .collect(),
    )
}

fn autocomplete(world: &World, seen: &Seen) -> Response {
    let wanted = seen.query.get("address").cloned().unwrap_or_default();
    let begins = |user: &&Value| {
        user["emails"].as_array().unwrap().iter().any(|identity| {
            identity["email"]
                .as_str()
                .is_some_and(|email| email.contains(&wanted))
        })
    };
    let found = world.users.iter().filter(begins);
    list(found.map(|user| json!({"identity": {"id": 1, "resource_type": "identity_email"}, "parent": {"id": user["id"], "resource_type": "user"}})).collect())
}

fn articles(world: &World, seen: &Seen, headers: &HeaderMap) -> Response {
    let number = |name: &str, or: usize| {
        seen.query
            .get(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(or)
    };
    let (offset, limit) = (number("offset", 0), number("limit", 10).min(100));
    let mut page: Vec<Value> = world
        .articles
        .iter()
        .skip(offset)
        .take(limit)
        .cloned()
        .collect();
    let include = seen.query.get("include").cloned().unwrap_or_default();
    for article in &mut page {
        if !include.contains("section") {
            article["section"] = json!({"id": 1, "resource_type": "section"});
        }
        if !include.contains("locale_field") {
            article["titles"] = json!([{"id": 1, "resource_type": "locale_field"}]);
            article["contents"] = json!([{"id": 2, "resource_type": "locale_field"}]);
        }
    }
    let total = world.articles.len() + usize::from(world.total_is_wrong);
    let body = json!({"status": 200, "data": page, "resource": "article", "offset": offset, "limit": limit, "total_count": total}).to_string();
    let etag = format!("\"{:x}-{}\"", fingerprint(&body), body.len());
    if world.gives_etags && text(headers, "if-none-match").as_deref() == Some(&etag) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut answer = body.into_response();
    if world.gives_etags {
        answer
            .headers_mut()
            .insert(header::ETAG, etag.parse().unwrap());
    }
    answer
}

fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// An article as the real one gives it.
pub fn article(id: u64, title: &str, html: &str) -> Value {
    json!({
        "id": id, "uuid": format!("u-{id}"), "status": "PUBLISHED",
        "titles": [{"id": 1, "locale": "en-us", "translation": title, "resource_type": "locale_field"}],
        "contents": [{"id": 2, "locale": "en-us", "translation": html, "resource_type": "locale_field"}],
        "keywords": "", "section": {"id": 3, "visibility": "PUBLIC", "resource_type": "section"},
        "helpcenter_url": format!("https://example.org/article/{id}"), "resource_type": "article",
    })
}
