//! Who asks: Basic, a session, or a bearer token.

use std::collections::{HashMap, VecDeque};

use axum::http::{HeaderMap, StatusCode};

use super::Desk;
use super::envelope::Trouble;
use crate::io::clock;

/// Sessions remembered; the oldest is forgotten, whose owner then gets 454.
const MAX_SESSIONS: usize = 1_000;
/// Wrong passwords for one address before it is locked.
const MAX_FAILURES: u32 = 5;
/// Addresses whose wrong passwords are counted; when there are more, counting starts anew.
const MAX_COUNTED: usize = 1_000;
/// The password that is wrong.
const REFUSED: &str = "refused";
/// Every agent is the service account.
const SERVICE: u64 = 1;

#[derive(Debug)]
struct Session {
    id: String,
    user_agent: String,
}

/// Sessions, and wrong passwords by address.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: VecDeque<Session>,
    failures: HashMap<String, u32>,
}

type Identity = (Option<u64>, Option<String>);

/// The asking agent, if any, and the session that was opened for him.
pub(super) fn authenticate(desk: &mut Desk, headers: &HeaderMap) -> Result<Identity, Trouble> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = text("authorization");
    let user_agent = text("user-agent").unwrap_or_default().to_owned();
    let lost = || {
        let status = StatusCode::from_u16(454).unwrap_or(StatusCode::UNAUTHORIZED);
        Trouble::new(status, "SESSION_LOADING_FAILED")
    };
    let failed = || Trouble::new(StatusCode::UNAUTHORIZED, "AUTHENTICATION_FAILED");
    match (authorization, text("x-session-id")) {
        (None, None) => Ok((None, None)),
        // "Do not supply the Basic header in subsequent requests."
        (Some(_), Some(_)) => Err(lost()),
        (None, Some(id)) => {
            let mut open = desk.sessions.open.iter();
            let known = open.any(|session| session.id == id && session.user_agent == user_agent);
            if known {
                Ok((Some(SERVICE), None))
            } else {
                Err(lost())
            }
        }
        (Some(header), None) => match header.split_once(' ') {
            Some(("Basic", code)) => {
                let login = basic(code).ok_or_else(failed)?;
                let id = log_in(desk, &login, user_agent)?;
                Ok((Some(SERVICE), Some(id)))
            }
            Some(("Bearer", token)) if !token.is_empty() && token != REFUSED => {
                Ok((Some(SERVICE), None))
            }
            _ => Err(failed()),
        },
    }
}

fn log_in(
    desk: &mut Desk,
    (email, password): &(String, String),
    user_agent: String,
) -> Result<String, Trouble> {
    let Sessions { open, failures } = &mut desk.sessions;
    if failures
        .get(email)
        .is_some_and(|count| *count >= MAX_FAILURES)
    {
        return Err(Trouble::new(
            StatusCode::TOO_MANY_REQUESTS,
            "AUTHENTICATION_LOCKED",
        ));
    }
    if email.is_empty() || password.is_empty() || password == REFUSED {
        if failures.len() >= MAX_COUNTED {
            failures.clear();
        }
        *failures.entry(email.clone()).or_default() += 1;
        return Err(Trouble::new(
            StatusCode::UNAUTHORIZED,
            "AUTHENTICATION_FAILED",
        ));
    }
    failures.remove(email);
    let [high, low] = clock::seed();
    let id = format!("{high:016x}{low:016x}");
    if open.len() >= MAX_SESSIONS {
        open.pop_front();
    }
    open.push_back(Session {
        id: id.clone(),
        user_agent,
    });
    Ok(id)
}

/// User and password of a Basic header (RFC 7617).
fn basic(code: &str) -> Option<(String, String)> {
    let text = String::from_utf8(base64(code)?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Decodes base64 (RFC 4648 §4).
fn base64(code: &str) -> Option<Vec<u8>> {
    let code = code.trim().trim_end_matches('=');
    let mut bits: u32 = 0;
    let mut held = 0;
    let mut bytes = Vec::with_capacity(code.len());
    for each in code.bytes() {
        let value = match each {
            b'A'..=b'Z' => each - b'A',
            b'a'..=b'z' => each - b'a' + 26,
            b'0'..=b'9' => each - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xFF) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
