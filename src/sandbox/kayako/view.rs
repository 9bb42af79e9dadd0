//! Resources as JSON: references stay references unless `include` names their type.

use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::{Call, Case, Desk, Post, User};
use crate::io::clock;

/// Role of service accounts.
pub(super) const AGENT: u64 = 2;
/// (id, label, type).
pub(super) type Labels = &'static [(u64, &'static str, &'static str)];
pub(super) const ROLES: Labels = &[
    (1, "Administrator", "ADMIN"),
    (AGENT, "Agent", "AGENT"),
    (4, "Customer", "CUSTOMER"),
];
pub(super) const TEAMS: Labels = &[(1, "General", ""), (2, "Billing", "")];
pub(super) const STATUSES: Labels = &[
    (1, "New", "NEW"),
    (2, "Open", "OPEN"),
    (3, "Pending", "PENDING"),
    (4, "Completed", "COMPLETED"),
    (5, "Closed", "CLOSED"),
];
pub(super) const PRIORITIES: Labels = &[
    (1, "Low", ""),
    (2, "Normal", ""),
    (3, "High", ""),
    (4, "Urgent", ""),
];
pub(super) const TYPES: Labels = &[
    (1, "Question", "QUESTION"),
    (2, "Task", "TASK"),
    (3, "Problem", "PROBLEM"),
    (4, "Incident", "INCIDENT"),
];

/// The label of an id.
pub(super) fn label(list: Labels, id: Option<u64>) -> Option<&'static str> {
    let found = list.iter().find(|(each, ..)| Some(*each) == id);
    found.map(|(_, label, _)| *label)
}

/// The name of a role.
pub(super) fn role_name(id: u64) -> Option<&'static str> {
    label(ROLES, Some(id))
}

/// The civil time in ISO 8601.
pub(super) fn now() -> String {
    let since = clock::wallclock().duration_since(UNIX_EPOCH);
    iso(since.map(|time| time.as_secs()).unwrap_or(0))
}

/// Seconds since 1970 in ISO 8601 (days to date by the proleptic Gregorian calendar).
pub(super) fn iso(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let era_day = days + 719_468;
    let era = era_day / 146_097;
    let day_of_era = era_day % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

/// What the request wants to see.
pub(super) struct View<'a> {
    pub(super) desk: &'a Desk,
    pub(super) base: &'a str,
    include: Vec<&'a str>,
    tags: bool,
}

impl<'a> View<'a> {
    pub(super) fn new(desk: &'a Desk, call: &'a Call) -> Self {
        let include = call.argument("include").unwrap_or_default();
        let fields = call.argument("fields").unwrap_or_default();
        Self {
            desk,
            base: &call.base,
            include: include.split(',').map(str::trim).collect(),
            // A plus sign in a query may have been read as a space.
            tags: fields
                .split(',')
                .any(|field| field.trim_matches([' ', '+']) == "tags"),
        }
    }

    pub(super) fn includes(&self, kind: &str) -> bool {
        self.include
            .iter()
            .any(|each| *each == kind || *each == "*")
    }

    /// A reference, or what it refers to.
    pub(super) fn reference(&self, kind: &str, id: u64, whole: impl Fn() -> Value) -> Value {
        if self.includes(kind) {
            whole()
        } else {
            json!({"id": id, "resource_type": kind})
        }
    }

    fn labelled(&self, kind: &'static str, list: Labels, id: Option<u64>) -> Value {
        match id {
            Some(id) => self.reference(kind, id, || self.label(kind, list, id)),
            None => Value::Null,
        }
    }

    /// One of a list of labels.
    pub(super) fn label(&self, kind: &str, list: Labels, id: u64) -> Value {
        let place = list.iter().position(|(each, ..)| *each == id).unwrap_or(0);
        let (_, label, class) = list[place];
        let name = if matches!(kind, "role" | "team") {
            "title"
        } else {
            "label"
        };
        let mut value = json!({"id": id, name: label, "resource_type": kind,
            "resource_url": format!("{}/{}/{id}", self.base, path(kind))});
        if !class.is_empty() {
            value["type"] = json!(class);
        }
        if kind == "case_priority" {
            value["level"] = json!(id);
        }
        value
    }

    pub(super) fn user(&self, user: &User) -> Value {
        let emails = user.emails.iter();
        let emails: Vec<Value> = emails
            .map(|(id, text)| self.reference("identity_email", *id, || email(*id, text, user.id)))
            .collect();
        let phones = user.phones.iter();
        let phones: Vec<Value> = phones
            .map(|(id, text)| self.reference("identity_phone", *id, || phone(*id, text, user.id)))
            .collect();
        json!({"id": user.id, "full_name": user.full_name, "is_enabled": true,
            "role": self.labelled("role", ROLES, Some(user.role)), "emails": emails, "phones": phones,
            "twitter": [], "facebook": [], "custom_fields": [], "created_at": user.created,
            "updated_at": user.created, "resource_type": "user",
            "resource_url": format!("{}/users/{}", self.base, user.id)})
    }

    fn user_of(&self, id: u64) -> Value {
        self.reference("user", id, || {
            self.desk
                .user(id)
                .map_or(Value::Null, |user| self.user(user))
        })
    }

    pub(super) fn case(&self, case: &Case) -> Value {
        let mut value = json!({"id": case.id, "subject": case.subject,
            "requester": self.user_of(case.requester), "creator": self.user_of(case.creator),
            "assigned_agent": case.agent.map(|id| self.user_of(id)),
            "assigned_team": self.labelled("team", TEAMS, case.team),
            "status": self.labelled("case_status", STATUSES, Some(case.status)),
            "priority": self.labelled("case_priority", PRIORITIES, case.priority),
            "type": self.labelled("case_type", TYPES, case.kind),
            "form": null, "custom_fields": [], "post_count": case.posts.len(),
            "has_notes": case.posts.iter().any(|post| post.channel == "NOTE"),
            "has_attachments": false, "state": "ACTIVE", "source_channel": null,
            "last_public_channel": null, "created_at": case.created, "updated_at": case.updated,
            "resource_type": "case", "resource_url": format!("{}/cases/{}", self.base, case.id)});
        if self.tags {
            let tags = case.tags.iter();
            let tags: Vec<Value> = (1..)
                .zip(tags)
                .map(|(id, name): (u64, _)| {
                    self.reference(
                        "tag",
                        id,
                        || json!({"id": id, "name": name, "resource_type": "tag"}),
                    )
                })
                .collect();
            value["tags"] = json!(tags);
        }
        value
    }

    pub(super) fn post(&self, post: &Post) -> Value {
        json!({"id": post.id, "contents": post.contents, "creator": self.user_of(post.creator),
            "source": "API", "channel": post.channel, "created_at": post.created,
            "resource_type": "post", "resource_url": format!("{}/posts/{}", self.base, post.id)})
    }
}

fn path(kind: &str) -> &'static str {
    match kind {
        "role" => "roles",
        "team" => "teams",
        "case_status" => "cases/statuses",
        "case_priority" => "cases/priorities",
        _ => "cases/types",
    }
}

/// An e-mail identity.
pub(super) fn email(id: u64, address: &str, user: u64) -> Value {
    json!({"id": id, "email": address, "is_primary": true, "is_validated": true,
        "is_notification_enabled": false, "user": {"id": user, "resource_type": "user"},
        "resource_type": "identity_email"})
}

/// A telephone identity.
pub(super) fn phone(id: u64, number: &str, user: u64) -> Value {
    json!({"id": id, "number": number, "is_primary": true, "is_validated": false,
        "user": {"id": user, "resource_type": "user"}, "resource_type": "identity_phone"})
}
