//! Requests in a session: signed in once with Basic, then by `X-Session-ID` alone.
//!
//! ```text
//!            no session --GET /me with Basic--> session --454--> no session (once per request)
//!                 \--401, 403, locked--> barred, for an hour or as long as the helpdesk says
//! ```

use std::time::{Duration, Instant};

use reqwest::header::{
    ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use super::fault::{BARRED, Fault, fault};
use super::wire::Envelope;
use crate::io::clock;

/// The largest answer that is read: a page of a hundred long articles is some megabytes.
const BODY_MAX: usize = 16 * 1024 * 1024;

/// The API of one Kayako.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    base: Url,
    email: String,
    password: SecretString,
    patience: Duration,
    access: Mutex<Access>,
}

/// How we stand with the helpdesk.
#[derive(Debug, Default)]
struct Access {
    session: Option<String>,
    barred: Option<(Instant, String)>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Request<'a> {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    known: Option<&'a str>,
}

/// A success, or "as it was" where an etag was given.
#[derive(Debug)]
pub(super) enum Reply {
    Unchanged,
    Success { envelope: Envelope, etag: String },
}

impl<'a> Request<'a> {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            body: None,
            known: None,
        }
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(path)
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn known(mut self, etag: Option<&'a str>) -> Self {
        self.known = etag.filter(|etag| !etag.is_empty());
        self
    }
}

impl Api {
    pub(super) fn new(
        client: Client,
        base: Url,
        email: String,
        password: SecretString,
        patience: Duration,
    ) -> Self {
        Self {
            client,
            base,
            email,
            password,
            patience,
            access: Mutex::new(Access::default()),
        }
    }

    /// Asks, and gives what stands around the data. For requests without an etag.
    pub(super) async fn ask(&self, request: Request<'_>) -> Result<Envelope, Fault> {
        match self.fetch(request).await? {
            Reply::Success { envelope, .. } => Ok(envelope),
            Reply::Unchanged => Err(Fault::Unclear {
                reason: "the helpdesk answered 304 to a question without a condition".to_owned(),
            }),
        }
    }

    /// Asks; signs in first where necessary, and once more when the session is gone.
    pub(super) async fn fetch(&self, request: Request<'_>) -> Result<Reply, Fault> {
        let session = self.session().await?;
        let first = self.send(&request, &session).await;
        // A session may also end with 401; a fresh one shows whether it is the credentials.
        if !matches!(first, Err(Fault::NoSession { .. } | Fault::Denied { .. })) {
            return first;
        }
        self.forget(&session).await;
        let session = self.session().await?;
        self.send(&request, &session).await
    }

    /// Forgets that we are barred.
    pub(super) async fn rearm(&self) {
        *self.access.lock().await = Access::default();
    }

    /// The session, signing in if there is none. Others who need it wait meanwhile.
    async fn session(&self) -> Result<String, Fault> {
        let mut access = self.access.lock().await;
        if let Some(session) = &access.session {
            return Ok(session.clone());
        }
        if let Some((until, reason)) = &access.barred {
            let left = until.saturating_duration_since(clock::now());
            if !left.is_zero() {
                return Err(Fault::Barred {
                    after: left,
                    reason: reason.clone(),
                });
            }
        }
        access.barred = None;
        match self.sign_in().await {
            Ok(session) => {
                access.session = Some(session.clone());
                Ok(session)
            }
            Err(fault) => {
                let fault = fault.at_sign_in();
                if let Fault::Barred { after, reason } = &fault {
                    access.barred = Some((clock::now() + *after, reason.clone()));
                }
                Err(fault)
            }
        }
    }

    async fn sign_in(&self) -> Result<String, Fault> {
        let request = Request::get("me.json");
        let builder = self
            .builder(&request)?
            .basic_auth(&self.email, Some(self.password.expose_secret()));
        match self.exchange(builder, &request).await? {
            Reply::Success { envelope, .. } => envelope.session_id.ok_or_else(|| Fault::Unclear {
                reason: "the helpdesk opened no session".to_owned(),
            }),
            Reply::Unchanged => Err(Fault::Unclear {
                reason: "the helpdesk opened no session".to_owned(),
            }),
        }
    }

