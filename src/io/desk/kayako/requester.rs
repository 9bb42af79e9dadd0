//! Whom a case belongs to: found by an identity that was read back, or made.

use serde_json::json;

use super::fault::{Code, Fault};
use super::wire::{Completion, Reference, Role, User, id_value};
use super::{Kayako, Request};
use crate::io::desk::{DeskError, Occasion};
use crate::ticket::saga::StepResult;
use crate::ticket::{CallId, Requester};

/// How many hits of a search are read to find the right one.
const CANDIDATES_MAX: usize = 10;
/// After so many attempts in vain an address that exists but cannot be found is left out.
const PATIENCE_WITH_EMAIL: u32 = 3;
/// Digits below which a number is no identity worth searching for.
const DIGITS_MIN: usize = 3;

impl Kayako {
    /// Looks for the user by confirmed e-mail address, else by number, else by the name that stands for a
    /// caller without either (it holds the number or the call's id, so it is nobody else's).
    pub(super) async fn find_requester(
        &self,
        requester: &Requester,
        call_id: &CallId,
    ) -> Result<StepResult, DeskError> {
        let found = self
            .look_for(requester, call_id)
            .await
            .map_err(Fault::into_error)?;
        Ok(found.map_or(StepResult::NotFound, StepResult::Found))
    }

    async fn look_for(
        &self,
        requester: &Requester,
        call_id: &CallId,
    ) -> Result<Option<String>, Fault> {
        if let Some(email) = &requester.email
            && let Some(id) = self.user_by_email(email).await?
        {
            return Ok(Some(id));
        }
        if let Some(phone) = &requester.phone
            && digits(phone).len() >= DIGITS_MIN
        {
            let by_number = |user: &User| has_number(user, phone) || stands_for(user, phone);
            if let Some(id) = self.search_user(phone, by_number).await? {
                return Ok(Some(id));
            }
        }
        if requester.name.contains(&call_id.0) {
            let by_name = |user: &User| user.full_name == requester.name;
            return self.search_user(&requester.name, by_name).await;
        }
        Ok(None)
    }

    /// Makes the user, and adds his number where Kayako takes it.
    pub(super) async fn create_requester(
        &self,
        requester: &Requester,
        occasion: Occasion<'_>,
    ) -> Result<StepResult, DeskError> {
        let made = self.make_user(requester, occasion.attempt).await;
        let id = match made {
            Ok(Some(id)) => id,
            Ok(None) => return Ok(StepResult::Duplicate),
            Err(fault) => return Err(fault.into_create_error(self.settle)),
        };
        if let Some(phone) = &requester.phone
            && let Err(fault) = self.add_number(&id, phone).await
        {
            let reason = fault.into_error();
            log::warn!(CALL_ID = occasion.call_id.0.as_str(); "the caller's number could not be added to the helpdesk's user: {reason}");
        }
        Ok(StepResult::Created(id))
    }

    /// The new user's id; `None` when there is one with this address already.
    async fn make_user(
        &self,
        requester: &Requester,
        attempt: u32,
    ) -> Result<Option<String>, Fault> {
        let email = requester.email.as_deref();
        let first = self.post_user(requester, email).await;
        let is_duplicate = matches!(
            &first,
            Err(Fault::Invalid {
                error: Code::Duplicate,
                ..
            })
        );
        match &first {
            Err(fault) if fault.is_about_request() => {}
            _ => return first.map(Some),
        }
        if is_duplicate && email.is_some() && attempt < PATIENCE_WITH_EMAIL {
            return Ok(None);
        }
        if !is_duplicate {
            // The role may have been replaced since it was read.
            *self.role.lock().await = None;
            let second = self.post_user(requester, email).await;
            match &second {
                Err(fault) if fault.is_about_request() && email.is_some() => {}
                _ => return second.map(Some),
            }
        }
        // The address belongs to somebody who cannot be found, or is not taken at all. It stands in the
        // ticket, and the ticket must not wait for ever.
        self.post_user(requester, None).await.map(Some)
    }

    async fn post_user(&self, requester: &Requester, email: Option<&str>) -> Result<String, Fault> {
        let role = self.customer_role().await?;
        let mut body = json!({
            "full_name": full_name(requester),
            "role_id": id_value(&role),
        });
        if let Some(email) = email {
            body["email"] = json!(email);
        }
        let envelope = self.api.ask(Request::post("users.json", body)).await?;
        let made: Option<Reference> = envelope.item();
        made.map(|made| made.id.text())
            .ok_or_else(|| Fault::Unclear {
                reason: "the helpdesk does not name the user it made".to_owned(),
            })
    }

