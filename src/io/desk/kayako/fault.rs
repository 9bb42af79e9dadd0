//! What an answer other than success means.

use std::time::Duration;

use super::wire::{Envelope, ErrorItem, retry_after};
use crate::io::desk::DeskError;

/// How long we keep away after credentials were refused: often enough to notice that they are right again,
/// too rarely for the account to be locked.
pub(super) const BARRED: Duration = Duration::from_secs(3600);
/// The least time to keep away from a locked account.
const LOCKED_MIN: Duration = Duration::from_secs(600);

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing was done; it may be asked again.
    Later {
        after: Option<Duration>,
        reason: String,
    },
    /// It may have been done, or not.
    Unclear { reason: String },
    /// The session is not known (any more).
    NoSession { reason: String },
    /// The session or the credentials are not taken.
    Denied { reason: String },
    /// Credentials, permissions or address are wrong.
    Barred { after: Duration, reason: String },
    /// What the path or an id names is not there.
    NotFound { reason: String },
    /// The request is not taken, because of this field if one is named.
    Invalid {
        error: Code,
        field: String,
        reason: String,
    },
}

/// Kayako's error codes that make a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The value exists already.
    Duplicate,
    /// Any other.
    Other,
}

impl Fault {
    /// For a request that may be repeated without harm.
    pub(super) fn into_error(self) -> DeskError {
        match self {
            Self::Later { after, reason } => DeskError::Retry { after, reason },
            Self::Unclear { reason } | Self::NoSession { reason } => DeskError::Retry {
                after: None,
                reason,
            },
            Self::Denied { reason } => DeskError::Barred {
                after: BARRED,
                reason,
            },
            Self::Barred { after, reason } => DeskError::Barred { after, reason },
            Self::NotFound { reason } | Self::Invalid { reason, .. } => {
                DeskError::Refused { reason }
            }
        }
    }

    /// For a create: when it is unclear whether it was done, a look-up is to be trusted only after `settle`.
    pub(super) fn into_create_error(self, settle: Duration) -> DeskError {
        match self {
            Self::Unclear { reason } => DeskError::Retry {
                after: Some(settle),
                reason,
            },
            other => other.into_error(),
        }
    }

    /// What it means when signing in: 401 is about the credentials then.
    pub(super) fn at_sign_in(self) -> Self {
        match self {
            Self::Denied { reason } => Self::Barred {
                after: BARRED,
                reason,
            },
            other => other,
        }
    }

    /// True when another way to ask the same may succeed.
    pub(super) fn is_about_request(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Invalid { .. })
    }
}

/// Reads an answer that is not a success.
pub(super) fn fault(status: u16, after: Option<&str>, envelope: Option<&Envelope>) -> Fault {
    let first = envelope.and_then(|envelope| envelope.errors.first());
    let code = first.map(|error| error.code.as_str()).unwrap_or_default();
    let after = retry_after(after);
    let reason = describe(status, first);
    let invalid = |error, reason| Fault::Invalid {
        error,
        field: first
            .map(|error| error.parameter.clone())
            .unwrap_or_default(),
        reason,
    };
    match (status, code) {
        (_, "AUTHENTICATION_LOCKED") => Fault::Barred {
            after: after.unwrap_or_default().max(LOCKED_MIN),
            reason: format!(
                "{reason}: the helpdesk has locked the account; check its e-mail address and password"
            ),
        },
        (_, "OTP_EXPECTED") => Fault::Barred {
            after: BARRED,
            reason: format!(
                "{reason}: the account asks for a second factor, which a machine cannot give; use a service agent without two-factor sign-in"
            ),
        },
        (454, _) | (_, "SESSION_LOADING_FAILED") => Fault::NoSession { reason },
        (401, _) => Fault::Denied {
            reason: format!("{reason}: check the e-mail address and password of the service agent"),
        },
        (403, _) => Fault::Barred {
            after: BARRED,
            reason: format!("{reason}: the service agent lacks a permission"),
        },
        (426, _) => Fault::Barred {
            after: BARRED,
            reason: format!("{reason}: the address has to begin with https"),
        },
        (404, _) if envelope.is_none() => Fault::Barred {
            after: BARRED,
            reason: format!("{reason}: there is no Kayako at this address"),
        },
        (404, _) => Fault::NotFound { reason },
        (408 | 429, _) => Fault::Later { after, reason },
        (503, _) if after.is_some() => Fault::Later { after, reason },
        (500.., _) => Fault::Unclear { reason },
        (_, "FIELD_DUPLICATE") => invalid(Code::Duplicate, reason),
        _ => invalid(Code::Other, reason),
    }
}

/// `the helpdesk answered 400 (FIELD_INVALID status_id: Bad value)`.
fn describe(status: u16, error: Option<&ErrorItem>) -> String {
    let Some(ErrorItem {
        code,
        parameter,
        message,
    }) = error
    else {
        return format!("the helpdesk answered {status}");
    };
    let space = if parameter.is_empty() { "" } else { " " };
    let message: String = message
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    // These words reach the log, where no caller's number or address may stand.
    if message.contains('@') || message.chars().filter(char::is_ascii_digit).count() > 5 {
        return format!("the helpdesk answered {status} ({code}{space}{parameter})");
    }
    format!("the helpdesk answered {status} ({code}{space}{parameter}: {message})")
}