    async fn forget(&self, session: &str) {
        let mut access = self.access.lock().await;
        // Somebody else may have signed in again meanwhile.
        if access.session.as_deref() == Some(session) {
            access.session = None;
        }
    }

    async fn send(&self, request: &Request<'_>, session: &str) -> Result<Reply, Fault> {
        let builder = self.builder(request)?.header("X-Session-ID", session);
        self.exchange(builder, request).await
    }

    fn builder(&self, request: &Request<'_>) -> Result<RequestBuilder, Fault> {
        let url = self
            .base
            .join(&request.path)
            .map_err(|error| Fault::Barred {
                after: BARRED,
                reason: format!("the helpdesk's address is unusable: {error}"),
            })?;
        let mut builder = self
            .client
            .request(request.method.clone(), url)
            .header(ACCEPT, "application/json")
            .timeout(self.patience);
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        if let Some(etag) = request.known {
            builder = builder.header(IF_NONE_MATCH, etag);
        }
        Ok(builder)
    }

    async fn exchange(
        &self,
        builder: RequestBuilder,
        request: &Request<'_>,
    ) -> Result<Reply, Fault> {
        let began = clock::now();
        let response = builder.send().await.map_err(|error| unreached(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = read(response).await?;
        let took = clock::now().duration_since(began).as_millis();
        log::debug!(
            "helpdesk: {} {} {status} in {took} ms",
            request.method,
            request.path
        );
        judge(status, &headers, &body)
    }
}

/// What an answer is.
fn judge(status: u16, headers: &HeaderMap, body: &[u8]) -> Result<Reply, Fault> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_xml = text(CONTENT_TYPE).is_some_and(|kind| kind.contains("xml"))
        || body.trim_ascii_start().starts_with(b"<?xml");
    if is_xml {
        return Err(classic());
    }
    let envelope: Option<Envelope> = serde_json::from_slice(body).ok();
    match (status, envelope) {
        (304, _) => Ok(Reply::Unchanged),
        (200..=299, Some(envelope)) => Ok(Reply::Success {
            envelope,
            etag: text(ETAG).unwrap_or_default().to_owned(),
        }),
        (200..=299, None) => Err(Fault::Unclear {
            reason: "the helpdesk answered with something other than JSON (a sign-in or maintenance page?)".to_owned(),
        }),
        (300..=399, _) => Err(Fault::Barred {
            after: BARRED,
            reason: format!(
                "the helpdesk's address leads elsewhere ({}): use that one",
                text(LOCATION).unwrap_or("no place named")
            ),
        }),
        (_, envelope) => Err(fault(status, text(RETRY_AFTER), envelope.as_ref())),
    }
}

/// Kayako Classic speaks XML and has other credentials.
pub(super) fn classic() -> Fault {
    Fault::Barred {
        after: BARRED,
        reason: "this is Kayako Classic, which is not supported: the address of a new Kayako is https://<name>.kayako.com".to_owned(),
    }
}

/// The body, up to the limit.
async fn read(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreached(&error))? {
        if body.len() + chunk.len() > BODY_MAX {
            return Err(Fault::Unclear {
                reason: "the helpdesk's answer is too long".to_owned(),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// No answer. Where no connection came about nothing was done; else it is unclear.
fn unreached(error: &reqwest::Error) -> Fault {
    if error.is_connect() {
        return Fault::Later {
            after: None,
            reason: format!("the helpdesk cannot be reached: {}", root(error)),
        };
    }
    let reason = if error.is_timeout() {
        "the helpdesk did not answer in time".to_owned()
    } else {
        format!("the connection to the helpdesk broke: {}", root(error))
    };
    Fault::Unclear { reason }
}

/// The innermost cause, without the address with its query.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::addr_eq(cause, error) {
        return "no cause is known".to_owned();
    }
    cause.to_string()
}