    async fn add_number(&self, user: &str, phone: &str) -> Result<(), Fault> {
        let body = json!({ "user_id": id_value(user), "number": phone, "is_primary": true });
        self.api
            .ask(Request::post("identities/phones.json", body))
            .await
            .map(drop)
    }

    /// The id of the role that customers have.
    async fn customer_role(&self) -> Result<String, Fault> {
        let mut role = self.role.lock().await;
        if let Some(role) = &*role {
            return Ok(role.clone());
        }
        let request = Request::get("roles.json").with("limit", "100");
        let roles: Vec<Role> = self.api.ask(request).await?.items();
        let Some(customer) = roles.iter().find(|role| role.kind == "CUSTOMER") else {
            return Err(Fault::Later {
                after: None,
                reason: "the helpdesk has no role of type CUSTOMER that we may see".to_owned(),
            });
        };
        Ok(role.insert(customer.id.text()).clone())
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<String>, Fault> {
        let by_email = |user: &User| has_email(user, email);
        let request = Request::get("autocomplete/emails.json").with("address", email);
        let completions: Vec<Completion> = match self.api.ask(request).await {
            Ok(envelope) => envelope.items(),
            Err(fault) if fault.is_about_request() => Vec::new(),
            Err(fault) => return Err(fault),
        };
        let users = completions
            .into_iter()
            .filter(|completion| completion.parent.resource_type != "organization")
            .map(|completion| completion.parent.id.text());
        match self.first_that(users, by_email).await? {
            Some(id) => Ok(Some(id)),
            None => self.search_user(email, by_email).await,
        }
    }

    /// Searches users and gives the first that is found to be the right one.
    async fn search_user(
        &self,
        words: &str,
        is_right: impl Fn(&User) -> bool,
    ) -> Result<Option<String>, Fault> {
        let request = Request::get("search.json")
            .with("query", words)
            .with("resources", "USERS");
        let hits: Vec<Reference> = match self.api.ask(request).await {
            Ok(envelope) => envelope.items(),
            Err(fault) if fault.is_about_request() => Vec::new(),
            Err(fault) => return Err(fault),
        };
        self.first_that(hits.into_iter().map(|hit| hit.id.text()), is_right)
            .await
    }

    async fn first_that(
        &self,
        ids: impl Iterator<Item = String>,
        is_right: impl Fn(&User) -> bool,
    ) -> Result<Option<String>, Fault> {
        for id in ids.take(CANDIDATES_MAX) {
            let request = Request::get(format!("users/{}.json", path_part(&id)))
                .with("include", "identity_email,identity_phone");
            let user: Option<User> = match self.api.ask(request).await {
                Ok(envelope) => envelope.item(),
                Err(fault) if fault.is_about_request() => None,
                Err(fault) => return Err(fault),
            };
            if let Some(user) = user.filter(&is_right) {
                return Ok(Some(user.id.text()));
            }
        }
        Ok(None)
    }
}

/// The name a user is made with; never empty.
fn full_name(requester: &Requester) -> String {
    match (requester.name.trim(), &requester.phone) {
        ("", Some(phone)) => placeholder(phone),
        ("", None) => "Unknown caller".to_owned(),
        (name, _) => name.to_owned(),
    }
}

/// The name of a user of whom only the number is known.
fn placeholder(phone: &str) -> String {
    format!("Caller {phone}")
}

fn has_email(user: &User, wanted: &str) -> bool {
    let mut emails = user
        .emails
        .iter()
        .filter_map(|identity| identity.email.as_deref());
    emails.any(|email| email.trim().to_lowercase() == wanted.trim().to_lowercase())
}

fn has_number(user: &User, wanted: &str) -> bool {
    let mut numbers = user
        .phones
        .iter()
        .filter_map(|identity| identity.number.as_deref());
    numbers.any(|number| digits(number) == digits(wanted))
}

/// True when the user was made for this number, even if Kayako did not take it as an identity.
fn stands_for(user: &User, phone: &str) -> bool {
    user.full_name == placeholder(phone)
}

/// The digits of a number in international form: separators and the sign or prefix of it are dropped.
fn digits(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("00") {
        Some(rest) if !number.trim_start().starts_with('+') => rest.to_owned(),
        _ => digits,
    }
}

/// An id as part of a path: only what ids consist of.
pub(super) fn path_part(id: &str) -> String {
    id.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect()
}

#[cfg(test)]
mod tests;
