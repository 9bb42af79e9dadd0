//! Which session an INVITE with Replaces names (RFC 3891 §3). Whether it may take its place is the
//! owner's question.

use bytes::Bytes;

use super::Endpoint;
use super::sessions::{DialogKey, Record};
use crate::sip::SessionId;
use crate::sip::message::{Method, Name, Replaces, Request, Response, StatusCode};
use crate::sip::transaction::ClientEvent;

/// What is known of the far ends of a session's dialogs.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// Their tags: one, or those of the branches of a forked call of ours.
    tags: Vec<Bytes>,
    /// Whether the call is ours.
    initiated: bool,
    /// Whether a 2xx has passed.
    confirmed: bool,
}

/// Branches of a forked call that Replaces can name; a further one is answered 481.
const TAGS_MAX: usize = 8;

/// How Replaces names a peer without tag (RFC 3891 §6.1).
const NO_TAG: &[u8] = b"0";

impl Peers {
    fn meet(&mut self, tag: Option<Bytes>, initiated: bool, status: StatusCode) {
        let tag = tag.unwrap_or_else(|| Bytes::from_static(NO_TAG));
        if !self.tags.contains(&tag) && self.tags.len() < TAGS_MAX {
            self.tags.push(tag);
        }
        self.initiated |= initiated;
        self.confirmed |= status.is_success();
    }
}

impl Endpoint {
    /// A 101-299 to an INVITE is sent.
    pub(super) fn meet_caller(&mut self, session: SessionId, response: &Response) {
        if let Some(record) = self.sessions.get_mut(session) {
            let tag = response.from_tag();
            record.peers.meet(tag, false, response.status);
        }
    }

    /// A response to an INVITE of ours has come.
    pub(super) fn meet_callee(&mut self, session: SessionId, event: &ClientEvent) {
        if let ClientEvent::Response(response) = event
            && (101..300).contains(&response.status.0)
            && let Some(record) = self.sessions.get_mut(session)
        {
            record.peers.meet(response.to_tag(), true, response.status);
        }
    }

    /// The session whose place an INVITE is to take, if it says so, or the status to refuse it with.
    pub(super) fn replaced_by(&self, invite: &Request) -> Result<Option<SessionId>, StatusCode> {
        let mut values = invite.headers.all(&Name::Replaces);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let single = values.next().is_none()
            && !invite.headers.contains(&Name::Join)
            && invite.method == Method::Invite;
        let replaces = Replaces::parse(value).filter(|_| single);
        let replaces = replaces.ok_or(StatusCode::BAD_REQUEST)?;
        let key = DialogKey::new(&replaces.call_id, &replaces.to_tag);
        let session = self.sessions.find(&key);
        let found = session.and_then(|id| Some((id, self.sessions.get(id)?)));
        let named = found.filter(|(_, record)| record.peers.tags.contains(&replaces.from_tag));
        let (session, record) = named.ok_or(StatusCode::CALL_DOES_NOT_EXIST)?;
        replaceable(record, &replaces).map(|()| Some(session))
    }
}

fn replaceable(record: &Record, replaces: &Replaces) -> Result<(), StatusCode> {
    match (record.closed, record.peers.confirmed) {
        (true, _) => Err(StatusCode::DECLINE),
        (false, true) if replaces.early_only => Err(StatusCode::BUSY_HERE),
        (false, true) => Ok(()),
        // Only whoever calls can have somebody else take an early dialog over.
        (false, false) if record.peers.initiated => Ok(()),
        (false, false) => Err(StatusCode::CALL_DOES_NOT_EXIST),
    }
}
