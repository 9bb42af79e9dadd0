//! The shape of every answer.

use std::hash::{DefaultHasher, Hasher};

use axum::Json;
use axum::http::header::{ETAG, IF_NONE_MATCH, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Call;

/// Entries of a page when the request does not say.
const LIMIT: usize = 10;
/// Entries of a page at most.
const MAX_LIMIT: usize = 100;
/// How long a locked account stays locked, in seconds.
const LOCKED: u16 = 600;

/// What is found or made.
#[derive(Debug)]
pub(super) enum Answer {
    /// One resource.
    One {
        status: StatusCode,
        resource: &'static str,
        data: Value,
    },
    /// All that there are; the envelope gives a page of them.
    Many {
        resource: &'static str,
        data: Vec<Value>,
    },
}

impl Answer {
    pub(super) fn one(resource: &'static str, data: Value) -> Self {
        Self::One {
            status: StatusCode::OK,
            resource,
            data,
        }
    }

    pub(super) fn created(resource: &'static str, data: Value) -> Self {
        Self::One {
            status: StatusCode::CREATED,
            resource,
            data,
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) parameter: Option<String>,
}

impl Trouble {
    pub(super) fn new(status: StatusCode, code: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            parameter: None,
        }
    }

    fn field(code: &str, name: &str) -> Self {
        Self {
            parameter: Some(name.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, code)
        }
    }

    pub(super) fn required(name: &str) -> Self {
        Self::field("FIELD_REQUIRED", name)
    }

    pub(super) fn invalid(name: &str) -> Self {
        Self::field("FIELD_INVALID", name)
    }

    pub(super) fn duplicate(name: &str) -> Self {
        Self::field("FIELD_DUPLICATE", name)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "RESOURCE_NOT_FOUND")
    }

    pub(super) fn full() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT_REACHED")
    }

    pub(super) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_SUPPORTED")
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let message = match self.code.as_str() {
            "FIELD_REQUIRED" => "This action requires the field to be specified",
            "FIELD_INVALID" => "The value of the field is not valid",
            "FIELD_DUPLICATE" => "The value of the field is already in use",
            "AUTHENTICATION_FAILED" => "Used authentication credentials are invalid",
            "SESSION_LOADING_FAILED" => "The session could not be loaded",
            "METHOD_NOT_SUPPORTED" => "The method is not supported",
            "RESOURCE_NOT_FOUND" => "The resource does not exist",
            _ => "The request could not be served",
        };
        let mut error = json!({"code": self.code, "message": message,
            "more_info": format!("https://developer.kayako.com/api/v1/reference/errors/{}", self.code)});
        if let Some(name) = self.parameter {
            error["parameter"] = json!(name);
        }
        let body = json!({"status": self.status.as_u16(), "errors": [error]});
        let mut response = (self.status, Json(body)).into_response();
        if self.code == "AUTHENTICATION_LOCKED" {
            let seconds = HeaderValue::from(LOCKED);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

/// An error answer; `code` in place of the usual one.
pub(in crate::sandbox) fn error(status: StatusCode, code: Option<&str>) -> Response {
    let usual = match status.as_u16() {
        401 => "AUTHENTICATION_FAILED",
        404 => "RESOURCE_NOT_FOUND",
        429 => "RATE_LIMIT_REACHED",
        454 => "SESSION_LOADING_FAILED",
        _ => "INTERNAL_SERVER_ERROR",
    };
    Trouble::new(status, code.unwrap_or(usual)).into_response()
}

/// Puts an answer in its envelope.
pub(super) fn response(
    call: Option<&Call>,
    headers: &HeaderMap,
    answer: Result<Answer, Trouble>,
    session: Option<String>,
) -> Response {
    let (call, answer) = match (call, answer) {
        (Some(call), Ok(answer)) => (call, answer),
        (_, Err(trouble)) => return trouble.into_response(),
        (None, Ok(_)) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    let (status, mut body, next) = match answer {
        Answer::One {
            status,
            resource,
            data,
        } => (
            status,
            json!({"status": status.as_u16(), "data": data, "resource": resource}),
            None,
        ),
        Answer::Many { resource, data } => match page(call, resource, data) {
            Ok((body, next)) => (StatusCode::OK, body, next),
            Err(trouble) => return trouble.into_response(),
        },
    };
    let tag = etag(&body);
    let unchanged = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    if unchanged && status == StatusCode::OK {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    if let Some(session) = session {
        body["session_id"] = json!(session);
    }
    let mut response = (status, [(ETAG, tag)], Json(body)).into_response();
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
        response.headers_mut().insert("x-next-url", next);
    }
    response
}

fn etag(body: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body.to_string().as_bytes());
    format!("\"{:016x}\"", hasher.finish())
}

type Page = (Value, Option<String>);

fn page(call: &Call, resource: &str, data: Vec<Value>) -> Result<Page, Trouble> {
    let number = |name: &str, usual: usize| match call.argument(name) {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| Trouble::invalid(name)),
    };
    let offset: usize = number("offset", 0)?;
    let limit: usize = number("limit", LIMIT)?;
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Trouble::invalid("limit"));
    }
    let total = data.len();
    let link = |offset: usize| {
        let other = call.query.iter();
        let other = other.filter(|(name, _)| name != "offset" && name != "limit");
        let mut query: String = other
            .map(|(name, value)| format!("{name}={}&", quoted(value)))
            .collect();
        query.push_str(&format!("offset={offset}&limit={limit}"));
        format!("{}/{}.json?{query}", call.base, call.path)
    };
    let next = (offset + limit < total).then(|| link(offset + limit));
    let data: Vec<Value> = data.into_iter().skip(offset).take(limit).collect();
    let mut body = json!({"status": 200, "data": data, "resource": resource, "offset": offset,
        "limit": limit, "total_count": total});
    if let Some(next) = &next {
        body["next_url"] = json!(next);
        body["last_url"] = json!(link((total - 1) / limit * limit));
    }
    Ok((body, next))
}

/// Percent-encoding for a query value (RFC 3986 §2.1).
fn quoted(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
