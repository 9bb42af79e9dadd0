//! Cases: looked up by the call's own tag, made with the labels the administrator chose.

use serde_json::Value;

use super::fault::Fault;
use super::requester::path_part;
use super::wire::{Case, Labelled, Reference, id_value, new_case};
use super::{Kayako, Request};
use crate::io::desk::DeskError;
use crate::ticket::saga::StepResult;
use crate::ticket::{CallId, Draft};

/// How many hits of a search are read to find the right case.
const CANDIDATES_MAX: usize = 10;
/// The field of a new case that names its requester.
const REQUESTER: &str = "requester_id";

/// The chosen labels as ids, each under the name it has in a new case.
#[derive(Clone, Debug, Default)]
pub(super) struct LabelIds(Vec<(&'static str, String)>);

impl Kayako {
    /// Looks for the case of a call: by its tag, and by its id in the text for a helpdesk that keeps no
    /// tags. Only a case that is seen to bear the one or the other counts.
    pub(super) async fn find_ticket(&self, call_id: &CallId) -> Result<StepResult, DeskError> {
        let found = match self.case_by_tag(call_id).await {
            Ok(None) => self.case_by_search(call_id).await,
            other => other,
        };
        let found = found.map_err(Fault::into_error)?;
        Ok(found.map_or(StepResult::NotFound, StepResult::Found))
    }

    async fn case_by_tag(&self, call_id: &CallId) -> Result<Option<String>, Fault> {
        let tag = call_id.tag();
        let request = Request::get("cases.json")
            .with("tags", tag.as_str())
            .with("fields", "+tags")
            .with("include", "tag")
            .with("limit", "100");
        let cases: Vec<Case> = match self.api.ask(request).await {
            Ok(envelope) => envelope.items(),
            Err(fault) if fault.is_about_request() => Vec::new(),
            Err(fault) => return Err(fault),
        };
        let found = cases.iter().find(|case| case.bears(&tag));
        Ok(found.map(|case| case.id.text()))
    }

    async fn case_by_search(&self, call_id: &CallId) -> Result<Option<String>, Fault> {
        let request = Request::get("search.json")
            .with("query", call_id.0.as_str())
            .with("resources", "CASES");
        let hits: Vec<Reference> = match self.api.ask(request).await {
            Ok(envelope) => envelope.items(),
            Err(fault) if fault.is_about_request() => Vec::new(),
            Err(fault) => return Err(fault),
        };
        for hit in hits.iter().take(CANDIDATES_MAX) {
            let id = hit.id.text();
            if self.is_case_of(&id, call_id).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Reads a case, and where it bears no tags its posts, to see whether it is the call's.
    async fn is_case_of(&self, id: &str, call_id: &CallId) -> Result<bool, Fault> {
        let path = path_part(id);
        let request = Request::get(format!("cases/{path}.json"))
            .with("fields", "+tags")
            .with("include", "tag");
        let case: Option<Case> = match self.api.ask(request).await {
            Ok(envelope) => envelope.item(),
            Err(fault) if fault.is_about_request() => None,
            Err(fault) => return Err(fault),
        };
        match case {
            Some(case) if case.bears(&call_id.tag()) => return Ok(true),
            Some(_) => {}
            None => return Ok(false),
        }
        let request = Request::get(format!("cases/{path}/posts.json")).with("limit", "100");
        match self.api.ask(request).await {
            Ok(envelope) => Ok(mentions(&envelope.data, &call_id.0)),
            Err(fault) if fault.is_about_request() => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Makes the case.
    pub(super) async fn create_ticket(
        &self,
        requester_id: &str,
        draft: &Draft,
    ) -> Result<StepResult, DeskError> {
        let body = new_case(draft, requester_id, &self.labels.tags);
        let ids = self.label_ids(draft).await.map_err(Fault::into_error)?;
        match self.post_case(&body, &ids).await {
            Err(fault) if matches!(&fault, Fault::Invalid { field, .. } if field == REQUESTER) => {
                self.conclude(Err(fault))
            }
            // A label may have been replaced since it was read: read them again, and do without if need be.
            Err(fault) if fault.is_about_request() && !ids.0.is_empty() => {
                *self.label_ids.lock().await = None;
                let fresh = self.label_ids(draft).await.map_err(Fault::into_error)?;
                match self.post_case(&body, &fresh).await {
                    Err(fault) if fault.is_about_request() && !fresh.0.is_empty() => {
                        log::error!(CALL_ID = draft.call_id.0.as_str(); "the helpdesk does not take status, priority, type or team of a ticket: it is made without them ({})", fault.into_error());
                        self.conclude(self.post_case(&body, &LabelIds::default()).await)
                    }
                    made => self.conclude(made),
                }
            }
            made => self.conclude(made),
        }
    }

    fn conclude(&self, made: Result<String, Fault>) -> Result<StepResult, DeskError> {
        match made {
            Ok(id) => Ok(StepResult::Created(id)),
            Err(fault) if is_requester_gone(&fault) => Ok(StepResult::NotFound),
            Err(fault) => Err(fault.into_create_error(self.settle)),
        }
    }

    async fn post_case(&self, body: &Value, ids: &LabelIds) -> Result<String, Fault> {
        let mut body = body.clone();
        for (name, id) in &ids.0 {
            body[*name] = id_value(id);
        }
        let envelope = self.api.ask(Request::post("cases.json", body)).await?;
        let made: Option<Reference> = envelope.item();
        made.map(|made| made.id.text())
            .ok_or_else(|| Fault::Unclear {
                reason: "the helpdesk does not name the case it made".to_owned(),
            })
    }

    /// The ids of the chosen labels; one that the helpdesk does not have is left out with an alarm.
    async fn label_ids(&self, draft: &Draft) -> Result<LabelIds, Fault> {
        let mut known = self.label_ids.lock().await;
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        let chosen = [
            ("status_id", "cases/statuses.json", &self.labels.status),
            (
                "priority_id",
                "cases/priorities.json",
                &self.labels.priority,
            ),
            ("type_id", "cases/types.json", &self.labels.kind),
            ("assigned_team_id", "teams.json", &self.labels.team),
        ];
        let mut ids = LabelIds::default();
        for (name, path, wanted) in chosen {
            let Some(wanted) = wanted else { continue };
            let request = Request::get(path)
                .with("limit", "100")
                .with("include", "locale_field");
            let offered: Vec<Labelled> = match self.api.ask(request).await {
                Ok(envelope) => envelope.items(),
                Err(fault) if fault.is_about_request() => Vec::new(),
                Err(fault) => return Err(fault),
            };
            match offered.iter().find(|offered| offered.is_called(wanted)) {
                Some(offered) => ids.0.push((name, offered.id.text())),
                None => {
                    log::error!(CALL_ID = draft.call_id.0.as_str(); "the helpdesk has no {name} called {wanted:?}: tickets are made without it");
                }
            }
        }
        Ok(known.insert(ids).clone())
    }
}

/// True when the case is not taken because its requester was deleted or merged meanwhile.
fn is_requester_gone(fault: &Fault) -> bool {
    match fault {
        Fault::NotFound { .. } => true,
        Fault::Invalid { field, .. } => field == REQUESTER,
        _ => false,
    }
}

/// True when the id occurs anywhere in the answer, not as a part of another.
fn mentions(data: &Value, id: &str) -> bool {
    match data {
        Value::String(text) => has_word(text, id),
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, id)),
        _ => false,
    }
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '-';
    text.match_indices(word).any(|(place, _)| {
        let before = text[..place]
            .strip_suffix("ringwell-")
            .unwrap_or(&text[..place]);
        let after = &text[place + word.len()..];
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}
