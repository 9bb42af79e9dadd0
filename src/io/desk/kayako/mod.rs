//! Kayako, the new platform: cases, users and articles over `/api/v1`.
//!
//! A case is made with channel NOTE, which mails nobody. No id is believed before what it names was read
//! and found to be what was asked for: an argument that Kayako ignores must not attach a call to a stranger.

mod fault;
mod requester;
mod session;
mod ticket;
mod wire;

use std::time::Duration;

use reqwest::{Client, Url};
use secrecy::SecretString;
use tokio::sync::Mutex;

use super::{ArticlePage, DeskError, Fetched, Occasion};
use crate::ticket::saga::{Step, StepResult};
use fault::{BARRED, Fault};
use session::{Api, Reply, Request};
use ticket::LabelIds;

/// How to reach a Kayako and what its cases are to look like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://<name>.kayako.com`; plain HTTP only on this machine.
    pub address: String,
    /// The service agent's e-mail address.
    pub email: String,
    /// His password.
    pub password: SecretString,
    /// What new cases are given.
    pub labels: Labels,
    /// Language of the articles, as in `en-us`.
    pub locale: String,
    /// How long one request may take.
    pub patience: Duration,
    /// How long a case whose creation got no answer may take to be found.
    pub settle: Duration,
}

impl Settings {
    /// The usual settings for an address and its service agent.
    #[must_use]
    pub fn new(address: &str, email: &str, password: SecretString) -> Self {
        Self {
            address: address.to_owned(),
            email: email.to_owned(),
            password,
            labels: Labels::default(),
            locale: "en-us".to_owned(),
            patience: Duration::from_secs(30),
            settle: Duration::from_secs(30),
        }
    }
}

/// What new cases are given, by the labels (or types) that the agents see; `None` leaves it to Kayako.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Such as `Open`.
    pub status: Option<String>,
    /// Such as `High`.
    pub priority: Option<String>,
    /// Such as `Question`.
    pub kind: Option<String>,
    /// Such as `Support`.
    pub team: Option<String>,
    /// Further tags.
    pub tags: Vec<String>,
}

/// One Kayako. Its session is shared by all who use it.
#[derive(Debug)]
pub struct Kayako {
    api: Api,
    labels: Labels,
    locale: String,
    settle: Duration,
    /// The role of customers, once known.
    role: Mutex<Option<String>>,
    /// The ids of the labels, once known.
    label_ids: Mutex<Option<LabelIds>>,
}

impl Kayako {
    /// Nothing is sent yet. The client must not follow redirects.
    ///
    /// # Errors
    /// [`DeskError::Barred`] when the address is not that of a new Kayako, or would send the password in
    /// the clear.
    pub fn new(settings: Settings, client: Client) -> Result<Self, DeskError> {
        let base = base(&settings.address).map_err(Fault::into_error)?;
        Ok(Self {
            api: Api::new(
                client,
                base,
                settings.email,
                settings.password,
                settings.patience,
            ),
            labels: settings.labels,
            locale: settings.locale,
            settle: settings.settle,
            role: Mutex::new(None),
            label_ids: Mutex::new(None),
        })
    }

    pub(super) async fn perform(
        &self,
        step: &Step,
        occasion: Occasion<'_>,
    ) -> Result<StepResult, DeskError> {
        match step {
            Step::FindTicket { call_id } => self.find_ticket(call_id).await,
            Step::FindRequester { requester } => {
                self.find_requester(requester, occasion.call_id).await
            }
            Step::CreateRequester { requester } => self.create_requester(requester, occasion).await,
            Step::CreateTicket {
                requester_id,
                draft,
            } => self.create_ticket(requester_id, draft).await,
            Step::Done { ticket_id } => Ok(StepResult::Found(ticket_id.clone())),
            Step::DeadLetter { reason } => Ok(StepResult::Refused {
                reason: reason.clone(),
            }),
        }
    }

    pub(super) async fn articles(
        &self,
        offset: usize,
        limit: usize,
        known: Option<&str>,
    ) -> Result<Fetched, DeskError> {
        let request = Request::get("articles.json")
            .with("limit", limit.to_string())
            .with("offset", offset.to_string())
            .with("include", "locale_field,section")
            .known(
                known.and_then(|known| known.strip_prefix(self.locale.as_str())?.strip_prefix(' ')),
            );
        let (envelope, etag) = match self.api.fetch(request).await.map_err(Fault::into_error)? {
            Reply::Unchanged => return Ok(Fetched::Unchanged),
            Reply::Success { envelope, etag } => (envelope, etag),
        };
        let items: Vec<wire::ArticleItem> = envelope.items();
        let public = items
            .into_iter()
            .filter_map(|item| item.into_public(&self.locale));
        Ok(Fetched::Page(ArticlePage {
            articles: public.collect(),
            listed: envelope.data.as_array().map_or(0, Vec::len),
            total: envelope.total_count,
            // A page in another language is another page.
            etag: if etag.is_empty() {
                etag
            } else {
                format!("{} {etag}", self.locale)
            },
        }))
    }

    pub(super) async fn check(&self) -> Result<String, DeskError> {
        let request = Request::get("me.json").with("include", "role");
        let envelope = self.api.ask(request).await.map_err(Fault::into_error)?;
        let Some(user) = envelope.item::<wire::User>() else {
            return Err(DeskError::Retry {
                after: None,
                reason: "the helpdesk does not say as whom we are signed in".to_owned(),
            });
        };
        let role = user.role.map(|role| role.kind).unwrap_or_default();
        if role == "CUSTOMER" {
            return Err(DeskError::Barred {
                after: BARRED,
                reason: "this account is a customer's; use a service agent".to_owned(),
            });
        }
        Ok(format!(
            "signed in as {} ({})",
            user.full_name,
            role.to_lowercase()
        ))
    }

    pub(super) fn settle(&self) -> Duration {
        self.settle
    }

    pub(super) async fn rearm(&self) {
        self.api.rearm().await;
    }
}

/// The API's address from what the administrator gave.
fn base(address: &str) -> Result<Url, Fault> {
    let unusable = |why: &str| Fault::Barred {
        after: BARRED,
        reason: format!(
            "the helpdesk's address {why}: it has to look like https://<name>.kayako.com"
        ),
    };
    let mut url =
        Url::parse(address.trim()).map_err(|error| unusable(&format!("is none ({error})")))?;
    if url.path().contains("index.php") || url.query().is_some_and(|query| query.contains("e=")) {
        return Err(session::classic());
    }
    let is_local = match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<core::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => return Err(unusable("names no host")),
    };
    match url.scheme() {
        "https" => {}
        "http" if is_local => {}
        "http" => return Err(unusable("would send the password in the clear")),
        _ => return Err(unusable("is not of the web")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("must not hold credentials"));
    }
    url.set_path("/api/v1/");
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests;
